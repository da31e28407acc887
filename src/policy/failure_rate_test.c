#include "policy/failure_rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { WINDOW = 10 * 1000, NOW = 5 * 1000 * 1000 };

static uint64_t add(uint64_t counts, unsigned count, bool failed, uint64_t now)
{
    for (unsigned i = 0; i < count; i++)
        counts =
            failure_rate_add(counts, WINDOW, failed ? FAILURE_RATE_FAILED : FAILURE_RATE_WELL, now);
    return counts;
}

static void so_many_percent_of_so_many_calls_are_needed(void **state)
{
    (void)state;
    assert_false(failure_rate_is_reached(0, 50, 1));
    uint64_t counts = add(add(0, 9, true, NOW), 1, false, NOW);
    assert_int_equal(failure_rate_percent(counts), 90);
    assert_true(failure_rate_is_reached(counts, 90, 10));
    assert_false(failure_rate_is_reached(counts, 91, 10));
    assert_false(failure_rate_is_reached(counts, 90, 11));
    assert_true(failure_rate_is_reached(add(0, 1, true, NOW), 100, 1));
}

static void a_call_that_turns_out_badly_is_counted_once(void **state)
{
    (void)state;
    uint64_t counts = add(0, 4, false, NOW);
    counts = failure_rate_add(counts, WINDOW, FAILURE_RATE_TURNED, NOW);
    assert_int_equal(failure_rate_percent(counts), 25);
    assert_false(failure_rate_is_reached(counts, 25, 5));
    counts = failure_rate_add(0, WINDOW, FAILURE_RATE_TURNED, NOW); /* the call is forgotten */
    assert_int_equal(failure_rate_percent(counts), 0);
}

static void what_was_counted_weighs_half_after_half_a_window(void **state)
{
    (void)state;
    uint64_t counts = add(0, 16, true, NOW);
    assert_true(failure_rate_is_reached(add(counts, 4, false, NOW + WINDOW / 2 - 50), 80, 20));
    counts = add(counts, 8, false, NOW + WINDOW / 2);
    assert_int_equal(failure_rate_percent(counts), 50);
    assert_true(failure_rate_is_reached(counts, 50, 16));
    assert_false(failure_rate_is_reached(counts, 50, 17));
}

static void an_even_load_is_counted_as_that_of_one_window(void **state)
{
    (void)state;
    uint64_t counts = 0;
    for (unsigned i = 0; i < 1000; i++) /* ten a second */
        counts = add(counts, 1, true, NOW + (uint64_t)i * 100);
    assert_true(failure_rate_is_reached(counts, 100, 90));
    assert_false(failure_rate_is_reached(counts, 100, 101));
}

static void what_is_old_is_forgotten(void **state)
{
    (void)state;
    uint64_t counts = add(0, 1000, true, NOW);
    counts = add(counts, 1, false, NOW + (uint64_t)WINDOW * 9);
    assert_int_equal(failure_rate_percent(counts), 0);
    counts = add(add(0, 1000, true, NOW), 1, false, NOW + UINT64_C(365) * 86400 * 1000);
    assert_int_equal(failure_rate_percent(counts), 0);
}

static void a_clock_that_is_behind_changes_nothing(void **state)
{
    (void)state;
    uint64_t counts = add(add(0, 10, true, NOW), 10, true, NOW - 200);
    assert_true(failure_rate_is_reached(counts, 100, 20));
}

static void the_counts_never_overflow(void **state)
{
    (void)state;
    uint64_t counts = add(0, 3 * FAILURE_RATE_CALLS_MAX, true, NOW);
    assert_true(failure_rate_is_reached(counts, 100, FAILURE_RATE_CALLS_MAX / 2));
    assert_int_equal(failure_rate_percent(counts), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_percent_of_so_many_calls_are_needed),
        cmocka_unit_test(a_call_that_turns_out_badly_is_counted_once),
        cmocka_unit_test(what_was_counted_weighs_half_after_half_a_window),
        cmocka_unit_test(an_even_load_is_counted_as_that_of_one_window),
        cmocka_unit_test(what_is_old_is_forgotten),
        cmocka_unit_test(a_clock_that_is_behind_changes_nothing),
        cmocka_unit_test(the_counts_never_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
