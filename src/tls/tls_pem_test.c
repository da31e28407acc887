#include "tls/tls_pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The first block of a text, as `LABEL:BYTES`, or what is said in its place. */
static const char *first_of(struct slice text, size_t room)
{
    static char told[64], memory[64];
    struct text bytes = text_over(memory, room), all = text_over(told, sizeof(told) - 1);
    struct slice label, block;
    switch (tls_pem_next(&text, &bytes, &label, &block)) {
    case TLS_PEM_END:
        return "end";
    case TLS_PEM_ODD:
        return "odd";
    case TLS_PEM_BLOCK:
        break;
    }
    text_add(&all, label);
    text_add(&all, SLICE(":"));
    text_add(&all, block);
    told[all.length] = '\0';
    return told;
}

static void blocks_are_found_and_all_else_is_passed_over_or_left_to_others(void **state)
{
    (void)state;
    static const struct {
        const char *text, *found;
    } cases[] = {
        {"-----BEGIN A-----\nd2Vpcg==\n-----END A-----\n", "A:weir"},
        {"-----BEGIN A-----\r\nd2Vpcg==\r\n-----END A-----", "A:weir"},
        {"told: more\n\n-----BEGIN A B-----\nd2\nVp\ncnM=\n-----END A B-----\n", "A B:weirs"},
        {"-----BEGIN A-----\nd2VpcnM+Pg\n==\n-----END A-----\n", "A:weirs>>"},
        {"-----BEGIN A-----\n-----END A-----\n", "A:"},
        {"", "end"},
        {"d2Vpcg==\n", "end"},
        {"-----BEGIN A-----\n", "odd"},
        {"-----BEGIN A-----\nd2Vpcg==\n", "odd"},
        {"-----BEGIN A-----\nd2Vpcg==\n-----END B-----\n", "odd"},
        {"-----BEGIN A-----\nd2Vpc\n-----END A-----\n", "odd"},
        {"-----BEGIN A-----\nd2Vp#g==\n-----END A-----\n", "odd"},
        {"-----BEGIN A-----\nd2Vpcg==d2Vp\n-----END A-----\n", "odd"},
        {"-----BEGIN A-----\nd===\n-----END A-----\n", "odd"},
        {"-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nd2Vp\n-----END A-----\n", "odd"},
        {"-----BEGIN A----\nd2Vp\n-----END A-----\n", "odd"},
        {"-----BEGIN -----\nd2Vp\n-----END -----\n", "odd"},
        {"-----END A-----\n", "odd"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(first_of(slice_from_text(cases[i].text), 64), cases[i].found);
}

static void what_has_no_room_is_odd(void **state)
{
    (void)state;
    struct slice text = SLICE("-----BEGIN A-----\nd2Vpcg==\n-----END A-----\n");
    assert_string_equal(first_of(text, 4), "A:weir");
    assert_string_equal(first_of(text, 3), "odd");
}

static void blocks_follow_each_other(void **state)
{
    (void)state;
    char memory[16];
    struct text bytes = text_over(memory, sizeof(memory));
    struct slice label, block,
        text = SLICE("-----BEGIN A-----\nd2Vp\n-----END A-----\n\n"
                     "-----BEGIN B-----\ncnM=\n-----END B-----\nrest");
    assert_int_equal(tls_pem_next(&text, &bytes, &label, &block), TLS_PEM_BLOCK);
    assert_int_equal(tls_pem_next(&text, &bytes, &label, &block), TLS_PEM_BLOCK);
    assert_true(slice_equal(label, SLICE("B")) && slice_equal(block, SLICE("rs")));
    assert_true(slice_equal(text_slice(&bytes), SLICE("weirs")));
    assert_int_equal(tls_pem_next(&text, &bytes, &label, &block), TLS_PEM_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_found_and_all_else_is_passed_over_or_left_to_others),
        cmocka_unit_test(what_has_no_room_is_odd),
        cmocka_unit_test(blocks_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
