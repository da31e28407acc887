#include "conf/node_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *printed(const struct node *node)
{
    static char memory[256];
    struct text text = text_over(memory, sizeof(memory) - 1);
    node_print(&text, node);
    memory[text.length] = '\0';
    return memory;
}

static struct node scalar(struct slice text, bool quoted)
{
    return (struct node){.kind = NODE_SCALAR, .text = text, .quoted = quoted};
}

static void words_stand_as_they_are_and_the_rest_in_quotes(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        bool quoted;
        const char *printed;
    } cases[] = {
        {{"shop", 4}, false, "shop"},
        {{"http://a:80/b c", 15}, false, "http://a:80/b c"},
        {{"1", 1}, true, "\"1\""},
        {{"a, b", 4}, false, "\"a, b\""},
        {{"say \"x\" \\", 9}, true, "\"say \\\"x\\\" \\\\\""},
        {{"two\nlines\t", 10}, true, "\"two\\nlines\\t\""},
        {{"\033[31m", 5}, false, "\"\\x1b[31m\""},
        {{"", 0}, true, "\"\""},
        {{"", 0}, false, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct node node = scalar(cases[i].text, cases[i].quoted);
        assert_string_equal(printed(&node), cases[i].printed);
    }
}

static void lists_and_mappings_are_in_one_line(void **state)
{
    (void)state;
    struct node a = scalar(SLICE("a"), false), b = scalar(SLICE("b"), true);
    struct node *items[] = {&a, &b};
    struct node list = {.kind = NODE_SEQUENCE, .count = 2, .items = items};
    struct node_pair pairs[] = {{.key = SLICE("x"), .value = &list},
                                {.key = SLICE("y"), .value = &a}};
    struct node mapping = {.kind = NODE_MAPPING, .count = 2, .pairs = pairs};
    assert_string_equal(printed(&mapping), "{x: [a, \"b\"], y: a}");
    struct node none = {.kind = NODE_SEQUENCE};
    assert_string_equal(printed(&none), "[]");
}

static void what_came_from_the_environment_is_hidden(void **state)
{
    (void)state;
    static const struct node_stretch stretches[] = {
        {.start = 0, .end = 4}, {.start = 9, .end = 15}, {.start = 0}};
    struct node node = scalar(SLICE("user and secret!"), false);
    node.environment = stretches;
    assert_string_equal(printed(&node), "\"${env...} and ${env...}!\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_stand_as_they_are_and_the_rest_in_quotes),
        cmocka_unit_test(lists_and_mappings_are_in_one_line),
        cmocka_unit_test(what_came_from_the_environment_is_hidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
