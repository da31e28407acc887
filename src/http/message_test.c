#include "http/message.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void methods_have_case(void **state)
{
    (void)state;
    assert_int_equal(method_find(SLICE("GET")), METHOD_GET);
    assert_int_equal(method_find(SLICE("HEAD")), METHOD_HEAD);
    assert_int_equal(method_find(SLICE("POST")), METHOD_POST);
    assert_int_equal(method_find(SLICE("PUT")), METHOD_PUT);
    assert_int_equal(method_find(SLICE("DELETE")), METHOD_DELETE);
    assert_int_equal(method_find(SLICE("CONNECT")), METHOD_CONNECT);
    assert_int_equal(method_find(SLICE("OPTIONS")), METHOD_OPTIONS);
    assert_int_equal(method_find(SLICE("TRACE")), METHOD_TRACE);
    assert_int_equal(method_find(SLICE("PATCH")), METHOD_PATCH);
    assert_int_equal(method_find(SLICE("get")), METHOD_OTHER);
    assert_int_equal(method_find(SLICE("GETS")), METHOD_OTHER);
    assert_int_equal(method_find(SLICE("")), METHOD_OTHER);
}

static void only_known_idempotent_methods_may_be_repeated(void **state)
{
    (void)state;
    assert_true(method_is_idempotent(METHOD_GET));
    assert_true(method_is_idempotent(METHOD_PUT));
    assert_true(method_is_idempotent(METHOD_DELETE));
    assert_false(method_is_idempotent(METHOD_POST));
    assert_false(method_is_idempotent(METHOD_PATCH));
    assert_false(method_is_idempotent(METHOD_CONNECT));
    assert_false(method_is_idempotent(METHOD_OTHER));
}

static void statuses_have_words(void **state)
{
    (void)state;
    assert_true(slice_equal(status_reason(200), SLICE("OK")));
    assert_true(slice_equal(status_reason(431), SLICE("Request Header Fields Too Large")));
    assert_true(slice_equal(status_reason(599), SLICE("Unknown")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_have_case),
        cmocka_unit_test(only_known_idempotent_methods_may_be_repeated),
        cmocka_unit_test(statuses_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
