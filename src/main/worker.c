#include "main/worker.h"

#include "base/assert.h"
#include "exchange/client.h"
#include "exchange/client_table.h"
#include "exchange/context.h"
#include "exchange/tunnel.h"
#include "main/handover.h"
#include "policy/pattern.h"
#include "sys/thread.h"
#include "upstream/lending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A loop with its thread. */
struct worker_loop {
    struct worker *worker;
    struct loop *loop;
    struct loop_context context;
    struct sys_thread *thread;
    struct message drain, abort, quit; /* each sent once at most */
    bool quitting;
    atomic_bool done; /* the thread has nothing left to serve */
};

struct worker {
    struct server_registry *servers;
    struct sys_opener *opener;
    struct client_table *clients;
    uint64_t most_clients; /* seen since memory was given back */
    struct listener *listeners;
    uint32_t listener_count;
    struct worker_loop *loops;
    struct handover handover;
    struct lending_circle circle;
    unsigned loop_count;
    bool draining, aborting;
    char problem[256];
};

struct worker *worker_new(struct server_registry *servers, struct sys_opener *opener)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return NULL;
    worker->servers = servers;
    worker->opener = opener;
    worker->clients = client_table_new();
    if (!worker->clients) {
        free(worker);
        return NULL;
    }
    return worker;
}

const char *worker_problem(const struct worker *worker)
{
    return worker->problem;
}

static bool fail(struct worker *worker, const char *problem)
{
    struct text text = text_over(worker->problem, sizeof(worker->problem) - 1);
    text_add(&text, slice_from_text(problem));
    worker->problem[text.length] = '\0';
    return false;
}

static bool fail_to_listen(struct worker *worker, const struct address *address, int error)
{
    bool privileged = error == EACCES && address->port > 0 && address->port < 1024;
    struct text text = text_over(worker->problem, sizeof(worker->problem) - 1);
    text_add(&text, SLICE("cannot listen on "));
    address_print(&text, address);
    text_print(&text, ": %s%s", strerrordesc_np(error),
               privileged ? "; ports below 1024 are for root: listen on :8080, say, or give the "
                            "binary the right with setcap cap_net_bind_service=+ep"
                          : "");
    worker->problem[text.length] = '\0';
    return false;
}

/* ---- on the loops */

static void on_client(struct listener_share *share, int fd, const struct ip *peer, uint16_t port)
{
    ASSERT(fd >= 0);
    (void)port;
    struct loop_context *context = share->owner;
    struct worker_loop *self = CONTAINER_OF(context, struct worker_loop, context);
    if (!handover_give(&self->worker->handover, context, share->index, fd, peer))
        client_accept(context, share->index, fd, peer);
}

static void stop_accepting(struct loop_context *context)
{
    for (uint32_t i = 0; i < context->share_count; i++)
        listener_share_close(&context->shares[i]);
    context->share_count = 0;
}

static void on_drain(struct loop *loop, struct message *message)
{
    struct worker_loop *self = CONTAINER_OF(message, struct worker_loop, drain);
    ASSERT(self->loop == loop);
    self->context.draining = true; /* whom we still accept stays here, and is told of the end */
    stop_accepting(&self->context);
    clients_drain(&self->context);
}

static void on_abort(struct loop *loop, struct message *message)
{
    struct worker_loop *self = CONTAINER_OF(message, struct worker_loop, abort);
    ASSERT(self->loop == loop);
    tunnels_abort(&self->context);
    clients_abort(&self->context);
}

static void on_quit(struct loop *loop, struct message *message)
{
    (void)loop;
    CONTAINER_OF(message, struct worker_loop, quit)->quitting = true;
}

static bool is_finished(const struct loop_context *context)
{
    return context->draining && list_is_empty(&context->client_list) &&
           list_is_empty(&context->tunnel_list) && upstreams_is_quiet(context->upstreams);
}

