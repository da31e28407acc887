#include "upstream/farewell.h"

#include "base/arena.h"
#include "upstream/commons.h"
#include "upstream/lending.h"
#include "upstream/queue.h"
#include "upstream/standing.h"
#include "upstream/upstreams.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LOOPS = 2, IDLE_MS = 3600 * 1000 };

struct bench {
    struct arena arena;
    struct server_registry *servers;
    struct loop *loops[LOOPS];
    struct upstreams *upstreams[LOOPS];
    struct lending_circle circle;
    int listener;
    char place[32];
};

static struct bench *bench;

static void listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    bench->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(bench->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(bench->listener, 16), 0);
    assert_int_equal(getsockname(bench->listener, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(bench->place, sizeof(bench->place), "127.0.0.1:%d", ntohs(address.sin_port));
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
    listen_somewhere();
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
        upstreams_close_idle(bench->upstreams[i]);
        loop_turn(bench->loops[i], 0);
        upstreams_free(bench->upstreams[i]);
        loop_free(bench->loops[i]);
    }
    server_registry_free(bench->servers);
    (void)close(bench->listener);
    arena_fini(&bench->arena);
    free(bench);
    return 0;
}

static struct server *name(const char *text)
{
    struct server_place place;
    const char *wrong, *cure;
    assert_true(server_place_parse(slice_from_text(text), &bench->arena, &place, &wrong, &cure));
    return server_registry_get(bench->servers, &place);
}

/* As the control loop does, which also frees what was let go of since it last looked. */
static void tidy(void)
{
    farewells_tidy(bench->servers, &bench->circle);
    turn();
    farewells_tidy(bench->servers, &bench->circle);
}

/* ---- a user of connections */

static void ignore(struct connection_user *user)
{
    (void)user;
}

static struct connection_user user = {.on_news = ignore, .on_timeout = ignore};

static struct breaker breaker;
static struct connection_account account = {.breaker = &breaker};

/* A connection that is established. */
static struct server_connection *connect_to(struct server *server, unsigned loop)
{
    struct address addresses[SERVER_ADDRESSES_MAX];
    struct server_question question = {.server = server};
    struct server_connection *connection = NULL;
    enum error_code error = ERROR_NONE;
    assert_int_equal(server_addresses(bench->servers, server, addresses), 1);
    enum io io = upstreams_connect(bench->upstreams[loop], &question, &account, &addresses[0],
                                   &user, &connection, &error);
    while (io == IO_PENDING) {
        loop_turn(bench->loops[loop], -1);
        io = upstreams_go_on_connecting(connection, &error);
    }
    assert_int_equal(io, IO_DONE);
    return connection;
}

/* ---- what is tested */

static void who_is_named_stays(void **state)
{
    (void)state;
    struct server *server = name("10.0.0.1:80");
    assert_ptr_equal(name("10.0.0.1:80"), server);
    server_unref(bench->servers, server);
    tidy();
    assert_int_equal(server_registry_count(bench->servers), 1);
    assert_ptr_equal(name("10.0.0.1:80"), server);
}

static void who_is_named_no_more_goes(void **state)
{
    (void)state;
    server_unref(bench->servers, name("10.0.0.1:80"));
    farewells_tidy(bench->servers, &bench->circle);
    loop_turn(bench->loops[0], 0);
    farewells_tidy(bench->servers, &bench->circle);
    assert_int_equal(server_registry_count(bench->servers), 1); /* the other loop may have it yet */
    tidy();
    assert_int_equal(server_registry_count(bench->servers), 0);
}

static void its_id_is_given_to_another_and_its_serial_is_not(void **state)
{
    (void)state;
    struct server *first = name("10.0.0.1:80"), *second = name("10.0.0.2:80");
    uint32_t id = first->id, serial = first->serial;
    server_unref(bench->servers, first);
    tidy();
    struct server *third = name("10.0.0.3:80");
    assert_int_equal(third->id, id);
    assert_true(third->serial != serial && third->serial != second->serial);
    assert_ptr_equal(name("10.0.0.2:80"), second);
}

static void idle_connections_are_closed(void **state)
{
    (void)state;
    struct server *server = name(bench->place);
    upstreams_keep(connect_to(server, 0), IDLE_MS);
    upstreams_keep(connect_to(server, 1), IDLE_MS);
    assert_int_equal(server_idle(server), 2);
    server_unref(bench->servers, server);
    tidy();
    assert_int_equal(server_registry_count(bench->servers), 0);
}

