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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_set_is_got),
        cmocka_unit_test(setting_again_replaces),
        cmocka_unit_test(many_keys_are_all_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
