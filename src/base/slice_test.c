#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void equality_looks_at_bytes_and_length(void **state)
{
    (void)state;
    assert_true(slice_equal(SLICE("ab"), SLICE("ab")));
    assert_false(slice_equal(SLICE("ab"), SLICE("aB")));
    assert_false(slice_equal(SLICE("ab"), SLICE("abc")));
    assert_true(slice_equal(SLICE(""), slice_of(NULL, 0)));
}

static void folding_is_for_letters_of_ascii_alone(void **state)
{
    (void)state;
    assert_true(slice_equal_fold(SLICE("Content-Length"), SLICE("content-LENGTH")));
    assert_false(slice_equal_fold(SLICE("a"), SLICE("b")));
    assert_false(slice_equal_fold(SLICE("@"), SLICE("`")));
    assert_false(slice_equal_fold(SLICE("["), SLICE("{")));
    assert_false(slice_equal_fold(SLICE("-"), SLICE("\r")));
    assert_false(slice_equal_fold(SLICE("\xC9"), SLICE("\xE9")));
    assert_false(slice_equal_fold(SLICE("a"), SLICE("ab")));
}

/* Both in memory of exactly the size: a look or write beyond it is found. */
static void bytes_are_put_of_any_length(void **state)
{
    (void)state;
    for (size_t length = 0; length <= 70; length++) {
        char *from = malloc(length ? length : 1), *to = malloc(length + 1);
        assert_true(from && to);
        for (size_t i = 0; i < length; i++)
            from[i] = (char)('0' + i);
        to[length] = '!';
        assert_ptr_equal(slice_put(to, slice_of(length ? from : NULL, length)), to + length);
        assert_memory_equal(to, from, length);
        assert_int_equal(to[length], '!');
        free(from);
        free(to);
    }
}

static void small_letters_are_copied_of_any_length(void **state)
{
    (void)state;
    const char from[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", small[] = "abcdefghijklmnopqrstuvwxyz";
    for (size_t length = 0; length < sizeof(from); length++) {
        char to[sizeof(from)] = "..........................", same[sizeof(from)];
        ascii_lower_copy(to, slice_of(from, length));
        assert_memory_equal(to, small, length);
        assert_true(length == sizeof(from) - 1 || to[length] == '.');
        memcpy(same, from, sizeof(from));
        ascii_lower_copy(same, slice_of(same, length));
        assert_memory_equal(same, small, length);
        assert_memory_equal(same + length, from + length, sizeof(from) - length);
    }
}

/* Every byte at every place of a word, and behind the last whole one. */
static void small_letters_are_copied_of_capitals_alone(void **state)
{
    (void)state;
    char from[19], to[sizeof(from)];
    for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
        for (size_t at = 0; at < sizeof(from); at++) {
            memset(from, 'Z', sizeof(from));
            from[at] = (char)byte;
            ascii_lower_copy(to, slice_of(from, sizeof(from)));
            for (size_t i = 0; i < sizeof(to); i++)
                assert_int_equal(to[i], i == at ? ascii_lower((char)byte) : 'z');
        }
    }
    ascii_lower_copy(NULL, SLICE(""));
}

static void starts_and_ends(void **state)
{
    (void)state;
    assert_true(slice_starts_with(SLICE("abc"), SLICE("ab")));
    assert_true(slice_starts_with(SLICE("abc"), SLICE("")));
    assert_false(slice_starts_with(SLICE("a"), SLICE("ab")));
    assert_true(slice_ends_with(SLICE("abc"), SLICE("bc")));
    assert_false(slice_ends_with(SLICE("c"), SLICE("bc")));
}

static void what_is_not_found_is_at_the_end(void **state)
{
    (void)state;
    assert_int_equal(slice_find(SLICE("abab"), 'b'), 1);
    assert_int_equal(slice_find_last(SLICE("abab"), 'b'), 3);
    assert_int_equal(slice_find(SLICE("abab"), 'c'), 4);
    assert_int_equal(slice_find_last(SLICE("abab"), 'c'), 4);
    assert_int_equal(slice_find(slice_of(NULL, 0), 'a'), 0);
}

static void parts_are_clipped(void **state)
{
    (void)state;
    assert_true(slice_equal(slice_from(SLICE("abc"), 1), SLICE("bc")));
    assert_true(slice_is_empty(slice_from(SLICE("abc"), 9)));
    assert_true(slice_equal(slice_until(SLICE("abc"), 2), SLICE("ab")));
    assert_true(slice_equal(slice_until(SLICE("abc"), 9), SLICE("abc")));
}