static void a_connection_in_use_is_waited_for(void **state)
{
    (void)state;
    struct server *server = name(bench->place);
    struct server_connection *connection = connect_to(server, 1);
    server_unref(bench->servers, server);
    tidy();
    tidy();
    assert_int_equal(server_registry_count(bench->servers), 1);
    upstreams_drop(connection, false);
    tidy();
    assert_int_equal(server_registry_count(bench->servers), 0);
}

/* Named again while one loop has let go and the other has not; and no more before that. */
static void who_comes_back_meanwhile_is_not_taken_away(void **state)
{
    (void)state;
    struct server *server = name(bench->place);
    struct server_connection *old = connect_to(server, 1);
    server_unref(bench->servers, server);
    tidy();
    assert_ptr_equal(name(bench->place), server);
    struct server_connection *fresh = connect_to(server, 0);
    server_unref(bench->servers, server);
    upstreams_drop(old, false);
    tidy(); /* all have answered the first farewell */
    assert_int_equal(server_registry_count(bench->servers), 1);
    assert_int_equal(atomic_load(&server->active), 1);
    upstreams_drop(fresh, false);
    tidy();
    assert_int_equal(server_registry_count(bench->servers), 0);
}

static void want_no_loan(struct connection_user *who, struct server_connection *connection)
{
    (void)who;
    upstreams_drop(connection, false);
}

/* It comes to a loop that has nothing else of the server any more. */
static void a_loan_under_way_is_waited_for(void **state)
{
    (void)state;
    struct server *server = name(bench->place);
    struct connection_user borrower = {
        .on_news = ignore, .on_timeout = ignore, .on_loan = want_no_loan};
    struct server_question question = {.server = server};
    struct server_connection *connection = NULL;
    struct address address;
    enum error_code error;
    upstreams_keep(connect_to(server, 1), IDLE_MS);
    assert_int_equal(server_addresses(bench->servers, server, &address), 1);
    assert_int_equal(upstreams_connect(bench->upstreams[0], &question, &account, &address,
                                       &borrower, &connection, &error),
                     IO_PENDING);
    upstreams_drop(connection, false);
    server_unref(bench->servers, server);
    farewells_tidy(bench->servers, &bench->circle);
    loop_turn(bench->loops[0], 0);
    loop_turn(bench->loops[1], 0); /* has lent the connection, and let go */
    farewells_tidy(bench->servers, &bench->circle);
    assert_int_equal(server_registry_count(bench->servers), 1);
    turn();
    assert_true(upstreams_is_quiet(bench->upstreams[0]));
    tidy();
    assert_int_equal(server_registry_count(bench->servers), 0);
}

static void a_standing_goes_with_the_last_who_names_it(void **state)
{
    (void)state;
    struct server *server = name("10.0.0.1:80");
    struct standing *shop = standing_get(bench->servers, server, SLICE("shop"));
    struct standing *blog = standing_get(bench->servers, server, SLICE("blog"));
    standing_set_order(bench->servers, shop, STANDING_DISABLED, 1);
    standing_set_order(bench->servers, blog, STANDING_DRAINED, 1);
    standing_unref(bench->servers, shop);
    assert_int_equal(atomic_load(&server->set_aside), 1);
    shop = standing_get(bench->servers, server, SLICE("shop"));
    assert_int_equal(standing_order_of(shop), STANDING_ENABLED);
    assert_ptr_equal(standing_get(bench->servers, server, SLICE("blog")), blog);
    assert_int_equal(standing_order_of(blog), STANDING_DRAINED);
}

static void queues_forget_who_goes(void **state)
{
    (void)state;
    struct server *first = name("10.0.0.1:80"), *second = name("10.0.0.2:80");
    struct commons *commons = commons_get(server_registry_commons(bench->servers), SLICE("shop"));
    assert_true(queue_watch(commons, first) && queue_watch(commons, second));
    server_unref(bench->servers, first);
    tidy();
    struct queue_link *link = atomic_load(&second->queues);
    assert_ptr_equal(commons->links.next, &link->of_commons);
    assert_ptr_equal(commons->links.previous, &link->of_commons);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_named_stays),
        TEST(who_is_named_no_more_goes),
        TEST(its_id_is_given_to_another_and_its_serial_is_not),
        TEST(idle_connections_are_closed),
        TEST(a_connection_in_use_is_waited_for),
        TEST(who_comes_back_meanwhile_is_not_taken_away),
        TEST(a_loan_under_way_is_waited_for),
        TEST(a_standing_goes_with_the_last_who_names_it),
        TEST(queues_forget_who_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
