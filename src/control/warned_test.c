#include "control/warned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { START = 1000, MINUTE_MS = 60 * 1000, DAY_MS = 24 * 60 * MINUTE_MS };

static void each_step_is_told_once(void **state)
{
    (void)state;
    static const enum tls_step_to_end steps[] = {TLS_ENDS_SOON, TLS_ENDS_VERY_SOON, TLS_HAS_ENDED};
    struct warned warned = {0};
    uint64_t now = START;
    assert_false(warned_is_due(&warned, TLS_HOLDS, now));
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        assert_true(warned_is_due(&warned, steps[i], now += MINUTE_MS));
        assert_false(warned_is_due(&warned, steps[i], now += MINUTE_MS));
    }
}

static void what_has_ended_is_told_once_a_day(void **state)
{
    (void)state;
    struct warned warned = {0};
    unsigned told = 0;
    for (uint64_t now = START; now < START + 10 * (uint64_t)DAY_MS; now += MINUTE_MS)
        told += warned_is_due(&warned, TLS_HAS_ENDED, now);
    assert_int_equal(told, 10);
}

/* However long that takes. */
static void what_ends_soon_is_not(void **state)
{
    (void)state;
    struct warned warned = {0};
    assert_true(warned_is_due(&warned, TLS_ENDS_SOON, START));
    assert_false(warned_is_due(&warned, TLS_ENDS_SOON, START + 5 * (uint64_t)DAY_MS));
}

/* The clock was wrong by years, is set, and goes on. */
static void a_clock_that_is_set_back_and_goes_on_has_it_told_again(void **state)
{
    (void)state;
    struct warned warned = {0};
    assert_true(warned_is_due(&warned, TLS_HAS_ENDED, START));
    assert_false(warned_is_due(&warned, TLS_HOLDS, START + MINUTE_MS));
    assert_false(warned_is_due(&warned, TLS_HOLDS, START + 2 * (uint64_t)DAY_MS));
    assert_true(warned_is_due(&warned, TLS_ENDS_SOON, START + 2 * (uint64_t)DAY_MS));
    assert_true(warned_is_due(&warned, TLS_HAS_ENDED, START + 2 * (uint64_t)DAY_MS));
}

static void a_clock_that_is_set_further_passes_over_steps(void **state)
{
    (void)state;
    struct warned warned = {0};
    assert_false(warned_is_due(&warned, TLS_HOLDS, START));
    assert_true(warned_is_due(&warned, TLS_HAS_ENDED, START + MINUTE_MS));
    assert_false(warned_is_due(&warned, TLS_HAS_ENDED, START + 2 * MINUTE_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_step_is_told_once),
        cmocka_unit_test(what_has_ended_is_told_once_a_day),
        cmocka_unit_test(what_ends_soon_is_not),
        cmocka_unit_test(a_clock_that_is_set_back_and_goes_on_has_it_told_again),
        cmocka_unit_test(a_clock_that_is_set_further_passes_over_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
