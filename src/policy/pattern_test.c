#include "policy/pattern.h"

#include "base/arena.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

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
    return 0;
}

static struct node scalar_of(const char *text)
{
    return (struct node){.kind = NODE_SCALAR,
                         .verbatim = true,
                         .position = {.line = 3, .column = 10},
                         .text = slice_from_text(text)};
}

static const struct pattern *pattern_of(const char *text)
{
    struct node scalar = scalar_of(text);
    const struct pattern *pattern = pattern_new(&scalar, 0, &arena, diagnostics);
    assert_non_null(pattern);
    return pattern;
}

static enum pattern_verdict verdict_of(const char *expression, struct slice text)
{
    const struct pattern *pattern = pattern_of(expression);
    return pattern_match(pattern, text, NULL);
}

static void assert_prefix(const char *expression, const char *prefix)
{
    const struct pattern *pattern = pattern_of(expression);
    struct slice found = pattern_literal_prefix(pattern);
    if (!slice_equal(found, slice_from_text(prefix)))
        fail_msg("%s: %.*s instead of %s", expression, (int)found.length, found.data, prefix);
}

static void a_pattern_matches_anywhere_unless_anchored(void **state)
{
    (void)state;
    assert_int_equal(verdict_of("b+", SLICE("abba")), PATTERN_MATCHES);
    assert_int_equal(verdict_of("^b+", SLICE("abba")), PATTERN_DIFFERS);
    assert_int_equal(verdict_of("^/a/[0-9]+$", SLICE("/a/77")), PATTERN_MATCHES);
    assert_int_equal(verdict_of("^/a/[0-9]+$", SLICE("/a/7x")), PATTERN_DIFFERS);
    assert_int_equal(verdict_of("", SLICE("")), PATTERN_MATCHES);
}

static void a_text_is_one_line(void **state)
{
    (void)state;
    assert_int_equal(verdict_of("^a$", SLICE("a\n")), PATTERN_DIFFERS);
    assert_int_equal(verdict_of("^a.*z$", SLICE("a\nz")), PATTERN_MATCHES);
}

static void captures_are_parts_of_the_text(void **state)
{
    (void)state;
    const struct pattern *pattern = pattern_of("^/(a)|(b)/(c*)");
    struct slice text = SLICE("b/ccc"), captures[PATTERN_CAPTURES_MAX];
    assert_int_equal(pattern_groups(pattern), 3);
    assert_int_equal(pattern_match(pattern, text, captures), PATTERN_MATCHES);
    assert_true(slice_equal(captures[0], text));
    assert_true(slice_is_empty(captures[1]));
    assert_true(slice_equal(captures[2], SLICE("b")));
    assert_ptr_equal(captures[3].data, text.data + 2);
    assert_int_equal(captures[3].length, 3);
    assert_true(slice_is_empty(captures[9]));
}

static void more_groups_than_captures_are_no_harm(void **state)
{
    (void)state;
    const struct pattern *pattern = pattern_of("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)");
    struct slice captures[PATTERN_CAPTURES_MAX];
    assert_int_equal(pattern_match(pattern, SLICE("abcdefghijk"), captures), PATTERN_MATCHES);
    assert_true(slice_equal(captures[9], SLICE("i")));
}

static void the_literal_beginning_is_found(void **state)
{
    (void)state;
    assert_prefix("^/a/b", "/a/b");
    assert_prefix("^/a/(b|c)", "/a/");
    assert_prefix("^/a\\.html$", "/a.html");
    assert_prefix("^/items?/", "/item");
    assert_prefix("^/items*", "/item");
    assert_prefix("^/items{0,2}", "/item");
    assert_prefix("^/items+", "/items");
    assert_prefix("^/a\\d", "/a");
    assert_prefix("^/a[bc|]", "/a");
    assert_prefix("^/a]b", "/a]b");
}

static void where_no_beginning_is_certain_it_is_empty(void **state)
{
    (void)state;
    assert_prefix("/a", "");
    assert_prefix("^/a|/b", "");
    assert_prefix("^(?i)/a", "");
    assert_prefix("^/a(?#[)|b", "");
    assert_prefix("^/a\\Q[\\E|b", "");
    assert_prefix("(?x)^/a", "");
    assert_prefix("^a?", "");
    assert_prefix("", "");
}

static void an_invalid_expression_is_told_at_its_place(void **state)
{
    (void)state;
    struct node scalar = scalar_of("~^/a(b");
    assert_null(pattern_new(&scalar, 1, &arena, diagnostics));
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    const struct diagnostic *error = diagnostics_get(diagnostics, 0);
    assert_int_equal(error->position.line, 3);
    assert_int_equal(error->position.column, 16);
    assert_true(slice_equal(error->what, SLICE("the regular expression is malformed here: "
                                               "missing closing parenthesis")));
}

static void a_costly_pattern_is_given_up(void **state)
{
    (void)state;
    assert_int_equal(verdict_of("^(a+)+$", SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")),
                     PATTERN_TOO_COSTLY);
}

static void an_honest_pattern_takes_the_longest_target(void **state)
{
    (void)state;
    enum { LENGTH = 16 * 1024 };
    char *text = malloc(LENGTH);
    assert_non_null(text);
    memset(text, 'a', LENGTH);
    assert_int_equal(verdict_of("^(a|b)*$", slice_of(text, LENGTH)), PATTERN_MATCHES);
    assert_int_equal(verdict_of("^.*/(.*)$", slice_of(text, LENGTH)), PATTERN_DIFFERS);
    free(text);
}

static void *match_in_thread(void *pointer)
{
    const struct pattern *const *pattern = pointer;
    bool matches = pattern_match(*pattern, SLICE("/a/7"), NULL) == PATTERN_MATCHES;
    pattern_leave_thread();
    return matches ? pointer : NULL;
}

static void threads_share_a_pattern(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    const struct pattern *pattern = pattern_of("^/a/(\\d)$");
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, match_in_thread, &pattern), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, &pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pattern_matches_anywhere_unless_anchored, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_text_is_one_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(captures_are_parts_of_the_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_groups_than_captures_are_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_literal_beginning_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_no_beginning_is_certain_it_is_empty, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_invalid_expression_is_told_at_its_place, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_costly_pattern_is_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_honest_pattern_takes_the_longest_target, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(threads_share_a_pattern, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
