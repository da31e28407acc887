#include "control/fetch.h"

#include "base/arena.h"
#include "loop/loop.h"
#include "sys/socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWER_MAX = 100 };

static struct {
    struct loop *loop;
    struct server_registry *servers;
    struct server *server;
    struct arena arena;
    struct fetch_place place;
    int listener, peer;
    enum fetch_verdict verdict;
    struct fetch *fetch;
} world;

static int set_up(void **state)
{
    (void)state;
    struct address address = {.port = 0};
    char url[64];
    assert_true(ip_parse(SLICE("127.0.0.1"), &address.ip));
    world.loop = loop_new();
    world.servers = server_registry_new();
    world.listener = sys_listen(&address, &(struct sys_listen_options){.backlog = 8});
    world.peer = -1;
    arena_init(&world.arena, NULL, 1024 * 1024);
    int length =
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/ask?a=b", sys_local_port(world.listener));
    assert_true(fetch_place_parse(slice_of(url, (size_t)length), &world.arena, &world.place));
    world.server = server_registry_get(world.servers, &world.place.server);
    return world.loop && world.server ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    if (world.fetch)
        fetch_free(world.fetch);
    world.fetch = NULL;
    loop_turn(world.loop, 0);
    if (world.peer >= 0)
        sys_close(world.peer);
    if (world.listener >= 0)
        sys_close(world.listener);
    server_unref(world.servers, world.server);
    server_registry_free(world.servers);
    loop_free(world.loop);
    arena_fini(&world.arena);
    return 0;
}

static void on_news(void *owner)
{
    (void)owner;
    if (world.verdict == FETCH_WAIT)
        world.verdict = fetch_run(world.fetch);
}

static void begin(struct slice body, uint64_t timeout_ms)
{
    const struct fetch_order order = {.servers = world.servers,
                                      .server = world.server,
                                      .authority = world.place.authority,
                                      .target = world.place.target,
                                      .type = SLICE("text/plain"),
                                      .body = body,
                                      .answer_max = ANSWER_MAX,
                                      .timeout_ms = timeout_ms,
                                      .on_news = on_news};
    world.fetch = fetch_new(world.loop, &order);
    assert_non_null(world.fetch);
    world.verdict = fetch_run(world.fetch);
}

/* The connection, when the question has come; what was asked, with a NUL behind it. */
static void take_question(char *memory, size_t size)
{
    struct ip ip;
    uint16_t port;
    size_t length = 0;
    memory[0] = '\0';
    while (!strstr(memory, "\r\n\r\n")) {
        loop_turn(world.loop, 1);
        if (world.peer < 0)
            world.peer = sys_accept(world.listener, &ip, &port);
        ssize_t got =
            world.peer < 0 ? 0 : recv(world.peer, memory + length, size - 1 - length, MSG_DONTWAIT);
        length += got > 0 ? (size_t)got : 0;
        memory[length] = '\0';
    }
}

static void say(const char *text)
{
    struct slice part = slice_from_text(text);
    assert_int_equal(sys_send(world.peer, &part, 1), part.length);
}

static void await_verdict(void)
{
    while (world.verdict == FETCH_WAIT)
        loop_turn(world.loop, 10);
}

static void assert_problem(enum fetch_problem expected, unsigned expected_status)
{
    unsigned status;
    await_verdict();
    assert_int_equal(world.verdict, FETCH_FAILED);
    assert_int_equal(fetch_problem(world.fetch, &status), expected);
    assert_int_equal(status, expected_status);
}

static void assert_answer(const char *expected)
{
    await_verdict();
    assert_int_equal(world.verdict, FETCH_DONE);
    assert_true(slice_equal(fetch_answer(world.fetch), slice_from_text(expected)));
}

static void an_answer_is_taken_piece_by_piece(void **state)
{
    (void)state;
    char asked[512];
    begin(SLICE(""), 10 * 1000);
    take_question(asked, sizeof(asked));
    assert_memory_equal(asked, "GET /ask?a=b HTTP/1.1\r\nHost: 127.0.0.1:", 39);
    assert_non_null(strstr(asked, "Connection: close\r\n"));
    assert_null(strstr(asked, "Content-"));
    const char answer[] =
        "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";
    for (size_t i = 0; i < sizeof(answer) - 1; i++) {
        say((const char[]){answer[i], '\0'});
        loop_turn(world.loop, 1);
    }
    assert_answer("yes");
}

static void a_body_is_posted(void **state)
{
    (void)state;
    char asked[512];
    begin(SLICE("what"), 10 * 1000);
    take_question(asked, sizeof(asked));
    assert_memory_equal(asked, "POST /ask?a=b HTTP/1.1\r\n", 24);
    assert_non_null(strstr(asked, "Content-Type: text/plain\r\n"));
    assert_non_null(strstr(asked, "Content-Length: 4\r\n"));
    assert_non_null(strstr(asked, "\r\n\r\nwhat"));
    say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nye\r\n1\r\ns\r\n0\r\n\r\n");
    assert_answer("yes");
}

