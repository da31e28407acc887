#include "tls/tls_mac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* RFC 5869 A.3: its pseudorandom key, which has neither salt nor information. */
static void a_key_is_made_as_the_rfc_says(void **state)
{
    static const unsigned char expected[TLS_MAC_SIZE] = {
        0x19, 0xef, 0x24, 0xa3, 0x2c, 0x71, 0x7b, 0x16, 0x7f, 0x33, 0xa9,
        0x1d, 0x6f, 0x64, 0x8b, 0xdf, 0x96, 0x59, 0x67, 0x76, 0xaf, 0xdb,
        0x63, 0x77, 0xac, 0x43, 0x4c, 0x1c, 0x29, 0x3c, 0xcb, 0x04};
    char secret[22];
    struct tls_mac key;
    (void)state;
    memset(secret, 0x0b, sizeof(secret));
    assert_true(tls_mac_key(slice_of(secret, sizeof(secret)), &key));
    assert_memory_equal(key.bytes, expected, sizeof(expected));
}

static void another_key_or_text_gives_another_hash(void **state)
{
    struct tls_mac key = {.bytes = {1}}, other_key = {.bytes = {2}}, macs[4];
    (void)state;
    assert_true(tls_mac_make(&key, SLICE("text"), &macs[0]));
    assert_true(tls_mac_make(&key, SLICE("text"), &macs[1]));
    assert_true(tls_mac_make(&other_key, SLICE("text"), &macs[2]));
    assert_true(tls_mac_make(&key, SLICE("texts"), &macs[3]));
    assert_memory_equal(macs[0].bytes, macs[1].bytes, TLS_MAC_SIZE);
    assert_memory_not_equal(macs[0].bytes, macs[2].bytes, TLS_MAC_SIZE);
    assert_memory_not_equal(macs[0].bytes, macs[3].bytes, TLS_MAC_SIZE);
}

static void what_is_equal_is_equal(void **state)
{
    (void)state;
    assert_true(tls_mac_equal(SLICE("abc"), SLICE("abc")));
    assert_false(tls_mac_equal(SLICE("abc"), SLICE("abd")));
    assert_false(tls_mac_equal(SLICE("abc"), SLICE("abcd")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_made_as_the_rfc_says),
        cmocka_unit_test(another_key_or_text_gives_another_hash),
        cmocka_unit_test(what_is_equal_is_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
