#include "http/query.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void parameters_are_cut_at_ampersands(void **state)
{
    (void)state;
    static const char *const expected[][2] = {
        {"a", "1"}, {"b", ""}, {"c", ""}, {"", "x"}, {"d", "=y"}};
    struct slice rest = SLICE("a=1&b&&c=&=x&d==y&"), name, value;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(query_next(&rest, &name, &value));
        assert_true(slice_equal(name, slice_from_text(expected[i][0])));
        assert_true(slice_equal(value, slice_from_text(expected[i][1])));
    }
    assert_false(query_next(&rest, &name, &value));
    rest = SLICE("");
    assert_false(query_next(&rest, &name, &value));
}

static void texts_are_compared_decoded(void **state)
{
    (void)state;
    assert_true(query_text_equal(SLICE("a%20b+c"), SLICE("a b c")));
    assert_true(query_text_equal(SLICE("%c3%A9"), SLICE("\xc3\xa9")));
    assert_true(query_text_equal(SLICE("100%"), SLICE("100%")));
    assert_true(query_text_equal(SLICE("%zz%4"), SLICE("%zz%4")));
    assert_true(query_text_equal(SLICE("%2B"), SLICE("+")));
    assert_true(query_text_equal(SLICE(""), SLICE("")));
    assert_false(query_text_equal(SLICE("ab"), SLICE("a")));
    assert_false(query_text_equal(SLICE("a"), SLICE("ab")));
    assert_false(query_text_equal(SLICE("%2B"), SLICE(" ")));
}

static void decoding_copies_only_where_it_must(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 1 << 20);
    struct slice plain = SLICE("plain"), escaped = SLICE("a%26b+%00%");
    assert_ptr_equal(query_text_decode(plain, &arena).data, plain.data);
    struct slice decoded = query_text_decode(escaped, &arena);
    assert_int_equal(decoded.length, 6);
    assert_memory_equal(decoded.data, "a&b \0%", 6);
    assert_non_null(query_text_decode(slice_of(NULL, 0), &arena).data);
    arena_fini(&arena);
}

static void without_memory_decoding_says_so(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 0);
    assert_null(query_text_decode(SLICE("a+b"), &arena).data);
    arena_fini(&arena);
}

static void the_first_of_a_name_is_found(void **state)
{
    (void)state;
    struct slice value;
    assert_true(query_find(SLICE("x=1&na+me=%41&name=2&na%20me=3"), SLICE("na me"), &value));
    assert_true(slice_equal(value, SLICE("%41")));
    assert_false(query_find(SLICE("x=1"), SLICE("X"), &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_cut_at_ampersands),
        cmocka_unit_test(texts_are_compared_decoded),
        cmocka_unit_test(decoding_copies_only_where_it_must),
        cmocka_unit_test(without_memory_decoding_says_so),
        cmocka_unit_test(the_first_of_a_name_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
