#include "wire/grpc_health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct slice ask(char *memory, size_t room, struct slice service)
{
    struct text text = text_over(memory, room);
    grpc_health_ask(&text, service);
    assert_false(text_is_cut(&text));
    assert_true(text.length <= grpc_health_room(service));
    return text_slice(&text);
}

static void the_server_as_a_whole_is_an_empty_message(void **state)
{
    char memory[16];
    (void)state;
    assert_true(slice_equal(ask(memory, sizeof(memory), SLICE("")), SLICE("\0\0\0\0\0")));
}

static void a_service_is_field_one(void **state)
{
    char memory[2048], name[GRPC_HEALTH_SERVICE_MAX];
    (void)state;
    assert_true(slice_equal(ask(memory, sizeof(memory), SLICE("a.B")), SLICE("\0\0\0\0\x05\x0a\x03"
                                                                             "a.B")));
    memset(name, 'x', sizeof(name));
    struct slice long_one = ask(memory, sizeof(memory), slice_of(name, sizeof(name)));
    assert_true(slice_starts_with(long_one, SLICE("\0\0\0\x04\x03\x0a\x80\x08x")));
}

static void assert_status(struct slice body, uint64_t expected)
{
    uint64_t status = 99;
    assert_true(grpc_health_read(body, &status));
    assert_int_equal(status, expected);
}

static void the_status_is_read(void **state)
{
    (void)state;
    assert_status(SLICE("\0\0\0\0\x02\x08\x01"), GRPC_HEALTH_SERVING);
    assert_status(SLICE("\0\0\0\0\x02\x08\x02"), GRPC_HEALTH_NOT_SERVING);
    assert_status(SLICE("\0\0\0\0\0"), GRPC_HEALTH_UNKNOWN);
    assert_status(SLICE("\0\0\0\0\x03\x08\x80\x01"), 128);
}

static void what_is_not_known_is_passed_over(void **state)
{
    (void)state;
    assert_status(SLICE("\0\0\0\0\x0b\x12\x02\x08\x02\x1d\1\2\3\4\x08\x01"), GRPC_HEALTH_SERVING);
    assert_status(SLICE("\0\0\0\0\x0b\x08\x01\x19\1\2\3\4\5\6\7\x08"), GRPC_HEALTH_SERVING);
}

static void what_is_no_answer_is_refused(void **state)
{
    const struct slice bodies[] = {
        SLICE(""),
        SLICE("\0\0\0\0"),
        SLICE("\1\0\0\0\x02\x08\x01"),   /* compressed */
        SLICE("\0\0\0\0\x02\x08"),       /* cut */
        SLICE("\0\0\0\0\x02\x08\x01\0"), /* more than one */
        SLICE("\0\0\0\0\x02\x12\x05"),   /* longer than there is */
        SLICE("\0\0\0\0\x02\x0b\x01"),   /* a group */
        SLICE("\0\0\0\0\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    };
    uint64_t status;
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        assert_false(grpc_health_read(bodies[i], &status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_as_a_whole_is_an_empty_message),
        cmocka_unit_test(a_service_is_field_one),
        cmocka_unit_test(the_status_is_read),
        cmocka_unit_test(what_is_not_known_is_passed_over),
        cmocka_unit_test(what_is_no_answer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
