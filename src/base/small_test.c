#include "base/small.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_block_of_any_size_holds_what_it_was_asked_for(void **state)
{
    (void)state;
    struct small_pools pools;
    void *blocks[1500];
    assert_true(small_pools_init(&pools));
    for (size_t size = 0; size < 1500; size++) {
        blocks[size] = small_new(&pools, size);
        assert_non_null(blocks[size]);
        assert_int_equal((uintptr_t)blocks[size] % _Alignof(max_align_t), 0);
        memset(blocks[size], (int)(size & 0xff), size);
    }
    for (size_t size = 0; size < 1500; size++) {
        for (size_t i = 0; i < size; i++)
            assert_int_equal(((unsigned char *)blocks[size])[i], size & 0xff);
        small_free(blocks[size]);
    }
    assert_int_equal(small_pools_measure(&pools).used, 0);
    small_pools_fini(&pools);
}

static void what_was_given_back_is_handed_out_next(void **state)
{
    (void)state;
    struct small_pools pools;
    assert_true(small_pools_init(&pools));
    void *first = small_new(&pools, 100);
    small_free(first);
    assert_ptr_equal(small_new(&pools, 90), first);
    small_free(first);
    small_free(NULL);
    small_pools_fini(&pools);
}

static void cleared_blocks_are_zeros(void **state)
{
    (void)state;
    struct small_pools pools;
    assert_true(small_pools_init(&pools));
    void *first = small_new(&pools, 100);
    memset(first, 0xff, 100);
    small_free(first);
    unsigned char *second = small_new_cleared(&pools, 100);
    assert_ptr_equal(second, first);
    for (int i = 0; i < 100; i++)
        assert_int_equal(second[i], 0);
    small_free(second);
    small_pools_fini(&pools);
}

static void what_is_kept_unused_has_a_limit(void **state)
{
    (void)state;
    struct small_pools pools;
    enum { MANY = 5000 };
    static void *blocks[MANY];
    assert_true(small_pools_init(&pools));
    for (int i = 0; i < MANY; i++)
        blocks[i] = small_new(&pools, 40);
    assert_int_equal(small_pools_measure(&pools).used, MANY * SMALL_STEP);
    for (int i = 0; i < MANY; i++)
        small_free(blocks[i]);
    assert_int_equal(small_pools_measure(&pools).used, 0);
    assert_int_equal(small_pools_measure(&pools).spare, 64 * 1024);
    small_pools_fini(&pools);
}

static void what_no_machine_has_is_refused(void **state)
{
    (void)state;
    struct small_pools pools;
    assert_true(small_pools_init(&pools));
    assert_null(small_new(&pools, SIZE_MAX));
    small_pools_fini(&pools);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_of_any_size_holds_what_it_was_asked_for),
        cmocka_unit_test(what_was_given_back_is_handed_out_next),
        cmocka_unit_test(cleared_blocks_are_zeros),
        cmocka_unit_test(what_is_kept_unused_has_a_limit),
        cmocka_unit_test(what_no_machine_has_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
