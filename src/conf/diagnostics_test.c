#include "conf/diagnostics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct position at(uint16_t source, uint32_t line, uint32_t column)
{
    return (struct position){source, line, column};
}

static void assert_what(const struct diagnostics *diagnostics, size_t index, const char *what)
{
    assert_true(slice_equal(diagnostics_get(diagnostics, index)->what, slice_from_text(what)));
}

static void diagnostics_come_in_order_of_their_places(void **state)
{
    (void)state;
    struct diagnostics *diagnostics = diagnostics_new(10);
    diagnostics_error(diagnostics, at(1, 1, 1), NULL, "fourth");
    diagnostics_error(diagnostics, at(0, 7, 3), NULL, "third");
    diagnostics_warning(diagnostics, at(0, 7, 1), NULL, "second");
    diagnostics_error(diagnostics, at(0, 0, 0), NULL, "first, of no place");
    assert_what(diagnostics, 0, "first, of no place");
    assert_what(diagnostics, 1, "second");
    assert_what(diagnostics, 2, "third");
    assert_what(diagnostics, 3, "fourth");
    assert_int_equal(diagnostics_errors(diagnostics), 3);
    assert_int_equal(diagnostics_warnings(diagnostics), 1);
    diagnostics_free(diagnostics);
}

static void diagnostics_of_one_place_keep_their_order(void **state)
{
    (void)state;
    struct diagnostics *diagnostics = diagnostics_new(10);
    diagnostics_error(diagnostics, at(0, 1, 1), NULL, "b");
    diagnostics_error(diagnostics, at(0, 1, 1), NULL, "a");
    assert_what(diagnostics, 0, "b");
    assert_what(diagnostics, 1, "a");
    diagnostics_free(diagnostics);
}

static void the_same_is_not_told_twice_of_one_place(void **state)
{
    (void)state;
    struct diagnostics *diagnostics = diagnostics_new(10);
    for (int i = 0; i < 3; i++)
        diagnostics_error(diagnostics, at(0, 1, 1), NULL, "again");
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    assert_int_equal(diagnostics_count(diagnostics), 1);
    diagnostics_free(diagnostics);
}

static void beside_an_error_that_stands_alone_no_other_is_told_of_its_place(void **state)
{
    (void)state;
    struct diagnostics *diagnostics = diagnostics_new(10);
    diagnostics_error(diagnostics, at(0, 1, 1), NULL, "before");
    diagnostics_error_alone(diagnostics, at(0, 1, 1), NULL, "it knows best");
    diagnostics_error(diagnostics, at(0, 1, 1), NULL, "behind");
    diagnostics_error(diagnostics, at(0, 1, 2), NULL, "elsewhere");
    diagnostics_warning(diagnostics, at(0, 1, 1), NULL, "a warning");
    assert_int_equal(diagnostics_errors(diagnostics), 3);
    assert_int_equal(diagnostics_count(diagnostics), 4);
    assert_what(diagnostics, 0, "before");
    assert_what(diagnostics, 1, "it knows best");
    assert_what(diagnostics, 2, "a warning");
    assert_what(diagnostics, 3, "elsewhere");
    diagnostics_free(diagnostics);
}

static void errors_of_a_place_can_be_taken_back(void **state)
{
    (void)state;
    struct diagnostics *diagnostics = diagnostics_new(10);
    diagnostics_error(diagnostics, at(0, 1, 1), NULL, "before");
    diagnostics_error(diagnostics, at(0, 1, 2), NULL, "a");
    diagnostics_error(diagnostics, at(0, 1, 2), NULL, "b");
    diagnostics_warning(diagnostics, at(0, 1, 2), NULL, "a warning");
    diagnostics_error(diagnostics, at(1, 1, 2), NULL, "of another file");
    diagnostics_take_back(diagnostics, at(0, 1, 2));
    diagnostics_take_back(diagnostics, at(0, 9, 9));
    assert_int_equal(diagnostics_errors(diagnostics), 2);
    assert_int_equal(diagnostics_count(diagnostics), 3);
    assert_what(diagnostics, 0, "before");
    assert_what(diagnostics, 1, "a warning");
    assert_what(diagnostics, 2, "of another file");
    diagnostics_free(diagnostics);
}

