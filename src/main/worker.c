#include "main/worker_int.h"

#include "base/assert.h"
#include "exchange/client.h"
#include "exchange/client_table.h"
#include "exchange/context.h"
#include "exchange/mirror.h"
#include "exchange/tunnel.h"
#include "loop/last_words.h"
#include "obs/log.h"
#include "policy/pattern.h"
#include "sys/clock.h"
#include "sys/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct worker *worker_new(struct server_registry *servers, struct sys_opener *opener)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return NULL;
    worker->servers = servers;
    worker->opener = opener;
    list_init(&worker->listeners);
    list_init(&worker->past_snapshots);
    worker->clients = client_table_new();
    worker->roster = roster_new(servers, &worker->circle);
    if (worker->clients && worker->roster)
        return worker;
    worker_free(worker);
    return NULL;
}

struct roster *worker_roster(const struct worker *worker)
{
    return worker->roster;
}

void worker_set_follower(struct worker *worker, struct follower *follower)
{
    worker->follower = follower;
}

struct server_registry *worker_servers(const struct worker *worker)
{
    return worker->servers;
}

const char *worker_problem(const struct worker *worker)
{
    return worker->problem;
}

bool worker_fail(struct worker *worker, const char *problem)
{
    struct text text = text_over(worker->problem, sizeof(worker->problem) - 1);
    text_add(&text, slice_from_text(problem));
    worker->problem[text.length] = '\0';
    return false;
}

/* ---- on the loops */

static void stop_accepting(struct loop_context *context)
{
    LIST_EACH_SAFE (link, &context->listeners) {
        struct loop_listener *listener = CONTAINER_OF(link, struct loop_listener, link);
        if (!listener->is_closed)
            loop_listener_close(listener);
    }
}

static void on_drain(struct loop *loop, struct message *message)
{
    struct worker_loop *self = CONTAINER_OF(message, struct worker_loop, drain);
    ASSERT(self->loop == loop);
    self->context.draining = true; /* whom we still accept stays here, and is told of the end */
    self->context.is_patient = self->worker->is_leaving;
    stop_accepting(&self->context);
    mirrors_abort(&self->context); /* nobody waits for them */
    clients_drain(&self->context);
    atomic_store(&self->is_closed, true);
}

static void on_abort(struct loop *loop, struct message *message)
{
    struct worker_loop *self = CONTAINER_OF(message, struct worker_loop, abort);
    ASSERT(self->loop == loop);
    tunnels_abort(&self->context);
    clients_abort(&self->context);
    last_words_cut(loop);
}

static void on_quit(struct loop *loop, struct message *message)
{
    (void)loop;
    CONTAINER_OF(message, struct worker_loop, quit)->quitting = true;
}

static void on_beat(struct loop *loop, struct message *message)
{
    struct worker_loop *self = CONTAINER_OF(message, struct worker_loop, beat);
    ASSERT(self->loop == loop);
    metrics_measure(&self->context);
    gauge_set(&self->context.gauges.delay_microseconds,
              (sys_monotonic_ns() - self->beat_sent_ns) / 1000);
    atomic_store(&self->beat_is_out, false);
}

static bool is_finished(const struct loop_context *context)
{
    return context->draining && list_is_empty(&context->client_list) &&
           list_is_empty(&context->tunnel_list) && upstreams_is_quiet(context->upstreams) &&
           !loop_has_last_words(context->loop);
}

/* A loop that is finished still answers the others until all are. */
static void run_loop(void *argument)
{
    struct worker_loop *self = argument;
    metrics_measure(&self->context);
    while (!self->quitting) {
        loop_turn(self->loop, -1);
        histogram_add(&self->context.counts.turn_microseconds, loop_turn_time(self->loop));
        if (is_finished(&self->context) && !atomic_load(&self->done)) {
            upstreams_close_idle(self->context.upstreams);
            atomic_store(&self->done, true);
        }
    }
    mirrors_abort(&self->context);
    /* What another loop handed over in the last moment. */
    tunnels_abort(&self->context);
    clients_abort(&self->context);
    upstreams_close_idle(self->context.upstreams);
    loop_turn(self->loop, 0); /* what was closed is buried */
    pattern_leave_thread();
}

/* ---- starting */

