#include "http/refresh_field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void the_url_is_where_browsers_find_it(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"5; url=http://a/x", "http://a/x"},
        {"5;url=http://a/x", "http://a/x"},
        {"0;URL=http://a/x", "http://a/x"},
        {" 5 ; uRl \t= http://a/x", "http://a/x"},
        {"5,url=http://a/x", "http://a/x"},
        {"5 url=http://a/x", "http://a/x"},
        {"5\turl=http://a/x", "http://a/x"},
        {"5;http://a/x", "http://a/x"},
        {"5, http://a/x", "http://a/x"},
        {"5 http://a/x", "http://a/x"},
        {"5.25; url=http://a/x", "http://a/x"},
        {".5; url=http://a/x", "http://a/x"},
        {"5.1.2.; url=http://a/x", "http://a/x"},
        {"99999999999999999999; url=http://a/x", "http://a/x"},
        {"5; url=\"http://a/x\"", "http://a/x"},
        {"5; url='http://a/x'y", "http://a/x"},
        {"5; url='http://a/\"x", "http://a/\"x"},
        {"5; url=\" http://a/x\"", "http://a/x"},
        {"5; 'http://a/x'", "http://a/x"},
        {"5; url=http://a/x; y=1", "http://a/x; y=1"},
        {"5; url=url=x", "url=x"},
        {"5; urls", "urls"},
        {"5; url", "url"},
        {"5; ur", "ur"},
        {"5; /x", "/x"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice url = refresh_field_url(slice_from_text(rows[i][0]));
        assert_non_null(url.data);
        assert_true(slice_equal(url, slice_from_text(rows[i][1])));
    }
}

static void without_a_time_or_behind_it_there_is_none(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",          " ",       "5",    "5.",          "5;",           "5; ",
        "5 , ",      "url=/x",  ";/x",  "-1; url=/x",  "+1; url=/x",   "5s; url=/x",
        "5/x",       "5; url=", "5; '", "5; url=\"\"", "5; url=' '/x", "x5; url=/x",
        "http://a/",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_null(refresh_field_url(slice_from_text(rows[i])).data);
    assert_null(refresh_field_url((struct slice){0}).data);
}

/* Each end in memory of its own, where a sanitizer sees what is read behind it. */
static void nothing_is_read_behind_the_end(void **state)
{
    (void)state;
    struct slice whole = SLICE(" 5.5 ; url = 'http://a/x'");
    for (size_t length = 1; length <= whole.length; length++) {
        char *copy = malloc(length);
        assert_non_null(copy);
        memcpy(copy, whole.data, length);
        struct slice url = refresh_field_url(slice_of(copy, length));
        if (url.data)
            assert_true(url.data >= copy && url.data + url.length <= copy + length);
        free(copy);
    }
    assert_null(refresh_field_url(slice_of("5;\0/x", 2)).data);
    assert_null(refresh_field_url(slice_of("5\0;/x", 5)).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_url_is_where_browsers_find_it),
        cmocka_unit_test(without_a_time_or_behind_it_there_is_none),
        cmocka_unit_test(nothing_is_read_behind_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