/* A loop that is finished still answers the others until all are. */
static void run_loop(void *argument)
{
    struct worker_loop *self = argument;
    while (!self->quitting) {
        loop_turn(self->loop, -1);
        if (is_finished(&self->context) && !atomic_load(&self->done)) {
            upstreams_close_idle(self->context.upstreams);
            atomic_store(&self->done, true);
        }
    }
    /* What another loop handed over in the last moment. */
    tunnels_abort(&self->context);
    clients_abort(&self->context);
    upstreams_close_idle(self->context.upstreams);
    loop_turn(self->loop, 0); /* what was closed is buried */
    pattern_leave_thread();
}

/* ---- starting */

static bool open_listeners(struct worker *worker, const struct plans *plans, unsigned threads)
{
    ASSERT(plans->listener_count > 0 && !worker->listeners);
    worker->listeners = calloc(plans->listener_count, sizeof(*worker->listeners));
    if (!worker->listeners)
        return fail(worker, "there is no memory for the listeners");
    for (uint32_t i = 0; i < plans->listener_count; i++) {
        const struct address *address = &plans->listeners[i].address;
        int error = listener_open(&worker->listeners[i], worker->opener, address, threads);
        if (error)
            return fail_to_listen(worker, address, -error);
        worker->listener_count++;
    }
    return true;
}

static bool open_shares(struct worker *worker, struct worker_loop *self, unsigned index)
{
    struct loop_context *context = &self->context;
    ASSERT(worker->listener_count > 0 && !context->shares);
    context->shares = calloc(worker->listener_count, sizeof(*context->shares));
    if (!context->shares)
        return false;
    for (uint32_t i = 0; i < worker->listener_count; i++) {
        struct listener_share *share = &context->shares[i];
        *share = (struct listener_share){
            .listener = &worker->listeners[i],
            .index = i,
            .owner = context,
            .on_client = on_client,
        };
        if (!listener_share_open(share, self->loop, index))
            return false;
        context->share_count++;
    }
    return true;
}

static bool prepare_loop(struct worker *worker, unsigned index, struct snapshot *snapshot)
{
    struct worker_loop *self = &worker->loops[index];
    self->worker = worker;
    self->drain.deliver = on_drain;
    self->abort.deliver = on_abort;
    self->quit.deliver = on_quit;
    self->loop = loop_new();
    if (!self->loop ||
        !loop_context_init(&self->context, self->loop, index, worker->servers, worker->clients))
        return false;
    worker->loop_count++;
    snapshot_ref(snapshot);
    return loop_context_publish(&self->context, snapshot) && open_shares(worker, self, index);
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

static bool start_loops(struct worker *worker, struct snapshot *snapshot, unsigned threads)
{
    worker->loops = calloc(threads, sizeof(*worker->loops));
    if (!worker->loops)
        return fail(worker, "there is no memory for the loops");
    for (unsigned i = 0; i < threads; i++) {
        if (!prepare_loop(worker, i, snapshot))
            return fail(worker, "a loop cannot be made: too little memory, or too few descriptors");
    }
    if (!introduce(worker, threads))
        return fail(worker, "there is no memory for the loops");
    for (unsigned i = 0; i < threads; i++) {
        worker->loops[i].thread = sys_thread_start("weir-loop", run_loop, &worker->loops[i]);
        if (!worker->loops[i].thread)
            return fail(worker, "the system refuses a thread");
    }
    return true;
}

bool worker_start(struct worker *worker, struct snapshot *snapshot, unsigned threads)
{
    ASSERT(!worker->loops && threads > 0);
    bool good = open_listeners(worker, snapshot_get(snapshot, &plan_part), threads) &&
                start_loops(worker, snapshot, threads);
    snapshot_unref(snapshot);
    return good;
}

void worker_print_listeners(const struct worker *worker, struct text *text)
{
    for (uint32_t i = 0; i < worker->listener_count; i++) {
        struct address address = worker->listeners[i].address;
        address.port = worker->listeners[i].port;
        if (i > 0)
            text_add(text, SLICE(", "));
        address_print(text, &address);
    }
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
    for (uint32_t i = 0; i < worker->listener_count; i++)
        listener_close(&worker->listeners[i]);
    client_table_free(worker->clients);
    free(worker->listeners);
    free(worker->circle.members);
    free(worker->handover.contexts);
    free(worker->loops);
    free(worker);
}
