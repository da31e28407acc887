#include "conf/node_yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct source sources[] = {
    {.name = {"weir.yaml", 9}}, {.name = {"a\n: b", 5}}, {.name = {"b/c.yaml", 8}}};

static const char *printed_as(const struct node *node, bool names_files)
{
    static char memory[512];
    struct text text = text_over(memory, sizeof(memory) - 1);
    struct node_yaml yaml = {
        .text = &text, .sources = sources, .names_files = names_files, .word = "fetch"};
    node_yaml_print(&yaml, node, 2);
    memory[text.length] = '\0';
    return memory;
}

static const char *printed(const struct node *node)
{
    return printed_as(node, false);
}

static struct node scalar(const char *text, bool quoted)
{
    return (struct node){.kind = NODE_SCALAR,
                         .position = {.line = 3},
                         .text = slice_from_text(text),
                         .quoted = quoted};
}

static void quotes_stand_where_they_stood_or_are_needed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool quoted;
        const char *printed;
    } cases[] = {
        {"off", false, " off # weir.yaml:3\n"},
        {"off", true, " \"off\" # weir.yaml:3\n"},
        {"http://a:1/b c", false, " http://a:1/b c # weir.yaml:3\n"},
        {"a: b", false, " \"a: b\" # weir.yaml:3\n"},
        {"a #b", false, " \"a #b\" # weir.yaml:3\n"},
        {"*.a", false, " \"*.a\" # weir.yaml:3\n"},
        {"-", false, " \"-\" # weir.yaml:3\n"},
        {"-1", false, " -1 # weir.yaml:3\n"},
        {"a ", false, " \"a \" # weir.yaml:3\n"},
        {"say \"\\\"\n", true, " \"say \\\"\\\\\\\"\\n\" # weir.yaml:3\n"},
        {"a\x1b\xc2\x85", false, " \"a\\U0000001B\\U00000085\" # weir.yaml:3\n"},
        {"\xef\xbf\xbe", true, " \"\\U0000FFFE\" # weir.yaml:3\n"},
        {"", false, " # weir.yaml:3\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct node node = scalar(cases[i].text, cases[i].quoted);
        assert_string_equal(printed(&node), cases[i].printed);
    }
}

static void the_environment_is_a_reference_again(void **state)
{
    (void)state;
    static const struct node_stretch stretches[] = {
        {0, 4, {"${env.A}", 8}}, {5, 6, {"${env.B:-\"}", 11}}, {0, 0, {NULL, 0}}};
    struct node node = scalar("hush-x.", false);
    node.environment = stretches;
    assert_string_equal(printed(&node), " ${env.A}-${env.B:-\"}. # weir.yaml:3\n");
    node.quoted = true;
    assert_string_equal(printed(&node), " \"${env.A}-${env.B:-\\\"}.\" # weir.yaml:3\n");
}

static void names_of_files_begin_with_their_folder(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint16_t source;
        const char *printed;
    } cases[] = {
        {"a.html", 0, " a.html # weir.yaml:3\n"},  {"a.html", 2, " b/a.html # b/c.yaml:3\n"},
        {"/a.html", 2, " /a.html # b/c.yaml:3\n"}, {"off", 2, " off # b/c.yaml:3\n"},
        {"fetch", 2, " fetch # b/c.yaml:3\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct node node = scalar(cases[i].text, false);
        node.position.source = cases[i].source;
        assert_string_equal(printed_as(&node, true), cases[i].printed);
    }
}

static void lists_and_mappings_go_over_lines_where_they_must(void **state)
{
    (void)state;
    struct node word = scalar("a", false), text = scalar("b, c", true), bare = scalar("a:b", false);
    struct node *items[] = {&word, &text}, *bare_items[] = {&bare};
    struct node list = {.kind = NODE_SEQUENCE, .position = {.line = 2}, .count = 2};
    struct node bare_list = {.kind = NODE_SEQUENCE, .position = {.line = 2}, .count = 1};
    list.items = items;
    bare_list.items = bare_items;
    assert_string_equal(printed(&list), " [a, \"b, c\"] # weir.yaml:2\n");
    assert_string_equal(printed(&bare_list), " # weir.yaml:2\n  - a:b # weir.yaml:3\n");
    bare = scalar("a\xe2\x80\xa8", false); /* in quotes on any line */
    assert_string_equal(printed(&bare_list), " [\"a\\U00002028\"] # weir.yaml:2\n");
    bare = scalar("a:b", false);
    struct node_pair pairs[] = {{.key = SLICE("404"), .value = &word},
                                {.key = SLICE("a: b"), .value = &bare_list}};
    struct node mapping = {.kind = NODE_MAPPING, .position = {.line = 1}, .count = 2};
    mapping.pairs = pairs;
    assert_string_equal(printed(&mapping),
                        " # weir.yaml:1\n  404: a # weir.yaml:3\n  \"a: b\": # weir.yaml:2\n"
                        "    - a:b # weir.yaml:3\n");
}

static void the_name_of_a_file_does_not_end_the_comment(void **state)
{
    (void)state;
    struct node node = scalar("a", false);
    node.position.source = 1;
    assert_string_equal(printed(&node), " a # a?: b:3\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_stand_where_they_stood_or_are_needed),
        cmocka_unit_test(the_environment_is_a_reference_again),
        cmocka_unit_test(names_of_files_begin_with_their_folder),
        cmocka_unit_test(lists_and_mappings_go_over_lines_where_they_must),
        cmocka_unit_test(the_name_of_a_file_does_not_end_the_comment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