static void what_is_too_much_is_counted_and_errors_go_before_warnings(void **state)
{
    (void)state;
    struct diagnostics *diagnostics = diagnostics_new(3);
    for (uint32_t line = 1; line <= 5; line++)
        diagnostics_warning(diagnostics, at(0, line, 1), NULL, "warning");
    for (uint32_t line = 1; line <= 5; line++)
        diagnostics_error(diagnostics, at(0, line, 2), NULL, "error");
    assert_int_equal(diagnostics_errors(diagnostics), 5);
    assert_int_equal(diagnostics_warnings(diagnostics), 5);
    assert_int_equal(diagnostics_count(diagnostics), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(diagnostics_get(diagnostics, i)->severity, SEVERITY_ERROR);
    diagnostics_free(diagnostics);
}

static void events_give_way_to_warnings_and_those_to_errors(void **state)
{
    (void)state;
    struct diagnostics *diagnostics = diagnostics_new(3);
    for (uint32_t line = 1; line <= 5; line++)
        diagnostics_event(diagnostics, at(0, line, 1), NULL, "event");
    assert_int_equal(diagnostics_unkept(diagnostics, true), 2);
    assert_int_equal(diagnostics_unkept(diagnostics, false), 0);
    for (uint32_t line = 1; line <= 2; line++)
        diagnostics_warning(diagnostics, at(0, line, 2), NULL, "warning");
    diagnostics_error(diagnostics, at(0, 1, 3), NULL, "error");
    diagnostics_event(diagnostics, at(0, 6, 1), NULL, "event");
    assert_what(diagnostics, 0, "warning");
    assert_what(diagnostics, 1, "error");
    assert_what(diagnostics, 2, "warning");
    diagnostics_error(diagnostics, at(0, 2, 3), NULL, "error");
    assert_what(diagnostics, 0, "warning");
    assert_what(diagnostics, 2, "error");
    assert_int_equal(diagnostics_unkept(diagnostics, true), 7);
    assert_int_equal(diagnostics_unkept(diagnostics, false), 1);
    assert_int_equal(diagnostics_warnings(diagnostics), 8);
    diagnostics_free(diagnostics);
}

/* One error at a place of `bytes`, printed. */
static void assert_printed(const char *bytes, uint32_t line, uint32_t column, const char *expected)
{
    char memory[DIAGNOSTIC_PRINTED_MAX + 1] = "";
    struct text text = text_over(memory, DIAGNOSTIC_PRINTED_MAX);
    struct source source = {SLICE("weir.yaml"), slice_from_text(bytes)};
    struct diagnostics *diagnostics = diagnostics_new(1);
    diagnostics_error(diagnostics, at(0, line, column), "the cure", "what is wrong");
    diagnostic_print(&text, diagnostics_get(diagnostics, 0), &source, 1, false);
    assert_string_equal(memory, expected);
    diagnostics_free(diagnostics);
}

static void the_caret_stands_under_its_character(void **state)
{
    (void)state;
    assert_printed("a: b\nfoo: bar\n", 2, 6,
                   "weir.yaml:2:6: error: what is wrong\n"
                   "        foo: bar\n"
                   "             ^\n"
                   "    the cure\n");
}

static void tabs_and_wide_characters_move_the_caret(void **state)
{
    (void)state;
    assert_printed("\tx: 1", 1, 2,
                   "weir.yaml:1:2: error: what is wrong\n"
                   "                x: 1\n"
                   "                ^\n"
                   "    the cure\n");
    assert_printed("\xC3\xA9\xE4\xB8\xAD: x", 1, 5,
                   "weir.yaml:1:5: error: what is wrong\n"
                   "        \xC3\xA9\xE4\xB8\xAD: x\n"
                   "             ^\n"
                   "    the cure\n");
}

static void places_at_the_end_of_a_line_and_of_a_file_are_shown(void **state)
{
    (void)state;
    assert_printed("ab\n", 1, 3,
                   "weir.yaml:1:3: error: what is wrong\n        ab\n          ^\n    the cure\n");
    assert_printed("ab\n", 2, 1,
                   "weir.yaml:2:1: error: what is wrong\n        \n        ^\n    the cure\n");
    assert_printed("", 1, 1,
                   "weir.yaml:1:1: error: what is wrong\n        \n        ^\n    the cure\n");
}

static void long_lines_are_clipped_around_the_caret(void **state)
{
    (void)state;
    char line[1001] = "", memory[DIAGNOSTIC_PRINTED_MAX + 1] = "";
    memset(line, 'a', 1000);
    line[500] = 'X';
    struct text text = text_over(memory, DIAGNOSTIC_PRINTED_MAX);
    struct source source = {SLICE("weir.yaml"), slice_from_text(line)};
    struct diagnostic diagnostic = {
        .severity = SEVERITY_WARNING, .position = {0, 1, 501}, .what = SLICE("long")};
    diagnostic_print(&text, &diagnostic, &source, 1, false);
    const char *excerpt = strchr(memory, '\n') + 1, *caret = strchr(excerpt, '\n') + 1;
    assert_non_null(strstr(memory, "weir.yaml:1:501: warning: long\n        ...aaa"));
    assert_int_equal(strchr(excerpt, 'X') - excerpt, strchr(caret, '^') - caret);
    assert_true(strlen(memory) < 300);
}

static void bytes_that_steer_the_terminal_never_reach_it(void **state)
{
    (void)state;
    char memory[DIAGNOSTIC_PRINTED_MAX + 1] = "";
    struct text text = text_over(memory, DIAGNOSTIC_PRINTED_MAX);
    struct source source = {SLICE("we\033ir.yaml"), SLICE("a\033[31mb\xFF")};
    struct diagnostics *diagnostics = diagnostics_new(1);
    diagnostics_error(diagnostics, at(0, 1, 1), "cu\033re", "%s", "wh\033\nat");
    diagnostic_print(&text, diagnostics_get(diagnostics, 0), &source, 1, false);
    assert_null(strchr(memory, '\033'));
    assert_null(strchr(memory, '\xFF'));
    assert_non_null(strstr(memory, "wh??at\n        a?[31mb?\n"));
    diagnostics_free(diagnostics);
}

static void colour_is_added_where_it_is_wanted(void **state)
{
    (void)state;
    char memory[DIAGNOSTIC_PRINTED_MAX + 1] = "";
    struct text text = text_over(memory, DIAGNOSTIC_PRINTED_MAX);
    struct source source = {SLICE("f"), SLICE("x")};
    struct diagnostic diagnostic = {
        .severity = SEVERITY_ERROR, .position = {0, 1, 1}, .what = SLICE("no")};
    diagnostic_print(&text, &diagnostic, &source, 1, true);
    assert_string_equal(memory, "\033[1mf:1:1: \033[1;31merror:\033[0m\033[1m no\033[0m\n"
                                "        x\n        \033[1;31m^\033[0m\n");
}

static void what_has_no_place_is_told_without_a_line(void **state)
{
    (void)state;
    char memory[DIAGNOSTIC_PRINTED_MAX + 1] = "";
    struct text text = text_over(memory, DIAGNOSTIC_PRINTED_MAX);
    struct diagnostic diagnostic = {.severity = SEVERITY_ERROR, .what = SLICE("no file")};
    diagnostic_print(&text, &diagnostic, NULL, 0, false);
    assert_string_equal(memory, "error: no file\n");
}

static void lines_end_as_in_yaml(void **state)
{
    (void)state;
    struct slice bytes = SLICE("a\r\nb\rc\xC2\x85"
                               "d\xE2\x80\xA8"
                               "e\n\nf");
    static const char *const lines[] = {"a", "b", "c", "d", "e", "", "f", ""};
    for (uint32_t i = 0; i < 8; i++)
        assert_true(slice_equal(source_line(bytes, i + 1), slice_from_text(lines[i])));
}

static void slips_of_the_fingers_are_understood(void **state)
{
    (void)state;
    static const char *const keys[] = {"upstreams", "host", "headers", "tls", "timeouts", "to"};
    static const struct {
        const char *word, *meant;
    } cases[] = {
        {"upsteams", "upstreams"},
        {"hots", "host"},
        {"header", "headers"},
        {"timeout", "timeouts"},
        {"Upstreams", "upstreams"},
        {"tsl", "tls"},
        {"xyz", NULL},
        {"", NULL},
        {"timeoutsss", "timeouts"},
        {"location", NULL},
        {"ot", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *meant = did_you_mean(slice_from_text(cases[i].word), keys, 6);
        if (cases[i].meant)
            assert_string_equal(meant, cases[i].meant);
        else
            assert_null(meant);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_give_way_to_warnings_and_those_to_errors),
        cmocka_unit_test(diagnostics_come_in_order_of_their_places),
        cmocka_unit_test(diagnostics_of_one_place_keep_their_order),
        cmocka_unit_test(the_same_is_not_told_twice_of_one_place),
        cmocka_unit_test(beside_an_error_that_stands_alone_no_other_is_told_of_its_place),
        cmocka_unit_test(errors_of_a_place_can_be_taken_back),
        cmocka_unit_test(what_is_too_much_is_counted_and_errors_go_before_warnings),
        cmocka_unit_test(the_caret_stands_under_its_character),
        cmocka_unit_test(tabs_and_wide_characters_move_the_caret),
        cmocka_unit_test(places_at_the_end_of_a_line_and_of_a_file_are_shown),
        cmocka_unit_test(long_lines_are_clipped_around_the_caret),
        cmocka_unit_test(bytes_that_steer_the_terminal_never_reach_it),
        cmocka_unit_test(colour_is_added_where_it_is_wanted),
        cmocka_unit_test(what_has_no_place_is_told_without_a_line),
        cmocka_unit_test(lines_end_as_in_yaml),
        cmocka_unit_test(slips_of_the_fingers_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