static bool prepare_loop(struct worker *worker, unsigned index)
{
    struct worker_loop *self = &worker->loops[index];
    self->worker = worker;
    self->drain.deliver = on_drain;
    self->abort.deliver = on_abort;
    self->quit.deliver = on_quit;
    self->beat.deliver = on_beat;
    self->loop = loop_new();
    if (!self->loop ||
        !loop_context_init(&self->context, self->loop, index, worker->servers, worker->clients))
        return false;
    worker->loop_count++;
    return true;
}

/* The loops get to know each other. */
static bool introduce(struct worker *worker, unsigned threads)
{
    ASSERT(worker->loop_count == threads);
    worker->circle.members = calloc(threads, sizeof(struct upstreams *));
    worker->handover.contexts = calloc(threads, sizeof(struct loop_context *));
    if (!worker->circle.members || !worker->handover.contexts)
        return false;
    worker->circle.count = worker->handover.count = threads;
    for (unsigned i = 0; i < threads; i++) {
        worker->handover.contexts[i] = &worker->loops[i].context;
        worker->circle.members[i] = worker->loops[i].context.upstreams;
        upstreams_join(worker->circle.members[i], &worker->circle, i);
    }
    return true;
}

static bool make_loops(struct worker *worker, unsigned threads)
{
    worker->loops = calloc(threads, sizeof(*worker->loops));
    if (!worker->loops)
        return worker_fail(worker, "there is no memory for the loops");
    for (unsigned i = 0; i < threads; i++) {
        if (!prepare_loop(worker, i))
            return worker_fail(worker,
                               "a loop cannot be made: too little memory, or too few descriptors");
    }
    return introduce(worker, threads) || worker_fail(worker, "there is no memory for the loops");
}

static bool start_threads(struct worker *worker)
{
    for (unsigned i = 0; i < worker->loop_count; i++) {
        worker->loops[i].thread = sys_thread_start("weir-loop", run_loop, &worker->loops[i]);
        if (!worker->loops[i].thread)
            return worker_fail(worker, "the system refuses a thread");
    }
    return true;
}

bool worker_start(struct worker *worker, struct snapshot *snapshot, unsigned threads)
{
    ASSERT(!worker->loops && threads > 0 && threads <= LISTENER_LOOPS_MAX);
    worker->metrics = metrics_registry_new(threads);
    if (!worker->metrics)
        (void)worker_fail(worker, "there is no memory for the metrics");
    if (!worker->metrics || !make_loops(worker, threads)) {
        snapshot_unref(snapshot);
        return false;
    }
    return publication_begin(worker, snapshot) && start_threads(worker);
}

struct snapshot *worker_snapshot(const struct worker *worker)
{
    return worker->snapshot;
}

uint64_t worker_snapshots(const struct worker *worker)
{
    uint64_t count = 1;
    LIST_EACH (link, &worker->past_snapshots)
        count++;
    return count;
}

void worker_print_listeners(const struct worker *worker, struct text *text)
{
    LIST_EACH (link, &worker->listeners) {
        struct worker_listener *listener = CONTAINER_OF(link, struct worker_listener, link);
        if (listener->is_gone)
            continue;
        struct address address = listener->listener.address;
        address.port = listener->listener.port;
        if (text->length > 0)
            text_add(text, SLICE(", "));
        address_print(text, &address);
    }
}

unsigned worker_threads(const struct worker *worker)
{
    return worker->loop_count;
}

uint64_t worker_connections(const struct worker *worker)
{
    return client_table_count(worker->clients);
}

bool worker_is_draining(const struct worker *worker)
{
    return worker->draining;
}

/* ---- watching */

static void watch_loop(struct worker *worker, struct worker_loop *self)
{
    enum { SILENCE_SECONDS = 5 };
    if (!atomic_load(&self->beat_is_out)) {
        if (self->silent_seconds >= SILENCE_SECONDS)
            log_event(LOG_NOTICE, "a loop turns again", LOG_NUMBER("loop", self->context.index),
                      LOG_NUMBER("seconds", self->silent_seconds));
        self->silent_seconds = 0;
        self->beat_sent_ns = sys_monotonic_ns();
        atomic_store(&self->beat_is_out, true);
        loop_send(self->loop, &self->beat);
        return;
    }
    if (++self->silent_seconds != SILENCE_SECONDS)
        return;
    worker->hangs++;
    log_event(LOG_ERROR, "a loop hangs; what it serves waits",
              LOG_NUMBER("loop", self->context.index), LOG_NUMBER("seconds", SILENCE_SECONDS));
    sys_thread_interrupt(self->thread); /* it tells of the exchange in hand */
}

