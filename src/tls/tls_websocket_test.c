#include "tls/tls_websocket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_accept_of_the_example_fits(void **state)
{
    char accept[TLS_WEBSOCKET_ACCEPT];
    (void)state;
    assert_true(tls_websocket_accept(SLICE("dGhlIHNhbXBsZSBub25jZQ=="), accept));
    assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof(accept));
}

static void a_key_is_sixteen_bytes_and_never_the_same(void **state)
{
    char one[TLS_WEBSOCKET_KEY], other[TLS_WEBSOCKET_KEY];
    (void)state;
    assert_true(tls_websocket_make_key(one) && tls_websocket_make_key(other));
    assert_memory_equal(one + TLS_WEBSOCKET_KEY - 2, "==", 2);
    assert_int_not_equal(one[TLS_WEBSOCKET_KEY - 3], '=');
    assert_memory_not_equal(one, other, sizeof(one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_accept_of_the_example_fits),
        cmocka_unit_test(a_key_is_sixteen_bytes_and_never_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
