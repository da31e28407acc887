#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void what_was_given_back_is_handed_out_next(void **state)
{
    (void)state;
    struct pool *pool = pool_new("objects", 64, 4);
    void *first = pool_get(pool);
    void *second = pool_get(pool);
    assert_ptr_not_equal(first, second);
    pool_put(pool, first);
    assert_ptr_equal(pool_get(pool), first);
    pool_put(pool, second);
    pool_put(pool, first);
    assert_ptr_equal(pool_get(pool), first);
    assert_ptr_equal(pool_get(pool), second);
    pool_put(pool, first);
    pool_put(pool, second);
    pool_free(pool);
}

static void objects_in_use_are_counted(void **state)
{
    (void)state;
    struct pool *pool = pool_new("objects", 64, 1);
    void *objects[3];
    for (int i = 0; i < 3; i++)
        objects[i] = pool_get(pool);
    assert_int_equal(pool_in_use(pool), 3);
    for (int i = 0; i < 3; i++)
        pool_put(pool, objects[i]);
    assert_int_equal(pool_in_use(pool), 0);
    pool_free(pool);
}

static void assert_bytes(const struct pool *pool, size_t used, size_t spare)
{
    assert_int_equal(pool_measure(pool).used, used);
    assert_int_equal(pool_measure(pool).spare, spare);
}

static void its_memory_is_in_use_or_spare(void **state)
{
    (void)state;
    struct pool *pool = pool_new("objects", 64, 1);
    assert_bytes(pool, 0, 0);
    void *first = pool_get(pool), *second = pool_get(pool);
    assert_bytes(pool, 128, 0);
    pool_put(pool, first);
    assert_bytes(pool, 64, 64);
    pool_put(pool, second); /* one more than is kept */
    assert_bytes(pool, 0, 64);
    pool_free(pool);
}

static void a_pool_knows_the_size_of_its_objects(void **state)
{
    (void)state;
    struct pool *pool = pool_new("objects", 100, 1);
    assert_int_equal(pool_object_size(pool), 100);
    pool_free(pool);
    pool_free(NULL);
}

static void a_pool_that_keeps_nothing_works(void **state)
{
    (void)state;
    struct pool *pool = pool_new("objects", 64, 0);
    pool_put(pool, pool_get(pool));
    pool_put(pool, pool_get(pool));
    assert_int_equal(pool_in_use(pool), 0);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_given_back_is_handed_out_next),
        cmocka_unit_test(objects_in_use_are_counted),
        cmocka_unit_test(its_memory_is_in_use_or_spare),
        cmocka_unit_test(a_pool_knows_the_size_of_its_objects),
        cmocka_unit_test(a_pool_that_keeps_nothing_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