static void an_answer_may_end_with_its_connection(void **state)
{
    (void)state;
    char asked[512];
    begin(SLICE(""), 10 * 1000);
    take_question(asked, sizeof(asked));
    say("HTTP/1.0 200 OK\r\n\r\nyes");
    (void)sys_shutdown_send(world.peer);
    assert_answer("yes");
}

static void assert_fails_of(const char *answer, bool ends, enum fetch_problem expected,
                            unsigned status)
{
    char asked[512];
    begin(SLICE(""), 10 * 1000);
    take_question(asked, sizeof(asked));
    say(answer);
    if (ends)
        (void)sys_shutdown_send(world.peer);
    assert_problem(expected, status);
}

static void another_status_is_no_answer(void **state)
{
    (void)state;
    assert_fails_of("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", false,
                    FETCH_STATUS, 302);
}

static void a_protocol_that_nobody_wanted_is_malformed(void **state)
{
    (void)state;
    assert_fails_of("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", false,
                    FETCH_MALFORMED, 0);
}

static void what_is_announced_to_be_too_large_is_not_waited_for(void **state)
{
    (void)state;
    assert_fails_of("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", false, FETCH_TOO_LARGE, 200);
}

static void what_turns_out_to_be_too_large_is_let_go(void **state)
{
    (void)state;
    char answer[300];
    (void)snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\n\r\n%0101d", 0);
    assert_fails_of(answer, false, FETCH_TOO_LARGE, 200);
}

static void an_end_in_the_middle_is_told(void **state)
{
    (void)state;
    assert_fails_of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", true, FETCH_CLOSED, 200);
}

static void an_end_before_the_head_is_told(void **state)
{
    (void)state;
    assert_fails_of("HTTP/1.1 2", true, FETCH_CLOSED, 0);
}

static void what_does_not_come_in_time_is_given_up(void **state)
{
    (void)state;
    begin(SLICE(""), 50);
    await_verdict();
    assert_int_equal(world.verdict, FETCH_FAILED); /* where a machine is slow, of connecting */
}

static void nobody_listens(void **state)
{
    (void)state;
    sys_close(world.listener);
    world.listener = -1;
    begin(SLICE(""), 10 * 1000);
    assert_problem(FETCH_REFUSED, 0);
}

static void an_url_leads_to_a_host_and_nowhere_else(void **state)
{
    (void)state;
    static const struct {
        const char *url, *authority, *target; /* NULL: it leads nowhere */
    } cases[] = {
        {"http://a.example.com", "a.example.com", "/"},
        {"http://a.example.com:8080/x/y?z#part", "a.example.com:8080", "/x/y?z"},
        {"HTTP://[::1]/", "[::1]", "/"},
        {"http://a.example.com?q", "a.example.com", "/?q"},
        {"https://a.example.com/", NULL, NULL},
        {"http://", NULL, NULL},
        {"http:///x", NULL, NULL},
        {"http://:3000/", NULL, NULL},
        {"http://user@a.example.com/", NULL, NULL},
        {"http://a.example.com:99999/", NULL, NULL},
        {"http://3000/", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct fetch_place place;
        arena_init(&arena, NULL, 1024 * 1024);
        bool good = fetch_place_parse(slice_from_text(cases[i].url), &arena, &place);
        assert_int_equal(good, cases[i].authority != NULL);
        if (good) {
            assert_string_equal(place.authority.data, cases[i].authority);
            assert_string_equal(place.target.data, cases[i].target);
        }
        arena_fini(&arena);
    }
}

static void an_url_never_leads_to_a_unix_socket(void **state)
{
    (void)state;
    static const char *const urls[] = {"http://unix:80/", "http://unix:/run/private.sock",
                                       "http://unix:"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct fetch_place place = {.server.fixed.ip.kind = ADDRESS_NONE};
        bool good = fetch_place_parse(slice_from_text(urls[i]), &world.arena, &place);
        assert_true(!good || place.server.fixed.ip.kind != ADDRESS_UNIX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_is_taken_piece_by_piece, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_body_is_posted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_may_end_with_its_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_status_is_no_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_protocol_that_nobody_wanted_is_malformed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_announced_to_be_too_large_is_not_waited_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_turns_out_to_be_too_large_is_let_go, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_end_in_the_middle_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_end_before_the_head_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_come_in_time_is_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_listens, set_up, tear_down),
        cmocka_unit_test(an_url_leads_to_a_host_and_nowhere_else),
        cmocka_unit_test_setup_teardown(an_url_never_leads_to_a_unix_socket, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
