#include "base/map.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { KEYS = 1000 };

static void what_was_set_is_got(void **state)
{
    (void)state;
    struct map map;
    int first = 0, second = 0;
    map_init(&map);
    assert_null(map_get(&map, SLICE("a")));
    assert_true(map_set(&map, SLICE("a"), &first));
    assert_true(map_set(&map, SLICE(""), &second));
    assert_ptr_equal(map_get(&map, SLICE("a")), &first);
    assert_ptr_equal(map_get(&map, SLICE("")), &second);
    assert_null(map_get(&map, SLICE("A")));
    map_fini(&map);
}

static void setting_again_replaces(void **state)
{
    (void)state;
    struct map map;
    int first = 0, second = 0;
    map_init(&map);
    assert_true(map_set(&map, SLICE("a"), &first));
    assert_true(map_set(&map, SLICE("a"), &second));
    assert_ptr_equal(map_get(&map, SLICE("a")), &second);
    assert_int_equal(map.count, 1);
    map_fini(&map);
}

static void many_keys_are_all_found(void **state)
{
    (void)state;
    static char keys[KEYS][8];
    struct map map;
    map_init(&map);
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "%d", i);
        assert_true(map_set(&map, slice_from_text(keys[i]), keys[i]));
    }
    assert_int_equal(map.count, KEYS);
    for (int i = 0; i < KEYS; i++)
        assert_ptr_equal(map_get(&map, slice_from_text(keys[i])), keys[i]);
    map_fini(&map);
}

/* Each in turn, so that every way in which they were pushed aside is undone. */
static void what_was_taken_out_is_gone_and_the_rest_is_found(void **state)
{
    (void)state;
    static char keys[KEYS][8];
    struct map map;
    map_init(&map);
    map_remove(&map, SLICE("0"));
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "%d", i);
        assert_true(map_set(&map, slice_from_text(keys[i]), keys[i]));
    }
    for (int gone = 0; gone < KEYS; gone++) {
        map_remove(&map, slice_from_text(keys[gone]));
        map_remove(&map, slice_from_text(keys[gone]));
        assert_int_equal(map.count, KEYS - gone - 1);
        for (int i = 0; i < KEYS; i++)
            assert_ptr_equal(map_get(&map, slice_from_text(keys[i])), i > gone ? keys[i] : NULL);
    }
    map_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_set_is_got),
        cmocka_unit_test(setting_again_replaces),
        cmocka_unit_test(many_keys_are_all_found),
        cmocka_unit_test(what_was_taken_out_is_gone_and_the_rest_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
