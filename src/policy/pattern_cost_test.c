/* What is told of costly expressions is held to PCRE2 itself: on a text made for it, such an
 * expression is given up, and one that is not told of is not. */
#include "policy/pattern_cost.h"

#include "base/arena.h"
#include "policy/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { TURNS = 200, TEXT_MAX = 4096 };

struct example {
    const char *expression;
    const char *turn; /* of the text, many times, with an end that does not match */
    size_t at;        /* of the group */
};

static const struct example costly[] = {
    {"^/(a+)+$", "a", 2},         {"^/([a-z]+)*$", "a", 2},      {"^/(.*)*[0-9]$", "a", 2},
    {"^/(?:\\w+\\s?)*$", "a", 2}, {"^/(?<name>a*b?)+$", "a", 2}, {"^/x?((?:a+))+$", "a", 4},
    {"^/(a|b+)+$", "b", 2},       {"^/(a+){2,}$", "a", 2},       {"^/(a{3,})+?$", "a", 2},
    {"^/((ab)*)*$", "ab", 2},     {"^/[^]]?(-?\\.+)+$", ".", 7},
};

static const struct example cheap[] = {
    {"^/(?:/[a-z]+)*$", "/a", 0}, {"^/([a-z]+/)+$", "a/", 0}, {"^/(a+b+)+$", "ab", 0},
    {"^/(a+)?$", "a", 0},         {"^/(a+){2}$", "a", 0},     {"^/(a++)+$", "a", 0},
    {"^/(a+)++$", "a", 0},        {"^/([+*]x)+$", "*x", 0},   {"^/(\\++x)+$", "+x", 0},
    {"^/(a{2}b)+$", "aab", 0},    {"^/(a|b)+$", "ab", 0},     {"^/a{,3}(b)+$", "b", 0},
    {"^/(a+)+", "a", 0},          {"^/((a+)+)", "a", 0},
};

static struct diagnostics *diagnostics;
static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, NULL, 1 << 20);
    diagnostics = diagnostics_new(10);
    return diagnostics ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    diagnostics_free(diagnostics);
    pattern_leave_thread();
    return 0;
}

static enum pattern_verdict verdict_of(const struct example *example)
{
    char memory[TEXT_MAX];
    struct text text = text_over(memory, sizeof(memory));
    struct node scalar = {.kind = NODE_SCALAR,
                          .verbatim = true,
                          .position = {.line = 1, .column = 1},
                          .text = slice_from_text(example->expression)};
    text_add_byte(&text, '/');
    for (int i = 0; i < TURNS; i++)
        text_add(&text, slice_from_text(example->turn));
    text_add_byte(&text, '!');
    assert_false(text_is_cut(&text));
    const struct pattern *pattern = pattern_new(&scalar, 0, &arena, diagnostics);
    assert_non_null(pattern);
    return pattern_match(pattern, text_slice(&text), NULL);
}

static void what_is_told_of_is_given_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(costly) / sizeof(costly[0]); i++) {
        struct slice expression = slice_from_text(costly[i].expression);
        if (pattern_find_nested_repeat(expression) != costly[i].at)
            fail_msg("%s: %zu", costly[i].expression, pattern_find_nested_repeat(expression));
        if (verdict_of(&costly[i]) != PATTERN_TOO_COSTLY)
            fail_msg("%s is not costly", costly[i].expression);
        assert_int_equal(diagnostics_warnings(diagnostics), 1);
        diagnostics_free(diagnostics);
        diagnostics = diagnostics_new(10);
    }
}

static void what_is_cheap_is_not_told_of(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cheap) / sizeof(cheap[0]); i++) {
        struct slice expression = slice_from_text(cheap[i].expression);
        if (pattern_find_nested_repeat(expression) != expression.length)
            fail_msg("%s: %zu", cheap[i].expression, pattern_find_nested_repeat(expression));
        if (verdict_of(&cheap[i]) == PATTERN_TOO_COSTLY)
            fail_msg("%s is costly", cheap[i].expression);
    }
    assert_int_equal(diagnostics_warnings(diagnostics), 0);
}

static void what_is_not_understood_is_not_told_of(void **state)
{
    static const char *const expressions[] = {
        "(?>(a+)+)$",
        "(?=(a+)+)$",
        "(*UTF)(a+)+$",
        "(?x)(a+)+$",
        "\\Q(a+)+\\E$",
        "(a+)+\\1$",
        "[a",
        "(a",
        "a)",
        ")",
        "\\",
        "(?<",
        "[[:alpha:",
        "a{",
        "{",
        "(?P<a",
        "|",
        "",
        "*",
        "(((((((((((((((((((((((((((((((((",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++)
        (void)pattern_find_nested_repeat(slice_from_text(expressions[i]));
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(pattern_find_nested_repeat(slice_from_text(expressions[i])),
                         strlen(expressions[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_told_of_is_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_cheap_is_not_told_of, set_up, tear_down),
        cmocka_unit_test(what_is_not_understood_is_not_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
