#include "upstream/server.h"

#include "base/arena.h"
#include "sys/thread.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A name server that answers when the test says so. */
struct bench {
    int socket;
    struct dns_settings settings;
    struct server_registry *servers;
    struct arena arena;
    unsigned threads; /* before there are resolvers */
    unsigned told;
};

static unsigned count_threads(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    while (readdir(tasks))
        count++;
    (void)closedir(tasks);
    return count;
}

static void count_told(void *context, const struct server *server, const char *problem)
{
    (void)server;
    (void)problem;
    ((struct bench *)context)->told++;
}

static int set_up(void **state)
{
    static struct bench bench;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    bench = (struct bench){.socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
                           .settings = {.name_server_count = 1, .timeout_ms = 60 * 1000},
                           .servers = server_registry_new(),
                           .threads = count_threads()};
    assert_non_null(bench.servers);
    assert_int_equal(bind(bench.socket, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(bench.socket, (struct sockaddr *)&address, &size), 0);
    bench.settings.name_servers[0].port = ntohs(address.sin_port);
    assert_true(ip_parse(SLICE("127.0.0.1"), &bench.settings.name_servers[0].ip));
    arena_init(&bench.arena, NULL, SIZE_MAX / 2);
    server_registry_ask(bench.servers, &bench.settings);
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    server_registry_free(bench->servers);
    arena_fini(&bench->arena);
    (void)close(bench->socket);
    return 0;
}

static void get(struct bench *bench, struct slice text)
{
    struct server_place place;
    const char *wrong, *cure;
    assert_true(server_place_parse(text, &bench->arena, &place, &wrong, &cure));
    assert_non_null(server_registry_get(bench->servers, &place));
}

static void answer_one(const struct bench *bench)
{
    static const unsigned char address[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1};
    unsigned char reply[512];
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    ssize_t length = recvfrom(bench->socket, reply, sizeof(reply) - sizeof(address), 0,
                              (struct sockaddr *)&from, &size);
    assert_true(length > 16);
    reply[2] |= 0x80;
    if (reply[length - 3] == 1) { /* A, not AAAA */
        reply[7] = 1;
        memcpy(reply + length, address, sizeof(address));
        length += (ssize_t)sizeof(address);
    }
    assert_true(sendto(bench->socket, reply, (size_t)length, 0, (struct sockaddr *)&from, size) >
                0);
}

static void await_question(const struct bench *bench)
{
    unsigned char byte;
    assert_true(recv(bench->socket, &byte, 1, MSG_PEEK | MSG_TRUNC) > 0);
}

static void a_name_is_found(void **state)
{
    enum { PATIENCE_MS = 60 * 1000 };
    struct bench *bench = *state;
    get(bench, SLICE("app.test:80"));
    assert_true(server_registry_start(bench->servers, count_told, bench));
    assert_false(server_registry_wait(bench->servers, 0));
    answer_one(bench);
    answer_one(bench);
    assert_true(server_registry_wait(bench->servers, PATIENCE_MS));
    assert_int_equal(bench->told, 0); /* nothing has changed */
}

/* Whoever still asks is neither waited for, nor comes back to what has gone. */
static void a_registry_goes_while_a_name_is_asked_for(void **state)
{
    struct bench *bench = *state;
    get(bench, SLICE("app.test:80"));
    assert_true(server_registry_start(bench->servers, count_told, bench));
    await_question(bench);
    server_registry_free(bench->servers);
    bench->servers = NULL;
    assert_true(count_threads() > bench->threads);
    answer_one(bench);
    answer_one(bench);
    while (count_threads() > bench->threads)
        sys_pause(1);
    assert_int_equal(bench->told, 0);
}

static void a_registry_goes_before_anything_was_asked_for(void **state)
{
    struct bench *bench = *state;
    assert_true(server_registry_start(bench->servers, count_told, bench));
    server_registry_free(bench->servers);
    bench->servers = NULL;
    while (count_threads() > bench->threads)
        sys_pause(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_name_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_registry_goes_while_a_name_is_asked_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_registry_goes_before_anything_was_asked_for, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
