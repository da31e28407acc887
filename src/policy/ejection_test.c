#include "policy/ejection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void no_more_rest_than_the_share(void **state)
{
    (void)state;
    assert_false(ejection_is_permitted(0, 1, 50));
    assert_true(ejection_is_permitted(0, 2, 50));
    assert_false(ejection_is_permitted(1, 2, 50));
    assert_true(ejection_is_permitted(0, 3, 50));
    assert_false(ejection_is_permitted(1, 3, 50));
    assert_true(ejection_is_permitted(4, 10, 50));
    assert_false(ejection_is_permitted(5, 10, 50));
    assert_true(ejection_is_permitted(0, 10, 10));
    assert_false(ejection_is_permitted(1, 10, 10));
    assert_false(ejection_is_permitted(0, 9, 10));
    assert_true(ejection_is_permitted(0, 1, 100));
    assert_true(ejection_is_permitted(65534, 65535, 100));
    assert_false(ejection_is_permitted(65535, 65535, 100));
    assert_false(ejection_is_permitted(UINT32_MAX, UINT32_MAX, 100));
}

static void the_time_doubles_up_to_a_limit(void **state)
{
    (void)state;
    assert_int_equal(ejection_time(10000, 0), 10000);
    assert_int_equal(ejection_time(10000, 1), 20000);
    assert_int_equal(ejection_time(10000, 5), 320000);
    assert_int_equal(ejection_time(10000, UINT32_MAX), 320000);
}

static void who_has_worked_as_long_as_it_rested_is_as_good_as_ever(void **state)
{
    (void)state;
    assert_false(ejection_is_forgotten(10000, 0, UINT64_MAX));
    assert_false(ejection_is_forgotten(10000, 1, 10000));
    assert_true(ejection_is_forgotten(10000, 1, 10001));
    assert_false(ejection_is_forgotten(10000, 3, 40000));
    assert_true(ejection_is_forgotten(10000, 3, 40001));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_rest_than_the_share),
        cmocka_unit_test(the_time_doubles_up_to_a_limit),
        cmocka_unit_test(who_has_worked_as_long_as_it_rested_is_as_good_as_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
