#include "main/estate.h"

#include "sys/open.h"
#include "sys/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void expect_record(struct slice *rest, const char *key, struct slice value)
{
    struct slice found_key, found_value;
    assert_int_equal(estate_next(rest, &found_key, &found_value), ESTATE_RECORD);
    assert_true(slice_equal(found_key, slice_from_text(key)));
    assert_true(slice_equal(found_value, value));
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct arena arena;
    struct slice rest, key, value;
    const struct slice parts[] = {SLICE("a\nb"), {"\0", 1}, SLICE("c 7\n")};
    arena_init(&arena, NULL, 1 << 20);
    int file = sys_memory_file(SLICE(""));
    assert_true(file >= 0);
    assert_int_equal(estate_begin(file), 0);
    assert_int_equal(estate_print(file, "worker", "%d %d", 17, 4), 0);
    assert_int_equal(estate_add(file, "file", parts, 3), 0);
    assert_int_equal(estate_add(file, "empty", NULL, 0), 0);
    sys_rewind(file);
    assert_int_equal(sys_read_opened(file, 4096, &arena, &rest), 0);
    sys_close(file);
    assert_true(estate_open(&rest));
    expect_record(&rest, "worker", SLICE("17 4"));
    expect_record(&rest, "file", slice_of("a\nb\0c 7\n", 8));
    expect_record(&rest, "empty", SLICE(""));
    assert_int_equal(estate_next(&rest, &key, &value), ESTATE_END);
    arena_fini(&arena);
}

static void another_format_is_refused(void **state)
{
    (void)state;
    struct slice same = SLICE("weir-estate 2\n"), next = SLICE("weir-estate 3\n");
    struct slice other = SLICE("estate 1\n"), cut = SLICE("weir-estate 2"), none = SLICE("");
    assert_true(estate_open(&same));
    assert_false(estate_open(&next));
    assert_false(estate_open(&other));
    assert_false(estate_open(&cut));
    assert_false(estate_open(&none));
}

static void a_broken_record_is_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "path",
        "path\n",
        "path 3",
        "path 3\n",
        "path 3\nab\n",
        "path 3\nab",
        "path 2\nabc\n",
        "path x\n\n",
        "path -1\n\n",
        " 1\na\n",
        "path 2\nab",
        "path  1\na\n",
        "path 1 \na",
        "path 9999999999\n",
        "a-key-that-is-longer-than-any-of-ours 1\na\n",
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct slice rest = slice_from_text(broken[i]), key, value;
        assert_int_equal(estate_next(&rest, &key, &value), ESTATE_BROKEN);
    }
}

static void numbers_are_taken_one_by_one(void **state)
{
    (void)state;
    struct slice value = SLICE("7 3000000000 text");
    uint64_t number;
    int small;
    assert_true(estate_take_int(&value, &small));
    assert_int_equal(small, 7);
    assert_false(estate_take_int(&value, &small));
    assert_true(slice_equal(value, SLICE("text")));
    assert_false(estate_take_number(&value, 9, &number));
    value = SLICE("10");
    assert_false(estate_take_number(&value, 9, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(another_format_is_refused),
        cmocka_unit_test(a_broken_record_is_refused),
        cmocka_unit_test(numbers_are_taken_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
