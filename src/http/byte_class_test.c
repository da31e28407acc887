#include "http/byte_class.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The bytes of ASCII that have the class must be these. */
static void assert_class(unsigned class, const char *members)
{
    for (int byte = 1; byte < 0x80; byte++) {
        bool expected = strchr(members, byte) != NULL;
        if (byte_is((char)byte, class) != expected)
            fail_msg("byte 0x%02X in class %u", (unsigned)byte, class);
    }
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

static void classes_hold_what_their_grammars_say(void **state)
{
    (void)state;
    assert_class(BYTE_TOKEN, LETTERS DIGITS "!#$%&'*+-.^_`|~");
    assert_class(BYTE_UNRESERVED, LETTERS DIGITS "-._~");
    assert_class(BYTE_HEX, DIGITS "ABCDEFabcdef");
    assert_class(BYTE_PATH, LETTERS DIGITS "-._~!$&'()*+,;=:@/\"<>[]^`{|}");
    assert_class(BYTE_VISIBLE, LETTERS DIGITS "-._~!$&'()*+,;=:@/\"<>[]^`{|}?%\\");
    assert_class(BYTE_FIELD, LETTERS DIGITS "-._~!$&'()*+,;=:@/\"<>[]^`{|}?%\\# \t");
}

static void nul_is_of_the_class_of_control_bytes_alone(void **state)
{
    (void)state;
    assert_true(byte_is('\0', BYTE_CONTROL));
    assert_false(byte_is('\0', (unsigned)~BYTE_CONTROL));
}

static void every_byte_is_for_fields_or_a_control_byte(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++)
        assert_true(byte_is((char)byte, BYTE_FIELD) != byte_is((char)byte, BYTE_CONTROL));
}

static void bytes_above_ascii_are_for_field_values_alone(void **state)
{
    (void)state;
    for (int byte = 0x80; byte < 0x100; byte++) {
        assert_true(byte_is((char)byte, BYTE_FIELD));
        assert_false(byte_is((char)byte, (unsigned)~BYTE_FIELD));
    }
}

static void all_bytes_must_be_of_the_class(void **state)
{
    (void)state;
    assert_true(bytes_are(SLICE("0af"), BYTE_HEX));
    assert_true(bytes_are(SLICE(""), BYTE_HEX));
    assert_false(bytes_are(SLICE("0ag"), BYTE_HEX));
    assert_true(bytes_are(SLICE("0ag~"), BYTE_HEX | BYTE_UNRESERVED));
}

static void hex_digits_have_their_value(void **state)
{
    (void)state;
    assert_int_equal(hex_value('0'), 0);
    assert_int_equal(hex_value('9'), 9);
    assert_int_equal(hex_value('a'), 10);
    assert_int_equal(hex_value('F'), 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_hold_what_their_grammars_say),
        cmocka_unit_test(nul_is_of_the_class_of_control_bytes_alone),
        cmocka_unit_test(every_byte_is_for_fields_or_a_control_byte),
        cmocka_unit_test(bytes_above_ascii_are_for_field_values_alone),
        cmocka_unit_test(all_bytes_must_be_of_the_class),
        cmocka_unit_test(hex_digits_have_their_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
