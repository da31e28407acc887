#include "policy/refresh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { WEEK = 7 * 24 * 3600, HOUR_MS = 3600 * 1000 };

static void half_of_what_is_left_is_waited_or_a_tenth_of_that_less(void **state)
{
    (void)state;
    assert_int_equal(refresh_pause(4000, 0), 2000 * 1000);
    assert_int_equal(refresh_pause(4000, 200 * 1000), 1800 * 1000);
    for (uint64_t chance = 0; chance < 1000; chance++)
        assert_in_range(refresh_pause(4000, chance * 7919), 1800 * 1000, 2000 * 1000);
}

static void a_pause_is_never_shorter_than_a_second(void **state)
{
    (void)state;
    assert_int_equal(refresh_pause(1, 12345), 1000);
    assert_int_equal(refresh_pause(0, UINT64_MAX), 1000);
    assert_int_equal(refresh_pause(-WEEK, 0), 1000);
}

static void what_is_promised_for_years_is_looked_at_after_days(void **state)
{
    (void)state;
    assert_int_equal(refresh_pause(INT64_MAX, 0), (uint64_t)REFRESH_MOST_DAYS * 24 * HOUR_MS);
}

static void a_retry_comes_after_a_second_then_later_and_later(void **state)
{
    (void)state;
    static const uint64_t expected[] = {1, 2, 4, 8, 16, 32, 64, 64, 64};
    for (uint32_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        uint64_t pause = expected[i] * 1000;
        assert_int_equal(refresh_retry_pause(i + 1, 64 * 1000, pause / 4), pause);
        for (uint64_t chance = 0; chance < 100; chance++)
            assert_in_range(refresh_retry_pause(i + 1, 64 * 1000, chance * 7919), pause * 3 / 4,
                            pause * 5 / 4);
    }
    assert_in_range(refresh_retry_pause(UINT32_MAX, HOUR_MS, 0), HOUR_MS * 3 / 4, HOUR_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_of_what_is_left_is_waited_or_a_tenth_of_that_less),
        cmocka_unit_test(a_pause_is_never_shorter_than_a_second),
        cmocka_unit_test(what_is_promised_for_years_is_looked_at_after_days),
        cmocka_unit_test(a_retry_comes_after_a_second_then_later_and_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
