#include "policy/slow_start.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void it_begins_with_a_twentieth_and_ends_with_all(void **state)
{
    (void)state;
    assert_int_equal(slow_start_step(0, 1000), 1);
    assert_int_equal(slow_start_step(999, 1000), 19);
    assert_int_equal(slow_start_step(1000, 1000), SLOW_START_STEPS);
    assert_int_equal(slow_start_step(UINT64_MAX, 1000), SLOW_START_STEPS);
}

/* Whoever looks again when it is told sees each step once, at its first millisecond. */
static void each_step_is_announced(void **state)
{
    (void)state;
    for (uint64_t time = 1; time < 2000; time = time * 3 / 2 + 1) {
        for (uint64_t passed = 0; passed < time; passed++) {
            uint64_t next = slow_start_next(passed, time);
            uint32_t step = slow_start_step(passed, time);
            assert_true(next > passed && next <= time);
            assert_int_equal(slow_start_step(next - 1, time), step);
            assert_true(slow_start_step(next, time) > step);
        }
    }
}

static void weights_are_made_larger_as_far_as_they_may(void **state)
{
    (void)state;
    assert_int_equal(slow_start_scale(1, 1000), 20);
    assert_int_equal(slow_start_scale(50, 1000), 20);
    assert_int_equal(slow_start_scale(300, 1000), 3);
    assert_int_equal(slow_start_scale(1000, 1000), 1);
}

static void a_part_is_never_nothing(void **state)
{
    (void)state;
    assert_int_equal(slow_start_weight(1, 20, 1), 1);
    assert_int_equal(slow_start_weight(1, 20, 20), 20);
    assert_int_equal(slow_start_weight(3, 20, 7), 21);
    assert_int_equal(slow_start_weight(1, 1, 1), 1);
    assert_int_equal(slow_start_weight(1000, 1, 10), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_with_a_twentieth_and_ends_with_all),
        cmocka_unit_test(each_step_is_announced),
        cmocka_unit_test(weights_are_made_larger_as_far_as_they_may),
        cmocka_unit_test(a_part_is_never_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
