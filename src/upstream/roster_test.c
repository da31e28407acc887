#include "upstream/roster.h"

#include "base/arena.h"
#include "policy/retry.h"
#include "tls/tls_server_settings.h"
#include "upstream/breaker.h"
#include "upstream/edition.h"
#include "upstream/ejection.h"
#include "upstream/health_settings.h"
#include "upstream/lending.h"
#include "upstream/queue.h"
#include "upstream/sticky.h"
#include "upstream/upstreams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LOOPS = 2, MANY = 1000 };

struct bench {
    struct arena arena;
    struct server_registry *servers;
    struct live live;
    struct loop *loops[LOOPS];
    struct upstreams *upstreams[LOOPS];
    struct lending_circle circle;
    struct roster *roster;
    struct snapshot *snapshot; /* the one that is served */
};

static struct bench *bench;

static struct slice get_nothing(const void *exchange, struct slice argument, struct arena *arena)
{
    (void)exchange;
    (void)argument;
    (void)arena;
    return SLICE("");
}

static const struct variable variables[] = {
    {"client_ip", TEMPLATE_REQUEST, get_nothing, "The client."}};
static const struct variable_table variable_table = {variables, 1};
static const struct setting_group *const groups[] = {
    &upstream_group, &ejection_group, &timeouts_group, &sticky_group,     &retry_group,
    &health_group,   &queue_group,    &breaker_group,  &tls_server_group,
};
static const struct vocabulary vocabulary = {groups, sizeof(groups) / sizeof(*groups),
                                             &variable_table};

static int set_up(void **state)
{
    (void)state;
    bench = calloc(1, sizeof(*bench));
    arena_init(&bench->arena, NULL, SIZE_MAX / 2);
    bench->servers = server_registry_new();
    bench->live.servers = bench->servers;
    bench->circle = (struct lending_circle){bench->upstreams, LOOPS};
    for (unsigned i = 0; i < LOOPS; i++) {
        bench->loops[i] = loop_new();
        bench->upstreams[i] = upstreams_new(bench->loops[i], bench->servers);
    }
    for (unsigned i = 0; i < LOOPS; i++)
        upstreams_join(bench->upstreams[i], &bench->circle, i);
    bench->roster = roster_new(bench->servers, &bench->circle);
    return 0;
}

/* The loops read their mail. */
static void turn(void)
{
    for (unsigned i = 0; i < LOOPS; i++)
        loop_turn(bench->loops[i], 0);
}

static int tear_down(void **state)
{
    (void)state;
    turn();
    roster_free(bench->roster);
    if (bench->snapshot)
        snapshot_unref(bench->snapshot);
    for (unsigned i = 0; i < LOOPS; i++) {
        upstreams_free(bench->upstreams[i]);
        loop_free(bench->loops[i]);
    }
    server_registry_free(bench->servers);
    arena_fini(&bench->arena);
    free(bench);
    return 0;
}

/* ---- snapshots */

/* Lines whose host is `followed` and a digit are followed ones. */
static void mark_followed(struct configuration *configuration)
{
    for (uint32_t i = 0; i < configuration->upstream_count; i++) {
        const struct upstream_settings *settings =
            scope_group(configuration, configuration->upstreams[i], &upstream_group);
        for (size_t j = 0; j < settings->servers.count; j++)
            settings->servers.items[j].is_followed =
                slice_starts_with(settings->servers.items[j].place.host, SLICE("followed"));
    }
}

static struct snapshot *load(const char *text)
{
    static const struct snapshot_part *const parts[] = {&upstream_part};
    static const struct configuration_reader reader = {0};
    struct diagnostics *diagnostics = diagnostics_new(4);
    struct configuration *configuration = configuration_load(
        SLICE("weir.yaml"), slice_from_text(text), &vocabulary, &reader, diagnostics);
    assert_non_null(configuration);
    mark_followed(configuration);
    struct snapshot *snapshot = snapshot_new(configuration, parts, 1, &bench->live, diagnostics);
    assert_int_equal(diagnostics_errors(diagnostics), 0);
    assert_non_null(snapshot);
    diagnostics_free(diagnostics);
    return snapshot;
}

/* As the worker does. */
static void serve(const char *text)
{
    struct snapshot *snapshot = load(text);
    assert_true(roster_prepare(bench->roster, snapshot));
    roster_take(bench->roster, snapshot);
    turn();
    if (bench->snapshot)
        snapshot_unref(bench->snapshot);
    bench->snapshot = snapshot;
}

