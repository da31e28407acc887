#include "policy/ejection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void so_many_failures_in_a_row_are_needed(void **state)
{
    (void)state;
    assert_false(ejection_is_due(4, 5, 0, 3));
    assert_true(ejection_is_due(5, 5, 0, 3));
    assert_true(ejection_is_due(9, 5, 0, 3));
    assert_true(ejection_is_due(1, 1, 0, 3));
    assert_false(ejection_is_due(9, 0, 0, 3)); /* off */
}

static void half_of_the_servers_stay(void **state)
{
    (void)state;
    assert_false(ejection_is_due(5, 5, 0, 1));
    assert_true(ejection_is_due(5, 5, 0, 2));
    assert_false(ejection_is_due(5, 5, 1, 2));
    assert_true(ejection_is_due(5, 5, 0, 3));
    assert_false(ejection_is_due(5, 5, 1, 3));
    assert_true(ejection_is_due(5, 5, 4, 10));
    assert_false(ejection_is_due(5, 5, 5, 10));
}

static void the_time_doubles_up_to_a_limit(void **state)
{
    (void)state;
    assert_int_equal(ejection_time(10000, 0), 10000);
    assert_int_equal(ejection_time(10000, 1), 20000);
    assert_int_equal(ejection_time(10000, 5), 320000);
    assert_int_equal(ejection_time(10000, UINT32_MAX), 320000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_failures_in_a_row_are_needed),
        cmocka_unit_test(half_of_the_servers_stay),
        cmocka_unit_test(the_time_doubles_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