static void trimming_takes_spaces_and_tabs(void **state)
{
    (void)state;
    assert_true(slice_equal(slice_trim(SLICE(" \t a b\t ")), SLICE("a b")));
    assert_true(slice_is_empty(slice_trim(SLICE(" \t "))));
    assert_true(slice_equal(slice_trim(SLICE("\va\n")), SLICE("\va\n")));
}

static void cutting_takes_the_separator_away(void **state)
{
    (void)state;
    struct slice rest = SLICE("a,,b");
    assert_true(slice_equal(slice_cut(&rest, ','), SLICE("a")));
    assert_true(slice_is_empty(slice_cut(&rest, ',')));
    assert_true(slice_equal(slice_cut(&rest, ','), SLICE("b")));
    assert_true(slice_is_empty(rest));
}

static void order_is_that_of_bytes(void **state)
{
    (void)state;
    assert_int_equal(slice_compare(SLICE("a"), SLICE("b")), -1);
    assert_int_equal(slice_compare(SLICE("b"), SLICE("ab")), 1);
    assert_int_equal(slice_compare(SLICE("a"), SLICE("ab")), -1);
    assert_int_equal(slice_compare(SLICE("ab"), SLICE("a")), 1);
    assert_int_equal(slice_compare(SLICE("\xFF"), SLICE("a")), 1);
    assert_int_equal(slice_compare(SLICE("a"), SLICE("a")), 0);
    assert_int_equal(slice_compare(slice_of(NULL, 0), SLICE("")), 0);
}

static void numbers_are_digits_up_to_a_bound(void **state)
{
    (void)state;
    uint64_t number = 7;
    assert_true(slice_to_number(SLICE("0012"), 99, &number));
    assert_int_equal(number, 12);
    assert_true(slice_to_number(SLICE("18446744073709551615"), UINT64_MAX, &number));
    assert_true(number == UINT64_MAX);
    assert_true(slice_to_number(SLICE("5"), 5, &number));
    assert_true(slice_to_number(SLICE("0"), 0, &number));
}

static void what_is_no_number_leaves_the_old_one(void **state)
{
    (void)state;
    static const char *const WRONG[] = {"",   "-1", "+1", " 1",  "1 ",
                                        "1a", "0x", "6",  "100", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        uint64_t number = 7;
        assert_false(slice_to_number(slice_from_text(WRONG[i]), 5, &number));
        assert_int_equal(number, 7);
    }
    uint64_t number = 7;
    assert_false(slice_to_number(SLICE("18446744073709551616"), UINT64_MAX, &number));
}

static void a_hash_is_stable_and_seeded(void **state)
{
    (void)state;
    assert_true(slice_hash(SLICE("abc"), 1) == slice_hash(SLICE("abc"), 1));
    assert_true(slice_hash(SLICE("abc"), 1) != slice_hash(SLICE("abc"), 2));
    assert_true(slice_hash(SLICE("abc"), 1) != slice_hash(SLICE("abd"), 1));
}

static void bytes_are_overwritten(void **state)
{
    (void)state;
    char secret[] = "a secret!";
    slice_cleanse(slice_of(secret + 2, 6));
    slice_cleanse(slice_of(NULL, 0));
    assert_memory_equal(secret, "a \0\0\0\0\0\0!", 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_looks_at_bytes_and_length),
        cmocka_unit_test(folding_is_for_letters_of_ascii_alone),
        cmocka_unit_test(starts_and_ends),
        cmocka_unit_test(what_is_not_found_is_at_the_end),
        cmocka_unit_test(parts_are_clipped),
        cmocka_unit_test(trimming_takes_spaces_and_tabs),
        cmocka_unit_test(cutting_takes_the_separator_away),
        cmocka_unit_test(order_is_that_of_bytes),
        cmocka_unit_test(numbers_are_digits_up_to_a_bound),
        cmocka_unit_test(what_is_no_number_leaves_the_old_one),
        cmocka_unit_test(bytes_are_put_of_any_length),
        cmocka_unit_test(small_letters_are_copied_of_any_length),
        cmocka_unit_test(small_letters_are_copied_of_capitals_alone),
        cmocka_unit_test(a_hash_is_stable_and_seeded),
        cmocka_unit_test(bytes_are_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