static struct upstream_table *table(void)
{
    return snapshot_get(bench->snapshot, &upstream_part);
}

static const struct upstream *find(const char *name)
{
    const struct upstream *upstream = upstream_find(table(), slice_from_text(name));
    assert_non_null(upstream);
    return upstream;
}

/* The members that it has now, as `key*weight/priority` with spaces. */
static void assert_members(const char *name, const char *expected)
{
    char memory[512];
    struct text text = text_over(memory, sizeof(memory) - 1);
    const struct upstream *now = upstream_now(find(name));
    for (uint32_t i = 0; i < now->count; i++)
        text_print(&text, "%s%.*s*%d/%d", i > 0 ? " " : "", SHOWN(now->members[i].server->key),
                   now->members[i].weight, now->members[i].priority);
    memory[text.length] = '\0';
    assert_string_equal(memory, expected);
}

static uint32_t swaps_left(void)
{
    uint32_t count = 0;
    roster_tidy(bench->roster);
    LIST_EACH (link, upstream_swaps(table()))
        count++;
    return count;
}

/* ---- what is done to it */

static struct server_setting setting(const char *text)
{
    struct server_setting made = {.weight = 1, .priority = 1};
    const char *wrong, *cure;
    assert_true(
        server_place_parse(slice_from_text(text), &bench->arena, &made.place, &wrong, &cure));
    return made;
}

static enum roster_outcome add(const char *name, const char *server)
{
    const struct server_setting made = setting(server);
    const char *why;
    return roster_add(bench->roster, find(name), &made, &why);
}

static enum roster_outcome remove_server(const char *name, const char *server)
{
    return roster_remove(bench->roster, find(name), setting(server).place.key);
}

/* `10.0.0.1 10.0.0.2`: one server for each word, all of that weight and priority. */
static void answer(const char *line, const char *hosts, uint32_t weight, uint8_t priority)
{
    struct roster_answer items[ROSTER_ANSWERS_MAX];
    size_t count = 0;
    struct slice rest = slice_from_text(hosts);
    while (rest.length > 0) {
        struct slice host = slice_cut(&rest, ' ');
        char memory[64];
        (void)snprintf(memory, sizeof(memory), "%.*s:80", SHOWN(host));
        items[count++] = (struct roster_answer){setting(memory).place, weight, priority};
    }
    assert_true(roster_answer(bench->roster, slice_from_text(line), items, count));
}

/* ---- tests */

static void a_server_comes_and_goes(void **state)
{
    (void)state;
    serve("upstreams: {app: {servers: [10.0.0.1, {address: 10.0.0.2, weight: 3}]}}\n");
    assert_false(upstream_is_swapped(find("app")));
    assert_int_equal(add("app", "10.0.0.3"), ROSTER_DONE);
    assert_members("app", "10.0.0.1:80*1/1 10.0.0.2:80*3/1 10.0.0.3:80*1/1");
    assert_int_equal(add("app", "http://10.0.0.3:80"), ROSTER_IS_THERE);
    assert_int_equal(remove_server("app", "10.0.0.1"), ROSTER_DONE);
    assert_int_equal(remove_server("app", "10.0.0.1"), ROSTER_IS_ABSENT);
    assert_members("app", "10.0.0.2:80*3/1 10.0.0.3:80*1/1");
    assert_int_equal(remove_server("app", "10.0.0.3"), ROSTER_DONE);
    assert_int_equal(add("app", "10.0.0.2"), ROSTER_IS_THERE);
    /* As the line has it: the change is taken back. With another weight it is another one. */
    assert_int_equal(add("app", "10.0.0.1"), ROSTER_DONE);
    assert_members("app", "10.0.0.1:80*1/1 10.0.0.2:80*3/1");
    assert_int_equal(remove_server("app", "10.0.0.2"), ROSTER_DONE);
    assert_int_equal(add("app", "10.0.0.2"), ROSTER_DONE);
    assert_members("app", "10.0.0.1:80*1/1 10.0.0.2:80*1/1");
}

