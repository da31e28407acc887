#include "upstream/call_h2.h"

#include "upstream/commons.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Between the choice of a server and the call's beginning another loop has taken the last place:
 * the server can still be waited for. */
static void a_server_that_others_have_filled_was_not_tried(void **state)
{
    static struct commons commons;
    static const struct upstream upstream = {.commons = &commons, .stream_window = 65535};
    static const struct timeouts timeouts = {.connect = 1000};
    static const struct h1_limits limits = {.header_size = 1024, .header_count = 10};
    struct server server = {.active = 2};
    const struct server_question question = {.server = &server, .limit = 2};
    struct arena arena;
    (void)state;
    arena_init(&arena, NULL, 1024 * 1024);
    struct call call = {
        .arena = &arena, .upstream = &upstream, .timeouts = &timeouts, .limits = &limits};
    call.server = &server;
    call.tried[0] = 3;
    call.tried[1] = 5;
    call.tried_count = 2;
    call.asked_count = 4;
    assert_int_equal(call_h2_start(&call, &question), CALL_FAILED);
    assert_int_equal(call.error, ERROR_SERVERS_FULL);
    assert_int_equal(call.last_error, ERROR_NONE);
    assert_int_equal(call.tried_count, 1);
    assert_int_equal(call.asked_count, 3);
    assert_int_equal(server.active, 2);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_others_have_filled_was_not_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
