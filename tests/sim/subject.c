#include "sim/subject.h"

#include "base/assert.h"
#include "base/pool.h"
#include "exchange/client.h"
#include "exchange/client_table.h"
#include "exchange/tunnel.h"
#include "loop/last_words.h"
#include "loop/loop_int.h"
#include "main/handover.h"
#include "main/vocabulary.h"
#include "net/output.h"
#include "sim/sys_floor.h"
#include "upstream/commons.h"
#include "upstream/edition.h"
#include "upstream/lending.h"
#include "upstream/roster.h"

#include <stdio.h>
#include <stdlib.h>

static struct {
    const struct scenario *scenario;
    size_t blocks_before;
    struct server_registry *servers;
    struct client_table *client_table;
    struct listener listener;
    struct live live;
    struct loop *loops[LOOPS_MAX];
    struct loop_context contexts[LOOPS_MAX];
    struct loop_context *context_list[LOOPS_MAX];
    struct upstreams *upstreams_list[LOOPS_MAX];
    struct handover handover;
    struct lending_circle circle;
    struct roster *roster;
    struct snapshot *snapshot; /* the current one */
    unsigned count;            /* of loops */
    struct chance chance;
    bool listening;
} subject;

/* ---- loading */

static bool no_file(void *context, struct slice path, struct arena *arena, struct slice *ret_bytes,
                    const char **ret_reason)
{
    (void)context;
    (void)path;
    (void)arena;
    (void)ret_bytes;
    *ret_reason = "there are no files here";
    return false;
}