static void calls_keep_the_list_that_they_are_under(void **state)
{
    (void)state;
    serve("upstreams: {app: {servers: [10.0.0.1]}}\n");
    assert_int_equal(add("app", "10.0.0.2"), ROSTER_DONE);
    const struct upstream *held = edition_hold(find("app"), bench->upstreams[0]);
    const struct upstream *again = edition_hold(held, bench->upstreams[1]);
    assert_ptr_equal(held, again);
    assert_int_equal(remove_server("app", "10.0.0.1"), ROSTER_DONE);
    assert_int_equal(swaps_left(), 2);
    turn();
    assert_int_equal(swaps_left(), 1); /* the first was from the snapshot's own list */
    assert_int_equal(held->count, 2);
    const struct upstream *newest = edition_hold(held, bench->upstreams[0]);
    assert_ptr_equal(newest, upstream_now(find("app")));
    edition_let_go(newest, bench->upstreams[0]);
    edition_let_go(held, bench->upstreams[0]);
    assert_int_equal(swaps_left(), 1);
    edition_let_go(again, bench->upstreams[1]);
    assert_int_equal(swaps_left(), 0);
}

static void changes_hold_while_the_lines_are_the_same(void **state)
{
    (void)state;
    serve("upstreams: {app: {servers: [10.0.0.1, 10.0.0.2]}, b: {servers: [10.0.0.1]}}\n");
    assert_int_equal(add("app", "10.0.0.3"), ROSTER_DONE);
    assert_int_equal(remove_server("app", "10.0.0.2"), ROSTER_DONE);
    serve("upstreams: {b: {servers: [10.0.0.5]}, app: {servers: [10.0.0.1, 10.0.0.2]}}\n");
    assert_members("app", "10.0.0.1:80*1/1 10.0.0.3:80*1/1");
    /* One that is made and not served changes nothing. */
    struct snapshot *unserved = load("upstreams: {app: {servers: [10.0.0.1]}}\n");
    assert_true(roster_prepare(bench->roster, unserved));
    snapshot_unref(unserved);
    assert_int_equal(add("app", "10.0.0.4"), ROSTER_DONE);
    assert_members("app", "10.0.0.1:80*1/1 10.0.0.3:80*1/1 10.0.0.4:80*1/1");
    serve("upstreams: {app: {servers: [10.0.0.1, {address: 10.0.0.2, weight: 2}]}}\n");
    assert_members("app", "10.0.0.1:80*1/1 10.0.0.2:80*2/1");
    serve("upstreams: {app: {servers: [10.0.0.1, 10.0.0.2]}}\n");
    assert_members("app", "10.0.0.1:80*1/1 10.0.0.2:80*1/1");
}

static void what_an_upstream_does_not_bear_is_refused(void **state)
{
    (void)state;
    serve("upstreams:\n"
          "  plain: {servers: [10.0.0.1]}\n"
          "  told: {servers: [10.0.0.1], proxy_protocol: v2}\n"
          "  asked: {servers: [10.0.0.1], health: {path: /, port: 81}}\n"
          "  grpc: {servers: ['h2c://10.0.0.1'], health: {type: grpc}}\n");
    assert_int_equal(add("plain", "https://10.0.0.2"), ROSTER_UNFIT);
    assert_int_equal(add("plain", "h2c://10.0.0.2"), ROSTER_DONE);
    assert_int_equal(add("told", "h2c://10.0.0.2"), ROSTER_UNFIT);
    assert_int_equal(add("asked", "unix:/run/a"), ROSTER_UNFIT);
    assert_int_equal(add("grpc", "10.0.0.2"), ROSTER_UNFIT);
    assert_int_equal(add("grpc", "h2c://10.0.0.2"), ROSTER_DONE);
    /* The file says otherwise now: who does not fit any more is left out. */
    serve("upstreams:\n"
          "  plain: {servers: [10.0.0.1], proxy_protocol: v2}\n");
    assert_members("plain", "10.0.0.1:80*1/1");
}

