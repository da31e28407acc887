#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_text(const struct text *text, const char *expected)
{
    assert_true(slice_equal(text_slice(text), slice_from_text(expected)));
}

static void parts_are_added_at_the_end(void **state)
{
    (void)state;
    char memory[64];
    struct text text = text_over(memory, sizeof(memory));
    assert_text(&text, "");
    text_add(&text, SLICE("ab"));
    text_add_byte(&text, '-');
    text_add_number(&text, 0);
    text_add_number(&text, 120);
    text_add_hex(&text, 0xBEEF);
    text_print(&text, "%d%s", -1, "x");
    assert_text(&text, "ab-0120beef-1x");
    assert_false(text_is_cut(&text));
}

static void the_largest_numbers_fit(void **state)
{
    (void)state;
    char memory[64];
    struct text text = text_over(memory, sizeof(memory));
    text_add_number(&text, UINT64_MAX);
    text_add_byte(&text, ' ');
    text_add_hex(&text, UINT64_MAX);
    assert_text(&text, "18446744073709551615 ffffffffffffffff");
}

static void of_a_number_that_does_not_fit_the_first_digits_stand(void **state)
{
    (void)state;
    char memory[3];
    struct text text = text_over(memory, 2);
    text_add_number(&text, 12345);
    assert_true(text_is_cut(&text));
    assert_text(&text, "12");
    text_add_number(&text, 6);
    assert_text(&text, "12");
    text = text_over(memory, sizeof(memory));
    text_add_number(&text, 999);
    assert_false(text_is_cut(&text));
    assert_text(&text, "999");
}

static void what_does_not_fit_is_cut_and_remembered(void **state)
{
    (void)state;
    char memory[4];
    struct text text = text_over(memory, sizeof(memory));
    text_add(&text, SLICE("abc"));
    assert_false(text_is_cut(&text));
    text_add(&text, SLICE("de"));
    assert_true(text_is_cut(&text));
    assert_text(&text, "abcd");
    text_add_byte(&text, 'f');
    assert_text(&text, "abcd");
}

static void printing_stays_within_the_memory(void **state)
{
    (void)state;
    char memory[5] = "....";
    struct text text = text_over(memory, 4);
    text_print(&text, "%s", "abcdef");
    assert_true(text_is_cut(&text));
    assert_text(&text, "abc");
    assert_int_equal(memory[4], '\0');
    text_print(&text, "%s", "g");
    assert_text(&text, "abc");
}

static void a_text_without_memory_takes_nothing(void **state)
{
    (void)state;
    struct text text = text_over(NULL, 0);
    text_add(&text, SLICE(""));
    assert_false(text_is_cut(&text));
    text_add(&text, SLICE("a"));
    assert_true(text_is_cut(&text));
    assert_int_equal(text.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_added_at_the_end),
        cmocka_unit_test(the_largest_numbers_fit),
        cmocka_unit_test(of_a_number_that_does_not_fit_the_first_digits_stand),
        cmocka_unit_test(what_does_not_fit_is_cut_and_remembered),
        cmocka_unit_test(printing_stays_within_the_memory),
        cmocka_unit_test(a_text_without_memory_takes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
