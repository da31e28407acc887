#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void every_error_has_a_status_a_side_and_words(void **state)
{
    (void)state;
    for (int i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        enum error_code code = (enum error_code)i;
        const char *words = error_words(code);
        assert_in_range(error_status(code), 400, 599);
        assert_true(words[0] != '\0' && words[strlen(words) - 1] != '.');
        assert_true(error_name(code)[0] != '\0');
    }
}

static void names_are_told_apart(void **state)
{
    (void)state;
    for (int i = 0; i < ERROR_COUNT; i++) {
        for (int k = 0; k < i; k++)
            assert_string_not_equal(error_name((enum error_code)i), error_name((enum error_code)k));
    }
}

static void the_side_decides_who_is_blamed(void **state)
{
    (void)state;
    for (int i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        enum error_code code = (enum error_code)i;
        /* What a server did is never told to a client as its own mistake. */
        if (error_side(code) != ERROR_SIDE_CLIENT)
            assert_true(error_status(code) >= 500);
    }
}

static void no_error_is_zero(void **state)
{
    (void)state;
    assert_int_equal(ERROR_NONE, 0);
    assert_int_equal(error_status(ERROR_NONE), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_status_a_side_and_words),
        cmocka_unit_test(names_are_told_apart),
        cmocka_unit_test(the_side_decides_who_is_blamed),
        cmocka_unit_test(no_error_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