static void a_followed_line_stands_for_what_it_leads_to(void **state)
{
    (void)state;
    answer("followed1:80", "10.0.0.1 10.0.0.2", 0, 0); /* before anybody asks */
    serve("upstreams:\n"
          "  app: {servers: [{address: followed1, weight: 5}, 10.0.1.1, followed2]}\n"
          "  none: {servers: [followed3]}\n");
    assert_members("app", "10.0.0.1:80*5/1 10.0.0.2:80*5/1 10.0.1.1:80*1/1");
    assert_int_equal(find("none")->count, 0);
    answer("followed2:80", "10.0.2.1 10.0.0.2", 7, 9); /* one stands there already */
    assert_members("app", "10.0.0.1:80*5/1 10.0.0.2:80*5/1 10.0.1.1:80*1/1 10.0.2.1:80*7/9");
    const struct upstream *before = upstream_now(find("app"));
    answer("followed2:80", "10.0.2.1 10.0.0.2", 7, 9);
    assert_ptr_equal(upstream_now(find("app")), before);
    assert_int_equal(remove_server("app", "10.0.0.1"), ROSTER_DONE);
    answer("followed1:80", "10.0.0.1 10.0.0.3", 0, 0);
    assert_members("app", "10.0.0.3:80*5/1 10.0.1.1:80*1/1 10.0.2.1:80*7/9 10.0.0.2:80*7/9");
    answer("followed1:80", "", 0, 0);
    answer("followed2:80", "", 0, 0);
    assert_members("app", "10.0.1.1:80*1/1");
    answer("followed3:80", "10.0.3.1", 0, 0);
    assert_members("none", "10.0.3.1:80*1/1");
    answer("followed3:80", "", 0, 0);
    assert_members("none", "");
}

static void an_answer_outlives_a_reload_that_asks_for_it(void **state)
{
    (void)state;
    serve("upstreams: {app: {servers: [followed1]}}\n");
    answer("followed1:80", "10.0.0.1", 0, 0);
    serve("upstreams: {app: {servers: [10.0.0.9, followed1]}}\n");
    assert_members("app", "10.0.0.9:80*1/1 10.0.0.1:80*1/1");
    serve("upstreams: {app: {servers: [10.0.0.9]}}\n");
    serve("upstreams: {app: {servers: [10.0.0.9, followed1]}}\n");
    assert_members("app", "10.0.0.9:80*1/1");
}

static void what_changes_for_ever_takes_no_more_memory(void **state)
{
    (void)state;
    serve("upstreams: {app: {servers: [followed1], sticky: {cookie: c}}}\n");
    for (int i = 0; i < MANY; i++) {
        char hosts[32];
        (void)snprintf(hosts, sizeof(hosts), "10.1.%d.%d", i / 250, i % 250);
        answer("followed1:80", hosts, 0, 0);
        turn();
        assert_int_equal(swaps_left(), 0);
    }
    assert_int_equal(upstream_now(find("app"))->count, 1);
}

/* ---- what loops choose by */

static int pick(unsigned loop, const struct upstream *upstream)
{
    struct balancer_question question = {0};
    return upstreams_pick(bench->upstreams[loop], upstream, &question);
}

static void nobody_is_picked_of_nobody(void **state)
{
    (void)state;
    serve("upstreams: {app: {servers: [10.0.0.1]}}\n");
    assert_int_equal(remove_server("app", "10.0.0.1"), ROSTER_DONE);
    assert_int_equal(pick(0, upstream_now(find("app"))), -1);
}

/* By load the one goes first whose turn came longest ago: that is not begun anew with each list. */
static void turns_go_on_under_another_list(void **state)
{
    (void)state;
    serve("upstreams: {app: {servers: [10.0.0.1, 10.0.0.2, 10.0.0.3], "
          "balance: least_connections}}\n");
    assert_int_equal(pick(0, find("app")), 0);
    assert_int_equal(pick(0, find("app")), 1);
    assert_int_equal(remove_server("app", "10.0.0.1"), ROSTER_DONE);
    const struct upstream *now = upstream_now(find("app"));
    assert_int_equal(pick(0, now), 1); /* 10.0.0.3 */
    assert_int_equal(pick(0, now), 0);
}

int main(void)
{
#define EACH(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(a_server_comes_and_goes),
        EACH(calls_keep_the_list_that_they_are_under),
        EACH(changes_hold_while_the_lines_are_the_same),
        EACH(what_an_upstream_does_not_bear_is_refused),
        EACH(a_followed_line_stands_for_what_it_leads_to),
        EACH(an_answer_outlives_a_reload_that_asks_for_it),
        EACH(what_changes_for_ever_takes_no_more_memory),
        EACH(nobody_is_picked_of_nobody),
        EACH(turns_go_on_under_another_list),
    };
#undef EACH
    return cmocka_run_group_tests(tests, NULL, NULL);
}
