#include "http/cookie.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void cookies_are_cut_at_semicolons(void **state)
{
    (void)state;
    static const char *const expected[][2] = {{"a", "1"}, {"b", "x=y"}, {"c", ""}, {"d", "q q"}};
    struct slice rest = SLICE(" a=1;b = x=y ;; c; d=\"q q\";"), name, value;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(cookie_next(&rest, &name, &value));
        assert_true(slice_equal(name, slice_from_text(expected[i][0])));
        assert_true(slice_equal(value, slice_from_text(expected[i][1])));
    }
    assert_false(cookie_next(&rest, &name, &value));
}

static void a_cookie_is_found_over_all_lines(void **state)
{
    (void)state;
    struct field items[] = {
        {.name = SLICE("Cookie"), .value = SLICE("a=1; b=2"), .id = FIELD_COOKIE},
        {.name = SLICE("X-Cookie"), .value = SLICE("c=0")},
        {.name = SLICE(""), .value = SLICE("c=removed"), .id = FIELD_COOKIE},
        {.name = SLICE("cookie"), .value = SLICE("c=3; a=4"), .id = FIELD_COOKIE},
    };
    struct fields fields = {.items = items, .count = 4, .capacity = 4, .present = ~UINT64_C(0)};
    struct slice value;
    assert_true(cookie_find(&fields, SLICE("c"), &value));
    assert_true(slice_equal(value, SLICE("3")));
    assert_true(cookie_find(&fields, SLICE("a"), &value));
    assert_true(slice_equal(value, SLICE("1")));
    assert_false(cookie_find(&fields, SLICE("A"), &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookies_are_cut_at_semicolons),
        cmocka_unit_test(a_cookie_is_found_over_all_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
