#include "main/changes.h"

#include "main/vocabulary.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct configuration *load(const char *text)
{
    static const struct configuration_reader reader = {0};
    struct diagnostics *diagnostics = diagnostics_new(4);
    assert_non_null(diagnostics);
    struct configuration *configuration = configuration_load(
        SLICE("weir.yaml"), slice_from_text(text), &vocabulary, &reader, diagnostics);
    assert_non_null(configuration);
    assert_int_equal(diagnostics_errors(diagnostics), 0);
    diagnostics_free(diagnostics);
    return configuration;
}

static void assert_changes(const char *before, const char *after, const char *expected)
{
    char memory[CHANGES_TEXT_MAX + 1];
    struct text text = text_over(memory, CHANGES_TEXT_MAX);
    struct configuration *old = load(before), *new = load(after);
    changes_print(&text, old, new);
    memory[text.length] = '\0';
    assert_string_equal(memory, expected);
    configuration_free(old);
    configuration_free(new);
}

static void form_and_order_change_nothing(void **state)
{
    (void)state;
    assert_changes("sites: [{host: a.example, respond: 200}]\nthreads: 2\n",
                   "# a comment\nthreads: 2\nsites:\n  - respond: 200\n    host: a.example\n",
                   "nothing has changed");
}

static void what_came_went_and_changed_is_named(void **state)
{
    (void)state;
    assert_changes(
        "listen: [':8080', ':8081']\n"
        "upstreams: {one: [':1'], two: [':2'], three: [':3']}\n"
        "sites: [{host: a, proxy: one}, {host: [b, c], proxy: two}, {respond: 200}]\n"
        "threads: 1\n",
        "listen: [':8080', {address: ':8082'}]\n"
        "upstreams: {one: [':1'], two: [':2', ':22'], four: [':4']}\n"
        "sites: [{host: a, proxy: one}, {host: [b, c], proxy: four}, {host: d, proxy: two},"
        " {respond: 201}]\n"
        "timeouts: {drain: 1s}\n",
        "listeners: 1 added (:8082), 1 removed (:8081); "
        "sites: 1 added (d), 2 altered (b, *); "
        "upstreams: 1 added (four), 1 removed (three), 1 altered (two); "
        "settings: 1 added (timeouts), 1 removed (threads)");
}

static void long_lists_end_in_their_number(void **state)
{
    (void)state;
    assert_changes("sites: [{host: z, respond: 200}]\n",
                   "sites: [{host: [a1, b1], respond: 200}, {host: a2, respond: 200},"
                   " {host: a3, respond: 200}, {host: a4, respond: 200}, {host: a5, respond: 200},"
                   " {host: a6, respond: 200}, {host: a7, respond: 200}, {host: a8, respond: 200},"
                   " {host: a9, respond: 200}, {host: z, respond: 200}]\n",
                   "sites: 9 added (a1, a2, a3, a4, a5, a6, a7, a8, ...)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(form_and_order_change_nothing),
        cmocka_unit_test(what_came_went_and_changed_is_named),
        cmocka_unit_test(long_lists_end_in_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
