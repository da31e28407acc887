#include "conf/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void characters_of_all_lengths_are_read(void **state)
{
    (void)state;
    struct slice text = SLICE("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    assert_int_equal(utf8_next(&text), 'a');
    assert_int_equal(utf8_next(&text), 0xE9);
    assert_int_equal(utf8_next(&text), 0x20AC);
    assert_int_equal(utf8_next(&text), 0x1F600);
    assert_int_equal(text.length, 0);
}

static void what_is_no_character_is_found(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        {"\x80", 1},             /* a continuation alone */
        {"\xC0\x80", 2},         /* overlong */
        {"\xE0\x80\x80", 3},     /* overlong */
        {"\xED\xA0\x80", 3},     /* a surrogate */
        {"\xF4\x90\x80\x80", 4}, /* above U+10FFFF */
        {"\xE2\x82", 2},         /* cut */
        {"\xFF", 1},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct slice text = bad[i];
        assert_int_equal(utf8_next(&text), UTF8_INVALID);
        assert_int_equal(text.length, bad[i].length - 1);
        assert_int_equal(utf8_check(bad[i]), 0);
    }
    assert_int_equal(utf8_check(SLICE("ab\xFF")), 2);
    assert_int_equal(utf8_check(SLICE("ab")), 2);
}

static void characters_are_counted_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(utf8_count(SLICE("h\xC3\xB6lzern")), 7);
    assert_int_equal(utf8_count(SLICE("a\xFF"
                                      "b")),
                     3);
}

static void what_moves_the_cursor_is_taken_out(void **state)
{
    (void)state;
    char memory[64];
    struct text text = text_over(memory, sizeof(memory));
    utf8_add_printable(&text, SLICE("a\033[2Jb\xE2\x80\xAE"
                                    "c\xFF\x7F\xC3\xA9"));
    struct slice expected = SLICE("a?[2Jb?c??\xC3\xA9");
    assert_true(slice_equal(text_slice(&text), expected));
}

static void wide_and_combining_characters_have_their_width(void **state)
{
    (void)state;
    assert_int_equal(utf8_width('a'), 1);
    assert_int_equal(utf8_width(0x4E2D), 2);
    assert_int_equal(utf8_width(0x301), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_of_all_lengths_are_read),
        cmocka_unit_test(what_is_no_character_is_found),
        cmocka_unit_test(characters_are_counted_not_bytes),
        cmocka_unit_test(what_moves_the_cursor_is_taken_out),
        cmocka_unit_test(wide_and_combining_characters_have_their_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