bool worker_watch(struct worker *worker)
{
    bool all_turn = true;
    for (unsigned i = 0; i < worker->loop_count; i++) {
        watch_loop(worker, &worker->loops[i]);
        all_turn &= worker->loops[i].silent_seconds == 0;
    }
    return all_turn;
}

const struct loop_counts *worker_counts(const struct worker *worker, unsigned loop)
{
    ASSERT(loop < worker->loop_count);
    return &worker->loops[loop].context.counts;
}

const struct loop_gauges *worker_gauges(const struct worker *worker, unsigned loop)
{
    ASSERT(loop < worker->loop_count);
    return &worker->loops[loop].context.gauges;
}

uint64_t worker_delay_microseconds(const struct worker *worker, unsigned loop)
{
    ASSERT(loop < worker->loop_count);
    const struct worker_loop *self = &worker->loops[loop];
    uint64_t last = gauge_read(&self->context.gauges.delay_microseconds), now = 0;
    if (atomic_load(&self->beat_is_out))
        now = (sys_monotonic_ns() - self->beat_sent_ns) / 1000;
    return now > last ? now : last;
}

const struct metrics_registry *worker_metrics(const struct worker *worker)
{
    return worker->metrics;
}

uint64_t worker_hangs(const struct worker *worker)
{
    return worker->hangs;
}

void worker_tidy(struct worker *worker)
{
    publication_tidy(worker);
}

void worker_rest(struct worker *worker)
{
    enum { BURST_LEAST = 256 }; /* clients: what fewer leave behind is not worth the walk */
    uint64_t clients = client_table_count(worker->clients);
    if (clients > worker->most_clients)
        worker->most_clients = clients;
    if (worker->most_clients < BURST_LEAST || clients > worker->most_clients / 2)
        return;
    sys_trim_memory();
    worker->most_clients = clients;
}

/* ---- ending */

void worker_drain(struct worker *worker)
{
    if (worker->draining)
        return;
    worker->draining = true;
    for (unsigned i = 0; i < worker->loop_count; i++)
        loop_send(worker->loops[i].loop, &worker->loops[i].drain);
}

void worker_leave(struct worker *worker)
{
    worker->is_leaving = !worker->draining;
    worker_drain(worker);
}

bool worker_is_closed(const struct worker *worker)
{
    for (unsigned i = 0; i < worker->loop_count; i++) {
        if (!atomic_load(&worker->loops[i].is_closed))
            return false;
    }
    return true;
}

/* In this order: loops that are done hand nobody over any more, and who was handed over before is
 * then either under way or among the clients. */
bool worker_is_done(const struct worker *worker)
{
    for (unsigned i = 0; i < worker->loop_count; i++) {
        if (!atomic_load(&worker->loops[i].done))
            return false;
    }
    return atomic_load(&worker->handover.under_way) == 0 &&
           client_table_count(worker->clients) == 0;
}

void worker_abort(struct worker *worker)
{
    worker_drain(worker);
    if (worker->aborting)
        return;
    worker->aborting = true;
    for (unsigned i = 0; i < worker->loop_count; i++)
        loop_send(worker->loops[i].loop, &worker->loops[i].abort);
}

static void free_loop(struct worker_loop *self)
{
    if (self->thread)
        sys_thread_join(self->thread);
    stop_accepting(&self->context);
    loop_context_fini(&self->context);
    loop_free(self->loop);
}

/* All have come to their end before the first one stops answering. */
static void await_loops(struct worker *worker)
{
    for (unsigned i = 0; i < worker->loop_count; i++) {
        while (worker->loops[i].thread && !atomic_load(&worker->loops[i].done))
            sys_pause(1);
    }
    for (unsigned i = 0; i < worker->loop_count; i++)
        loop_send(worker->loops[i].loop, &worker->loops[i].quit);
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    worker_abort(worker);
    await_loops(worker);
    for (unsigned i = 0; i < worker->loop_count; i++)
        free_loop(&worker->loops[i]);
    publication_fini(worker);
    roster_free(worker->roster);
    metrics_registry_free(worker->metrics);
    client_table_free(worker->clients);
    free(worker->circle.members);
    free(worker->handover.contexts);
    free(worker->loops);
    free(worker);
}
