#include "exchange/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(struct slice bytes, size_t max, const char *expected)
{
    char memory[256];
    struct text text = text_over(memory, sizeof(memory) - 1);
    json_add_text(&text, bytes, max);
    memory[text.length] = '\0';
    assert_string_equal(memory, expected);
}

static void plain_text_stands_as_it_is(void **state)
{
    (void)state;
    expect(SLICE(""), 60, "\"\"");
    expect(SLICE("/a?b=c&d"), 60, "\"/a?b=c&d\"");
    expect(SLICE("caf\xc3\xa9 \xf0\x9f\x98\x80"), 60, "\"caf\xc3\xa9 \xf0\x9f\x98\x80\"");
}

static void what_would_end_the_string_or_move_a_cursor_is_escaped(void **state)
{
    (void)state;
    expect(SLICE("a\"b\\c"), 60, "\"a\\\"b\\\\c\"");
    expect(SLICE("\x1b[2J\r\n\x7f"), 60, "\"\\u001b[2J\\u000d\\u000a\\u007f\"");
    expect(SLICE("\xc2\x9b"), 60, "\"\\u009b\"");
    expect(SLICE("\xe2\x80\xae\xe2\x81\xa6\xd8\x9c"), 60, "\"\\u202e\\u2066\\u061c\"");
    expect(SLICE("\xe2\x80\xa8\xe2\x80\xa9"), 60, "\"\\u2028\\u2029\"");
}

static void a_byte_that_is_no_utf8_is_told_by_its_number(void **state)
{
    (void)state;
    expect(SLICE("a\xff\xc3"), 60, "\"a\\\\xFF\\\\xC3\"");
    expect(SLICE("\xed\xa0\x80"), 60, "\"\\\\xED\\\\xA0\\\\x80\"");
}

static void every_byte_gives_ascii_without_controls(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        char one = (char)byte, memory[32];
        struct text text = text_over(memory, sizeof(memory));
        json_add_text(&text, slice_of(&one, 1), 20);
        for (size_t i = 0; i < text.length; i++)
            assert_in_range((unsigned char)memory[i], 0x20, 0x7e);
        assert_true(text.length >= 3 && memory[0] == '"' && memory[text.length - 1] == '"');
        for (size_t i = 1; i + 1 < text.length; i++)
            assert_true(memory[i] != '"' || memory[i - 1] == '\\');
    }
}

static void what_is_too_long_is_cut_between_two_escapes(void **state)
{
    (void)state;
    expect(SLICE("aaaaaaaaaaaaaaaaaaaaaaaa"), 12, "\"aaaaaaaaa...\"");
    expect(SLICE("aaaaaaaaaaaa"), 12, "\"aaaaaaaaaaaa\"");
    expect(SLICE("aaaaaaa\x01\x02"), 12, "\"aaaaaaa...\"");
    expect(SLICE("\xff\xff\xff"), 12, "\"\\\\xFF...\"");
    expect(SLICE("\xff\xff"), 12, "\"\\\\xFF\\\\xFF\"");
}

static void numbers_are_those_of_json(void **state)
{
    (void)state;
    assert_true(json_is_number(SLICE("0")) && json_is_number(SLICE("200")));
    assert_true(json_is_number(SLICE("0.012")) && json_is_number(SLICE("12.5")));
    assert_false(json_is_number(SLICE("")) || json_is_number(SLICE("01")));
    assert_false(json_is_number(SLICE("1.")) || json_is_number(SLICE(".5")));
    assert_false(json_is_number(SLICE("-1")) || json_is_number(SLICE("1e5")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stands_as_it_is),
        cmocka_unit_test(what_would_end_the_string_or_move_a_cursor_is_escaped),
        cmocka_unit_test(a_byte_that_is_no_utf8_is_told_by_its_number),
        cmocka_unit_test(every_byte_gives_ascii_without_controls),
        cmocka_unit_test(what_is_too_long_is_cut_between_two_escapes),
        cmocka_unit_test(numbers_are_those_of_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
