#include "upstream/room.h"

#include "base/arena.h"
#include "upstream/call.h"
#include "upstream/commons.h"
#include "upstream/lending.h"
#include "upstream/upstreams_int.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LOOPS = 3, IDLE_MS = 60 * 1000 };

struct bench {
    struct arena arena;
    struct server_registry *servers;
    struct server *server;
    struct lending_circle circle;
    struct upstreams *upstreams[LOOPS];
    struct loop *loops[LOOPS];
    int listener;
    struct breaker breaker;
    struct connection_account account;
    struct room_search *search;
    bool is_told;
};

static struct bench *bench;

static struct server *name_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    char text[32];
    struct server_place place;
    const char *wrong, *cure;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bench->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(bench->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(bench->listener, 64), 0);
    assert_int_equal(getsockname(bench->listener, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(address.sin_port));
    assert_true(server_place_parse(slice_from_text(text), &bench->arena, &place, &wrong, &cure));
    return server_registry_get(bench->servers, &place);
}

static int set_up(void **state)
{
    (void)state;
    bench = calloc(1, sizeof(*bench));
    arena_init(&bench->arena, NULL, SIZE_MAX / 2);
    bench->servers = server_registry_new();
    bench->circle = (struct lending_circle){bench->upstreams, LOOPS};
    for (unsigned i = 0; i < LOOPS; i++) {
        bench->loops[i] = loop_new();
        bench->upstreams[i] = upstreams_new(bench->loops[i], bench->servers);
    }
    for (unsigned i = 0; i < LOOPS; i++)
        upstreams_join(bench->upstreams[i], &bench->circle, i);
    bench->server = name_server();
    bench->account = (struct connection_account){.breaker = &bench->breaker, .limit = 2};
    return 0;
}

static void turn(void)
{
    for (unsigned i = 0; i < LOOPS; i++)
        loop_turn(bench->loops[i], 0);
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LOOPS; i++) {
        assert_true(upstreams_is_quiet(bench->upstreams[i]));
        upstreams_close_idle(bench->upstreams[i]);
        loop_turn(bench->loops[i], 0);
        upstreams_free(bench->upstreams[i]);
        loop_free(bench->loops[i]);
    }
    assert_int_equal(atomic_load(&bench->breaker.connections), 0);
    server_registry_free(bench->servers);
    (void)close(bench->listener);
    arena_fini(&bench->arena);
    free(bench);
    return 0;
}

static void ignore(struct connection_user *user)
{
    (void)user;
}

static struct connection_user user = {.on_news = ignore, .on_timeout = ignore};

/* NULL: there is no room. */
static struct server_connection *connect_on(unsigned loop)
{
    struct address address;
    struct server_question question = {.server = bench->server};
    struct server_connection *connection = NULL;
    enum error_code error = ERROR_NONE;
    assert_int_equal(server_addresses(bench->servers, bench->server, &address), 1);
    enum io io = upstreams_connect(bench->upstreams[loop], &question, &bench->account, &address,
                                   &user, &connection, &error);
    while (io == IO_PENDING) {
        loop_turn(bench->loops[loop], -1);
        io = upstreams_go_on_connecting(connection, &error);
    }
    assert_true(io == IO_DONE || error == ERROR_CONNECTIONS_FULL);
    return connection;
}

static void put_idle_on(unsigned loop)
{
    struct server_connection *connection = connect_on(loop);
    assert_non_null(connection);
    upstreams_keep(connection, IDLE_MS);
}

static unsigned count_connections(void)
{
    return atomic_load(&bench->breaker.connections);
}

static unsigned count_idle(void)
{
    return server_idle(bench->server);
}

static void on_end(void *owner)
{
    assert_ptr_equal(owner, bench);
    bench->is_told = true;
}

/* Until it is back. */
static bool search_from(unsigned loop)
{
    bench->is_told = false;
    bench->search = room_search(bench->upstreams[loop], &bench->account, bench, on_end);
    assert_non_null(bench->search);
    while (!bench->is_told)
        turn();
    assert_true(bench->search->is_over);
    return bench->search->account.has_room;
}

/* ---- what is tested */

static void there_are_no_more_than_the_limit(void **state)
{
    (void)state;
    struct server_connection *one = connect_on(0), *other = connect_on(1);
    assert_null(connect_on(0));
    assert_null(connect_on(2));
    assert_int_equal(count_connections(), 2);
    upstreams_drop(one, false);
    assert_int_equal(count_connections(), 1);
    one = connect_on(2);
    assert_non_null(one);
    upstreams_drop(one, false);
    upstreams_drop(other, true);
}

static void an_idle_one_of_the_loop_goes_first(void **state)
{
    (void)state;
    put_idle_on(0);
    put_idle_on(0);
    struct server_connection *connection = connect_on(0);
    assert_non_null(connection);
    assert_int_equal(count_connections(), 2);
    assert_int_equal(count_idle(), 1);
    upstreams_drop(connection, false);
}

static void one_of_another_loop_is_found_and_its_room_brought(void **state)
{
    (void)state;
    put_idle_on(2);
    struct server_connection *busy = connect_on(1);
    assert_null(connect_on(0));
    assert_true(search_from(0));
    assert_int_equal(count_idle(), 0);
    assert_int_equal(count_connections(), 2); /* nobody else can have it */
    assert_null(connect_on(1));
    bench->account.has_room = true;
    bench->search->account.has_room = false;
    room_search_leave(bench->search);
    struct server_connection *connection = connect_on(0);
    assert_non_null(connection);
    assert_false(bench->account.has_room);
    upstreams_drop(connection, false);
    upstreams_drop(busy, false);
}

