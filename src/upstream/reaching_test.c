#include "upstream/reaching.h"

#include "base/arena.h"
#include "obs/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW = 1000 * 1000, PAUSE = 5000 };

static char written[4096];

static void keep(struct log_sink *sink, enum log_severity severity, struct slice line)
{
    (void)sink;
    (void)severity;
    assert_true(line.length < sizeof(written));
    memcpy(written, line.data, line.length);
    written[line.length] = '\0';
}

static int64_t read_wall(void)
{
    return 0;
}

static struct log_sink sink = {.write = keep};

struct bench {
    struct server_registry *servers;
    struct arena arena;
    struct server *server;
};

static struct bench bench;

static int set_up(void **state)
{
    (void)state;
    struct server_place place;
    const char *wrong, *cure;
    arena_init(&bench.arena, NULL, SIZE_MAX / 2);
    bench.servers = server_registry_new();
    assert_true(server_place_parse(SLICE("10.0.0.1:80"), &bench.arena, &place, &wrong, &cure));
    bench.server = server_registry_get(bench.servers, &place);
    assert_non_null(bench.server);
    log_start(&sink, LOG_NOTICE, read_wall);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    log_stop();
    server_registry_free(bench.servers);
    arena_fini(&bench.arena);
    return 0;
}

/* Whether a line with these words was told since somebody asked; empty: whether none was. */
static bool was_told(const char *words)
{
    bool was = *words ? strstr(written, words) != NULL : *written == '\0';
    written[0] = '\0';
    return was;
}

static void fail_of(enum error_code error, uint64_t now)
{
    server_unreached(bench.servers, bench.server, error, now);
}

static void what_fails_on_and_on_is_told_once(void **state)
{
    (void)state;
    fail_of(ERROR_CONNECT_REFUSED, NOW);
    assert_true(was_told("a server cannot be reached"));
    for (uint64_t now = NOW; now < NOW + 100 * PAUSE; now += PAUSE / 2)
        fail_of(ERROR_CONNECT_REFUSED, now);
    assert_true(was_told(""));
    assert_int_equal(atomic_load(&bench.server->failed), 201);
    assert_true(server_rests(bench.server, NOW + 100 * PAUSE));
}

static void another_problem_is_told(void **state)
{
    (void)state;
    fail_of(ERROR_CONNECT_REFUSED, NOW);
    assert_true(was_told("refuses connections"));
    fail_of(ERROR_CONNECT_TIMEOUT, NOW + PAUSE);
    assert_true(was_told("did not accept"));
}

static void who_comes_back_is_told(void **state)
{
    (void)state;
    server_reached(bench.server, NOW);
    assert_true(was_told(""));
    fail_of(ERROR_CONNECT_REFUSED, NOW);
    assert_true(was_told("a server cannot be reached"));
    server_reached(bench.server, NOW + PAUSE);
    assert_true(was_told("a server can be reached again"));
    server_reached(bench.server, NOW + 2 * PAUSE);
    assert_true(was_told(""));
}

static void who_comes_and_goes_has_a_line_in_five_seconds(void **state)
{
    (void)state;
    unsigned lines = 0;
    for (uint64_t now = NOW; now < NOW + 10 * PAUSE; now += 10) {
        fail_of(ERROR_CONNECT_REFUSED, now);
        lines += !was_told("");
        server_reached(bench.server, now + 5);
        lines += !was_told("");
    }
    assert_int_equal(lines, 10);
}

static void what_was_not_told_in_time_is_told_later(void **state)
{
    (void)state;
    fail_of(ERROR_CONNECT_REFUSED, NOW);
    assert_true(was_told("a server cannot be reached"));
    server_reached(bench.server, NOW + 1);
    assert_true(was_told(""));
    server_reached(bench.server, NOW + PAUSE);
    assert_true(was_told("a server can be reached again"));
}

static void what_we_lack_ourselves_is_not_its_fault(void **state)
{
    (void)state;
    fail_of(ERROR_OUT_OF_DESCRIPTORS, NOW);
    assert_true(was_told(""));
    assert_false(server_rests(bench.server, NOW));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_fails_on_and_on_is_told_once),
        TEST(another_problem_is_told),
        TEST(who_comes_back_is_told),
        TEST(who_comes_and_goes_has_a_line_in_five_seconds),
        TEST(what_was_not_told_in_time_is_told_later),
        TEST(what_we_lack_ourselves_is_not_its_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
