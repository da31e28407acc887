#include "conf/number_pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { PATTERN_MAX = 4096 };

static bool matches(const char *pattern, const char *number)
{
    char whole[PATTERN_MAX + 8];
    int error = 0;
    PCRE2_SIZE at = 0;
    (void)snprintf(whole, sizeof(whole), "^(?:%s)$", pattern);
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)whole, PCRE2_ZERO_TERMINATED, 0, &error, &at, NULL);
    assert_non_null(code);
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    int result = pcre2_match(code, (PCRE2_SPTR)number, strlen(number), 0, 0, data, NULL);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return result > 0;
}

static void print(char memory[PATTERN_MAX], int64_t least, int64_t most)
{
    struct text text = text_over(memory, PATTERN_MAX - 1);
    number_pattern_print(&text, least, most);
    assert_false(text_is_cut(&text));
    memory[text.length] = '\0';
}

static bool takes(int64_t least, int64_t most, int64_t number)
{
    char pattern[PATTERN_MAX], written[32];
    print(pattern, least, most);
    (void)snprintf(written, sizeof(written), "%lld", (long long)number);
    return matches(pattern, written);
}

static void a_range_is_written_shortly(void **state)
{
    char pattern[PATTERN_MAX];
    (void)state;
    print(pattern, 5, 12);
    assert_string_equal(pattern, "0*(?:[5-9]|1[0-2])");
    print(pattern, 200, 599);
    assert_string_equal(pattern, "0*(?:[2-5][0-9]{2})");
}

static void every_number_of_a_range_is_taken_and_no_other(void **state)
{
    static const int64_t ends[] = {0, 1, 7, 9, 10, 11, 42, 99, 100, 101, 256, 599};
    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        for (size_t j = i; j < sizeof(ends) / sizeof(ends[0]); j++) {
            for (int64_t number = 0; number < 700; number += number < 120 ? 1 : 7)
                assert_int_equal(takes(ends[i], ends[j], number),
                                 number >= ends[i] && number <= ends[j]);
        }
    }
}

static void the_ends_of_large_ranges_are_exact(void **state)
{
    static const int64_t ends[][2] = {{1, 86400000}, {256, 1048576}, {12345, 10000000}, {1, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        int64_t least = ends[i][0], most = ends[i][1];
        assert_true(takes(least, most, least) && takes(least, most, most));
        assert_false(takes(least, most, least - 1) || takes(least, most, most + 1));
    }
}

static void zeros_may_stand_before_a_number(void **state)
{
    char pattern[PATTERN_MAX];
    (void)state;
    print(pattern, 0, 9);
    assert_true(matches(pattern, "007") && matches(pattern, "00"));
    assert_false(matches(pattern, "010") || matches(pattern, "") || matches(pattern, "x"));
}

static void without_a_most_there_is_no_limit(void **state)
{
    (void)state;
    assert_true(takes(0, INT64_MAX, 0) && takes(0, INT64_MAX, INT64_MAX));
    assert_false(takes(1, INT64_MAX, 0));
    assert_true(takes(1, INT64_MAX, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_is_written_shortly),
        cmocka_unit_test(every_number_of_a_range_is_taken_and_no_other),
        cmocka_unit_test(the_ends_of_large_ranges_are_exact),
        cmocka_unit_test(zeros_may_stand_before_a_number),
        cmocka_unit_test(without_a_most_there_is_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