static void where_all_are_in_use_there_is_none(void **state)
{
    (void)state;
    struct server_connection *one = connect_on(1), *other = connect_on(2);
    assert_false(search_from(0));
    room_search_leave(bench->search);
    upstreams_drop(one, false);
    upstreams_drop(other, false);
}

/* Before the search is back, and after. */
static void what_is_found_for_who_has_left_goes_back(void **state)
{
    (void)state;
    put_idle_on(1);
    put_idle_on(2);
    room_search_leave(room_search(bench->upstreams[0], &bench->account, bench, on_end));
    assert_false(upstreams_is_quiet(bench->upstreams[0]));
    while (!upstreams_is_quiet(bench->upstreams[0]))
        turn();
    assert_int_equal(count_connections(), 1);
    put_idle_on(1);
    assert_true(search_from(0));
    room_search_leave(bench->search);
    assert_int_equal(count_connections(), 1);
}

static void note_news(struct call *call)
{
    (void)call;
    bench->is_told = true;
}

/* While it was searched for, another call has left a connection. */
static void room_that_is_not_needed_goes_back(void **state)
{
    static const struct breaker_settings settings = {.max_connections = 2};
    static const struct timeouts timeouts = {.connect = IDLE_MS};
    static const struct h1_limits limits = {.header_size = 1024, .header_count = 10};
    struct upstream *upstream = calloc(1, sizeof(*upstream) + sizeof(struct upstream_member));
    struct commons *commons = commons_get(server_registry_commons(bench->servers), SLICE("app"));
    struct call call;
    (void)state;
    assert_true(upstream && commons);
    upstream->commons = commons;
    upstream->breaker = &settings;
    upstream->count = 1;
    upstream->members[0].server = bench->server;
    bench->account.breaker = &commons->breaker;
    struct server_connection *busy = connect_on(0);
    put_idle_on(1);
    call_init(&call, bench->upstreams[0], upstream, &timeouts, &limits, &bench->arena, NULL,
              note_news);
    assert_int_equal(call_start(&call), CALL_WAIT);
    while (!bench->is_told)
        turn();
    assert_int_equal(atomic_load(&commons->breaker.connections), 2);
    upstreams_keep(busy, IDLE_MS);
    assert_int_equal(call_start(&call), CALL_READY);
    assert_int_equal(atomic_load(&commons->breaker.connections), 1);
    call_finish(&call);
    assert_int_equal(atomic_load(&commons->breaker.connections), 0);
    free(upstream);
}

static void a_lower_limit_is_come_down_to(void **state)
{
    (void)state;
    bench->account.limit = 0;
    for (int i = 0; i < 5; i++) {
        struct server_connection *connection = connect_on(0);
        put_idle_on(1);
        upstreams_keep(connection, IDLE_MS);
    }
    assert_int_equal(count_connections(), 10);
    bench->account.limit = 2;
    assert_null(connect_on(0)); /* all of this loop are closed, and it is not enough */
    assert_int_equal(count_connections(), 5);
    assert_true(search_from(0));
    assert_int_equal(count_connections(), 2);
    room_search_leave(bench->search);
    struct server_connection *connection = connect_on(0);
    assert_non_null(connection);
    assert_int_equal(count_connections(), 2);
    upstreams_drop(connection, false);
}

static void what_another_account_has_opened_stays(void **state)
{
    (void)state;
    struct breaker others = {0};
    struct connection_account own = bench->account;
    bench->account.breaker = &others;
    put_idle_on(0);
    bench->account = own;
    struct server_connection *one = connect_on(0), *other = connect_on(0);
    assert_null(connect_on(0));
    assert_int_equal(count_idle(), 1);
    assert_int_equal(atomic_load(&others.connections), 1);
    upstreams_drop(one, false);
    upstreams_drop(other, false);
    upstreams_close_idle(bench->upstreams[0]);
    assert_int_equal(atomic_load(&others.connections), 0);
}

static void want_no_loan(struct connection_user *borrower, struct server_connection *connection)
{
    (void)borrower;
    (void)connection;
    fail();
}

/* The borrower has gone meanwhile. */
static void a_loan_takes_its_room_along(void **state)
{
    (void)state;
    struct connection_user borrower = {
        .on_news = ignore, .on_timeout = ignore, .on_loan = want_no_loan};
    struct server_question question = {.server = bench->server};
    struct server_connection *connection = NULL;
    struct address address;
    enum error_code error;
    put_idle_on(1);
    assert_int_equal(server_addresses(bench->servers, bench->server, &address), 1);
    assert_int_equal(upstreams_connect(bench->upstreams[0], &question, &bench->account, &address,
                                       &borrower, &connection, &error),
                     IO_PENDING);
    assert_int_equal(count_connections(), 2);
    upstreams_drop(connection, false);
    turn();
    turn();
    assert_true(upstreams_is_quiet(bench->upstreams[0]));
    assert_int_equal(count_connections(), 1);
    assert_int_equal(count_idle(), 1);
    assert_int_equal(atomic_load(&bench->server->idle_on), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(there_are_no_more_than_the_limit),
        TEST(an_idle_one_of_the_loop_goes_first),
        TEST(one_of_another_loop_is_found_and_its_room_brought),
        TEST(where_all_are_in_use_there_is_none),
        TEST(what_is_found_for_who_has_left_goes_back),
        TEST(room_that_is_not_needed_goes_back),
        TEST(a_lower_limit_is_come_down_to),
        TEST(what_another_account_has_opened_stays),
        TEST(a_loan_takes_its_room_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
