#include "http/field_name.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void every_name_finds_itself_in_any_case(void **state)
{
    (void)state;
    for (int id = 1; id < FIELD_NAME_COUNT; id++) {
        struct slice name = field_name_text((enum field_name)id);
        char other[32];
        assert_int_equal(field_name_find(name), id);
        for (size_t i = 0; i < name.length; i++)
            other[i] = ascii_lower(name.data[i]);
        assert_int_equal(field_name_find(slice_of(other, name.length)), id);
        for (size_t i = 0; i < name.length; i++)
            other[i] = other[i] >= 'a' && other[i] <= 'z' ? (char)(other[i] - 32) : other[i];
        assert_int_equal(field_name_find(slice_of(other, name.length)), id);
    }
}

static void a_name_with_one_other_letter_is_another(void **state)
{
    (void)state;
    for (int id = 1; id < FIELD_NAME_COUNT; id++) {
        struct slice name = field_name_text((enum field_name)id);
        char other[32];
        memcpy(other, name.data, name.length);
        for (size_t i = 0; i < name.length; i++) {
            char kept = other[i];
            other[i] = '_';
            assert_int_equal(field_name_find(slice_of(other, name.length)), FIELD_OTHER);
            other[i] = kept;
        }
        assert_int_equal(field_name_find(slice_until(name, name.length - 1)), FIELD_OTHER);
    }
}

static void names_outside_the_list_are_others(void **state)
{
    (void)state;
    static const char *const OTHERS[] = {"",
                                         "a",
                                         "X",
                                         "Accept-Encoding",
                                         "X-Request-It",
                                         "Servers",
                                         "a-name-that-is-longer-than-all-of-the-list"};
    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++)
        assert_int_equal(field_name_find(slice_from_text(OTHERS[i])), FIELD_OTHER);
    assert_int_equal(field_name_text(FIELD_OTHER).length, 0);
    assert_int_equal(field_name_duties(FIELD_OTHER), 0);
}

/* `-` is written as `mark`. */
static void check_disguised(struct slice name, char mark)
{
    char other[32];
    for (size_t i = 0; i < name.length; i++)
        other[i] = name.data[i] == '-' ? mark : ascii_lower(name.data[i]);
    bool changed = memchr(name.data, '-', name.length) != NULL;
    assert_int_equal(field_name_is_disguise(slice_of(other, name.length)), changed);
}

static void a_known_name_with_other_marks_is_a_disguise(void **state)
{
    (void)state;
    static const char MARKS[] = "_.!#$%&'*+^`|~";
    for (int id = 1; id < FIELD_NAME_COUNT; id++) {
        struct slice name = field_name_text((enum field_name)id);
        assert_false(field_name_is_disguise(name));
        for (const char *mark = MARKS; *mark; mark++)
            check_disguised(name, *mark);
    }
    assert_true(field_name_is_disguise(SLICE("X_Forwarded-For")));
    assert_true(field_name_is_disguise(SLICE("X.Forwarded_For")));
    assert_true(field_name_is_disguise(SLICE("pROXY")));
    assert_false(field_name_is_disguise(SLICE("")));
    assert_false(field_name_is_disguise(SLICE("_")));
    assert_false(field_name_is_disguise(SLICE("Proxies")));
    assert_false(field_name_is_disguise(SLICE("my_field")));
    assert_false(field_name_is_disguise(SLICE("X-Forwarded-Fo_")));
    assert_false(field_name_is_disguise(SLICE("X-Forwarded+Fork")));
    assert_false(field_name_is_disguise(SLICE("a_name_that_is_longer_than_all_of_the_list")));
}

static void duties_and_their_bits_agree(void **state)
{
    (void)state;
    for (int id = 0; id < FIELD_NAME_COUNT; id++) {
        unsigned duties = field_name_duties((enum field_name)id);
        bool hop_by_hop = duties & FIELD_HOP_BY_HOP;
        assert_int_equal((FIELD_BITS_HOP_BY_HOP & FIELD_BIT(id)) != 0, hop_by_hop);
        bool tells_server = duties & FIELD_TELLS_SERVER;
        assert_int_equal((FIELD_BITS_TELL_SERVER & FIELD_BIT(id)) != 0, tells_server);
        /* What speaks of one connection has no place behind a body. */
        assert_true(!hop_by_hop || (duties & FIELD_NOT_A_TRAILER));
    }
}

static void a_small_name_is_the_name_in_small_letters(void **state)
{
    (void)state;
    for (int id = FIELD_OTHER; id < FIELD_NAME_COUNT; id++) {
        struct slice name = field_name_text((enum field_name)id);
        struct slice small = field_name_small((enum field_name)id);
        assert_true(slice_equal_fold(name, small));
        for (size_t i = 0; i < small.length; i++)
            assert_int_equal(small.data[i], ascii_lower(small.data[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_finds_itself_in_any_case),
        cmocka_unit_test(a_small_name_is_the_name_in_small_letters),
        cmocka_unit_test(a_name_with_one_other_letter_is_another),
        cmocka_unit_test(names_outside_the_list_are_others),
        cmocka_unit_test(a_known_name_with_other_marks_is_a_disguise),
        cmocka_unit_test(duties_and_their_bits_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