static const char *no_environment(void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

static struct snapshot *load(void)
{
    struct configuration_reader reader = {.read_file = no_file, .environment = no_environment};
    struct diagnostics *diagnostics = diagnostics_new(10);
    struct configuration *configuration = configuration_load(
        SLICE("sim"), slice_from_text(subject.scenario->yaml), &vocabulary, &reader, diagnostics);
    ASSERT(configuration);
    for (size_t i = 0; i < diagnostics_count(diagnostics); i++) {
        /* Scenarios have timeouts that nobody would want, and are warned of them. */
        if (diagnostics_get(diagnostics, i)->severity != SEVERITY_ERROR)
            continue;
        char memory[DIAGNOSTIC_PRINTED_MAX];
        struct text text = text_over(memory, sizeof(memory));
        diagnostic_print(&text, diagnostics_get(diagnostics, i), configuration->sources,
                         configuration->source_count, false);
        world_fail("the configuration is wrong: %.*s", (int)text.length, text.data);
    }
    struct snapshot *snapshot = snapshot_new(configuration, snapshot_parts, snapshot_part_count,
                                             &subject.live, diagnostics);
    ASSERT(snapshot);
    diagnostics_free(diagnostics);
    return snapshot;
}

/* ---- what must hold after every turn */

enum {
    LISTENER_ID = 1,
    /* Two outputs at their high water, of spans that fill an eighth of their buffers (a reader that
     * gets less asks for smaller ones), and one piece more. */
    BUFFERS_PER_CLIENT = 2 * (8 * OUTPUT_HIGH_WATER + 2 * BUFFER_LARGE),
};

static size_t held_in_buffers(const struct loop_context *context)
{
    static const size_t sizes[BUFFER_SIZES] = {BUFFER_SMALL, BUFFER_MEDIUM, BUFFER_LARGE};
    const struct buffer_pools *buffers = loop_buffers(context->loop);
    size_t held = 0;
    for (int i = 0; i < BUFFER_SIZES; i++)
        held += pool_in_use(buffers->sizes[i]) * sizes[i];
    return held;
}

static void check_turn(void)
{
    for (unsigned i = 0; i < subject.count; i++) {
        unsigned clients = atomic_load(&subject.contexts[i].open_clients);
        size_t held = held_in_buffers(&subject.contexts[i]);
        CHECK(held <= (size_t)clients * BUFFERS_PER_CLIENT, "%zu bytes are held for %u clients",
              held, clients);
    }
}

/* ---- its life */

static void on_client(struct listener_share *share, int fd, const struct ip *peer, uint16_t port)
{
    (void)port;
    struct loop_context *context = share->owner;
    struct loop_listener *listener = CONTAINER_OF(share, struct loop_listener, share);
    if (!handover_give(&subject.handover, context, listener, fd, peer))
        client_accept(context, listener, fd, peer);
}

static void open_listener(unsigned index)
{
    struct loop_context *context = &subject.contexts[index];
    struct loop_listener *listener =
        loop_listener_new(LISTENER_ID, &context->current->plans->listeners[0]);
    ASSERT(listener);
    listener->share = (struct listener_share){
        .listener = &subject.listener, .owner = context, .on_client = on_client};
    loop_listener_open(context, listener, index);
}

/* What the worker does on each loop; the listener stays. */
static void publish(struct loop_context *context, struct snapshot *snapshot)
{
    snapshot_ref(snapshot);
    struct snapshot_hold *hold = snapshot_hold_new(snapshot);
    ASSERT(hold);
    struct loop_listener *listener = loop_listener_find(context, LISTENER_ID);
    if (listener)
        listener->plan = &hold->plans->listeners[0];
    loop_context_publish(context, hold);
}

static void start_loop(unsigned index, struct snapshot *snapshot)
{
    struct loop_context *context = &subject.contexts[index];
    subject.loops[index] = loop_new();
    ASSERT(subject.loops[index]);
    bool good = loop_context_init(context, subject.loops[index], index, subject.servers,
                                  subject.client_table);
    ASSERT(good);
    publish(context, snapshot);
    subject.context_list[index] = context;
    subject.upstreams_list[index] = context->upstreams;
}

/* The loops get to know each other. */
static void introduce(void)
{
    subject.handover = (struct handover){.contexts = subject.context_list, .count = subject.count};
    subject.circle = (struct lending_circle){subject.upstreams_list, subject.count};
    for (unsigned i = 0; i < subject.count; i++)
        upstreams_join(subject.upstreams_list[i], &subject.circle, i);
}

static void start_loops(struct snapshot *snapshot)
{
    const struct plans *plans = snapshot_get(snapshot, &plan_part);
    ASSERT(plans->listener_count == 1);
    int error = listener_open(&subject.listener, sys_opener_direct(), &plans->listeners[0].address,
                              subject.count, true);
    ASSERT(error == 0);
    for (unsigned i = 0; i < subject.count; i++) {
        start_loop(i, snapshot);
        open_listener(i);
    }
    introduce();
    subject.listening = true;
}

void subject_start(const struct scenario *scenario)
{
    subject.scenario = scenario;
    subject.count = scenario->loops;
    subject.chance = chance_of(scenario->seed, 4000);
    subject.blocks_before = fault_live_blocks();
    subject.servers = server_registry_new();
    subject.client_table = client_table_new();
    ASSERT(subject.servers && subject.client_table);
    subject.live =
        (struct live){.servers = subject.servers, .stages = stages, .stage_count = stage_count};
    subject.roster = roster_new(subject.servers, &subject.circle);
    ASSERT(subject.roster);
    subject.snapshot = load();
    roster_take(subject.roster, subject.snapshot);
    start_loops(subject.snapshot);
    floor_on_turn = check_turn;
}

/* Any of the loops that may turn: none is faster than another. */
void subject_turn(void)
{
    struct loop *ready[LOOPS_MAX];
    unsigned count = 0;
    fault_arm(true);
    floor_wait();
    for (unsigned i = 0; i < subject.count; i++) {
        if (floor_may_turn(loop_poller(subject.loops[i])))
            ready[count++] = subject.loops[i];
    }
    if (count > 0)
        loop_turn(ready[chance_below(&subject.chance, count)], 1000);
    fault_arm(false);
}

void subject_reload(void)
{
    TRACE("reload");
    struct snapshot *snapshot = load();
    bool good = roster_prepare(subject.roster, snapshot);
    ASSERT(good);
    for (unsigned i = 0; i < subject.count; i++)
        publish(&subject.contexts[i], snapshot);
    roster_take(subject.roster, snapshot);
    /* The one before may be held by letters that loops have not read: they come before it goes. */
    for (unsigned i = 0; i < subject.count; i++)
        loop_turn(subject.loops[i], 0);
    snapshot_unref(subject.snapshot);
    subject.snapshot = snapshot;
}

static const char *const upstream_names[UPSTREAMS] = {"one", "two"};

static const struct upstream *some_upstream(unsigned index)
{
    return upstream_find(snapshot_get(subject.snapshot, &upstream_part),
                         slice_from_text(upstream_names[index]));
}

static bool is_member(const struct upstream *upstream, struct slice key)
{
    const struct upstream *now = upstream_now(upstream);
    for (uint32_t i = 0; i < now->count; i++) {
        if (slice_equal(now->members[i].server->key, key))
            return true;
    }
    return false;
}

void subject_swap(void)
{
    const struct upstream *upstream =
        some_upstream((unsigned)chance_below(&subject.chance, UPSTREAMS));
    const struct server_list *lines = upstream->lines;
    if (lines->count == 1)
        return;
    const struct server_setting *line =
        &lines->items[1 + chance_below(&subject.chance, lines->count - 1)];
    const char *why;
    TRACE("swap %.*s", SHOWN(line->place.key));
    enum roster_outcome outcome = is_member(upstream, line->place.key)
                                      ? roster_remove(subject.roster, upstream, line->place.key)
                                      : roster_add(subject.roster, upstream, line, &why);
    CHECK(outcome == ROSTER_DONE, "a server cannot come or go");
    roster_tidy(subject.roster);
}

void subject_drain(void)
{
    TRACE("drain");
    for (unsigned i = 0; i < subject.count; i++) {
        if (subject.listening)
            loop_listener_close(loop_listener_find(&subject.contexts[i], LISTENER_ID));
        clients_drain(&subject.contexts[i]);
    }
    if (subject.listening)
        listener_close(&subject.listener);
    subject.listening = false;
}

void subject_abort(void)
{
    TRACE("abort");
    for (unsigned i = 0; i < subject.count; i++) {
        tunnels_abort(&subject.contexts[i]);
        clients_abort(&subject.contexts[i]);
        last_words_cut(subject.loops[i]);
    }
}

bool subject_is_idle(void)
{
    bool idle = true;
    for (unsigned i = 0; i < subject.count; i++)
        idle &= list_is_empty(&subject.contexts[i].client_list) &&
                list_is_empty(&subject.contexts[i].tunnel_list) &&
                upstreams_is_quiet(subject.contexts[i].upstreams) &&
                !loop_has_last_words(subject.loops[i]);
    return idle;
}

/* ---- the end */

static void check_pools(const struct loop_context *context)
{
    const struct buffer_pools *buffers = loop_buffers(context->loop);
    for (int i = 0; i < BUFFER_SIZES; i++)
        CHECK(pool_in_use(buffers->sizes[i]) == 0, "%u buffers of size %d are not given back",
              pool_in_use(buffers->sizes[i]), i);
    CHECK(pool_in_use(context->arena_chunks) == 0, "%u arenas are not given back",
          pool_in_use(context->arena_chunks));
    CHECK(pool_in_use(context->clients) == 0, "%u clients are not given back",
          pool_in_use(context->clients));
    CHECK(pool_in_use(context->tunnels) == 0, "%u tunnels are not given back",
          pool_in_use(context->tunnels));
    CHECK(atomic_load(&context->open_clients) == 0, "%u clients are still counted by their loop",
          atomic_load(&context->open_clients));
}

static void check_timers(const struct loop_context *context)
{
    const struct timer_wheel *wheel = loop_wheel(context->loop);
    for (int i = 0; i < TIMER_SLOTS; i++)
        CHECK(list_is_empty(&wheel->slots[i]), "a timer is left in the wheel");
}

static void check_servers(void)
{
    for (unsigned i = 0; i < UPSTREAMS; i++) {
        const struct upstream *upstream = some_upstream(i);
        unsigned connections = atomic_load(&upstream->commons->breaker.connections);
        CHECK(connections == 0, "%u connections are still counted", connections);
        for (uint32_t j = 0; j < upstream->count; j++) {
            const struct server *server = upstream->members[j].server;
            CHECK(atomic_load(&server->active) == 0, "%u calls are still counted",
                  atomic_load(&server->active));
            CHECK(server_idle(server) == 0, "%u idle connections are still counted",
                  server_idle(server));
        }
    }
}

/* No loop holds a list that was swapped. */
static void check_swaps(void)
{
    roster_tidy(subject.roster);
    CHECK(list_is_empty(upstream_swaps(snapshot_get(subject.snapshot, &upstream_part))),
          "a list of servers that was swapped is still held");
}

/* As each loop of the worker does last. */
static void end_loops(void)
{
    for (unsigned i = 0; i < 4 * subject.count; i++)
        loop_turn(subject.loops[i % subject.count], 0); /* what is in the mail arrives */
    subject_abort();
    for (unsigned i = 0; i < subject.count; i++) {
        upstreams_close_idle(subject.contexts[i].upstreams);
        loop_turn(subject.loops[i], 0);
        loop_turn(subject.loops[i], 0);
    }
}

void subject_stop(void)
{
    end_loops();
    CHECK(client_table_count(subject.client_table) == 0, "%llu clients are still counted",
          (unsigned long long)client_table_count(subject.client_table));
    check_servers();
    check_swaps();
    roster_free(subject.roster);
    snapshot_unref(subject.snapshot);
    floor_on_turn = NULL;
    for (unsigned i = 0; i < subject.count; i++) {
        check_pools(&subject.contexts[i]);
        check_timers(&subject.contexts[i]);
        loop_context_fini(&subject.contexts[i]);
        loop_free(subject.loops[i]);
    }
    client_table_free(subject.client_table);
    server_registry_free(subject.servers);
    CHECK(fault_live_blocks() == subject.blocks_before, "%zu blocks of memory are left",
          fault_live_blocks() - subject.blocks_before);
}
