#include "obs/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(struct slice bytes, size_t max, const char *expected)
{
    char memory[1024];
    struct text text = text_over(memory, sizeof(memory) - 1);
    escape_add(&text, bytes, max);
    memory[text.length] = '\0';
    assert_string_equal(memory, expected);
    assert_true(text.length <= max);
}

static void harmless_bytes_stay(void **state)
{
    (void)state;
    expect(SLICE(""), 64, "");
    expect(SLICE("/a b?c=%20&d='~'"), 64, "/a b?c=%20&d='~'");
}

static void nothing_can_end_a_line_or_a_quotation(void **state)
{
    (void)state;
    expect(SLICE("a\r\nb\tc"), 64, "a\\x0D\\x0Ab\\x09c");
    expect(SLICE("\"\\"), 64, "\\x22\\x5C");
    expect(SLICE("\0\x1b[2J\x7f"), 64, "\\x00\\x1B[2J\\x7F");
    expect(SLICE("\xc3\xa9\xff"), 64, "\\xC3\\xA9\\xFF");
}

static void each_byte_comes_out_as_printable_ascii(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        char memory[8], one = (char)byte;
        struct text text = text_over(memory, sizeof(memory));
        escape_add(&text, slice_of(&one, 1), sizeof(memory));
        for (size_t i = 0; i < text.length; i++)
            assert_true(memory[i] >= ' ' && memory[i] <= '~' && memory[i] != '"');
        assert_true(text.length == 1 || text.length == 4);
    }
}

static void what_is_too_long_ends_in_dots(void **state)
{
    (void)state;
    expect(SLICE("0123456789"), 10, "0123456789");
    expect(SLICE("0123456789a"), 10, "0123456...");
    expect(SLICE("\n\n"), 8, "\\x0A\\x0A");
    expect(SLICE("\n\n\n"), 8, "\\x0A...");
    expect(SLICE("012345\n"), 8, "01234...");
}

static void a_word_needs_no_quotation_marks(void **state)
{
    (void)state;
    assert_true(escape_is_word(SLICE("10.0.0.1:80")));
    assert_true(escape_is_word(SLICE("unix:/run/app.sock")));
    assert_false(escape_is_word(SLICE("")));
    assert_false(escape_is_word(SLICE("a b")));
    assert_false(escape_is_word(SLICE("a=b")));
    assert_false(escape_is_word(SLICE("a\"b")));
    assert_false(escape_is_word(SLICE("a\nb")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harmless_bytes_stay),
        cmocka_unit_test(nothing_can_end_a_line_or_a_quotation),
        cmocka_unit_test(each_byte_comes_out_as_printable_ascii),
        cmocka_unit_test(what_is_too_long_ends_in_dots),
        cmocka_unit_test(a_word_needs_no_quotation_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
