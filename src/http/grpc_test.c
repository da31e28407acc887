#include "http/grpc.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, NULL, 1 << 16);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static bool is_asked_with(const char *type)
{
    struct request_head request = {0};
    assert_true(fields_init(&request.fields, &arena, 1));
    assert_true(fields_add(&request.fields, &arena, FIELD_CONTENT_TYPE, SLICE("content-type"),
                           slice_from_text(type)));
    return grpc_is_asked(&request);
}

static void the_content_type_tells(void **state)
{
    (void)state;
    assert_true(is_asked_with("application/grpc"));
    assert_true(is_asked_with("application/grpc+proto"));
    assert_true(is_asked_with("Application/GRPC; charset=x"));
    assert_false(is_asked_with("application/grpc-web"));
    assert_false(is_asked_with("application/grpc-web+proto"));
    assert_false(is_asked_with("application/grp"));
    assert_false(is_asked_with("application/json"));
    assert_false(is_asked_with(""));
    struct request_head without = {0};
    assert_false(grpc_is_asked(&without));
}

static void statuses_of_http_have_their_codes(void **state)
{
    static const unsigned table[][2] = {{400, 13}, {401, 16}, {403, 7},  {404, 12}, {429, 14},
                                        {502, 14}, {503, 14}, {504, 14}, {500, 2},  {413, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        assert_int_equal(grpc_code_for(table[i][0]), table[i][1]);
}

static void a_code_is_a_number_up_to_16(void **state)
{
    (void)state;
    assert_int_equal(grpc_code_read(SLICE("0")), 0);
    assert_int_equal(grpc_code_read(SLICE("16")), 16);
    assert_int_equal(grpc_code_read(SLICE("17")), GRPC_NO_CODE);
    assert_int_equal(grpc_code_read(SLICE("99999999999999999999")), GRPC_NO_CODE);
    assert_int_equal(grpc_code_read(SLICE("")), GRPC_NO_CODE);
    assert_int_equal(grpc_code_read(SLICE("OK")), GRPC_NO_CODE);
}

static void assert_message(const char *text, const char *expected)
{
    struct slice message = grpc_message(slice_from_text(text), &arena);
    assert_true(slice_equal(message, slice_from_text(expected)));
}

static void a_message_is_percent_encoded(void **state)
{
    (void)state;
    assert_message("", "");
    assert_message(" closed until ten\n", "closed until ten");
    assert_message("100% \xc3\xa9\r\nx-evil: 1~", "100%25 %C3%A9%0D%0Ax-evil: 1~");
}

static void a_long_message_is_cut_between_characters(void **state)
{
    enum { CHARACTERS = 700, PAIRS_THAT_FIT = 511 }; /* of two bytes, behind one of one */
    char text[1 + 2 * CHARACTERS];
    (void)state;
    text[0] = 'x';
    for (size_t i = 0; i < CHARACTERS; i++) {
        text[1 + 2 * i] = '\xc3';
        text[2 + 2 * i] = '\xa9';
    }
    struct slice message = grpc_message(slice_of(text, sizeof(text)), &arena);
    assert_int_equal(message.length, 1 + 6 * PAIRS_THAT_FIT);
    assert_true(slice_ends_with(message, SLICE("%C3%A9")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_content_type_tells),
        cmocka_unit_test(statuses_of_http_have_their_codes),
        cmocka_unit_test(a_code_is_a_number_up_to_16),
        cmocka_unit_test(a_message_is_percent_encoded),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
