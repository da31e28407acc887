#include "http/accept.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static unsigned weight(const char *accept, const char *type)
{
    struct field items[] = {
        {.name = SLICE("Accept"), .value = slice_from_text(accept), .id = FIELD_ACCEPT},
        {.name = SLICE("Accept-Language"), .value = SLICE("de"), .id = FIELD_OTHER},
    };
    struct fields fields = {.items = items, .count = 2, .capacity = 2, .present = ~UINT64_C(0)};
    return accept_weight(&fields, slice_from_text(type));
}

static bool prefers_json(const char *accept)
{
    return weight(accept, "application/json") > weight(accept, "text/html");
}

static void json_is_for_those_who_ask_for_it(void **state)
{
    (void)state;
    assert_true(prefers_json("application/json"));
    assert_true(prefers_json("Application/JSON"));
    assert_true(prefers_json("application/json, text/plain, */*"));
    assert_true(prefers_json("text/html;q=0.5, application/json;q=0.9"));
    assert_true(prefers_json("application/*, text/html;q=0.999"));
    assert_true(prefers_json(" , application/json ; charset=utf-8 ; Q=0.2 ,text/*;q=0.1"));
}

static void others_get_the_page_for_people(void **state)
{
    (void)state;
    static const char *const accepted[] = {
        "",
        "*/*",
        "text/html",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/json;q=0.5, text/html",
        "application/json;q=0, */*",
        "application/json, text/html",
        "image/png",
        "application/jsonp, text/*",
        "application/json;q=0.000",
        ";;,,=",
    };
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
        assert_false(prefers_json(accepted[i]));
}

static void the_most_exact_range_decides(void **state)
{
    (void)state;
    assert_int_equal(weight("*/*, text/html;q=0", "text/html"), ACCEPT_REFUSED);
    assert_int_equal(weight("text/*;q=0, */*", "text/html"), ACCEPT_REFUSED);
    assert_true(weight("text/*;q=0, text/html", "text/html") > ACCEPT_REFUSED);
    assert_int_equal(weight("image/png", "text/html"), ACCEPT_REFUSED);
}

static void a_weight_that_is_none_counts_in_full(void **state)
{
    (void)state;
    static const char *const strange[] = {"text/html;q=", "text/html;q=2", "text/html;q=0.1234",
                                          "text/html;q=0x1"};
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
        assert_int_equal(weight(strange[i], "text/html"), weight("text/html;q=1", "text/html"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_for_those_who_ask_for_it),
        cmocka_unit_test(others_get_the_page_for_people),
        cmocka_unit_test(the_most_exact_range_decides),
        cmocka_unit_test(a_weight_that_is_none_counts_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
