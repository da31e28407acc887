/* A snapshot comes to the loops. First everything is made that may fail: sockets, memory. Then a
 * message goes to each loop, which takes the snapshot between two events and cannot refuse it. */
#include "main/worker_int.h"

#include "base/assert.h"
#include "exchange/client.h"
#include "sys/signal.h"
#include "sys/thread.h"
#include "tls/tls_maker.h"
#include "upstream/farewell.h"
#include "upstream/follower.h"
#include "upstream/resolver_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool fail_to_listen(struct worker *worker, const struct address *address, int error)
{
    bool privileged = error == EACCES && address->port > 0 && address->port < 1024;
    struct text text = text_over(worker->problem, sizeof(worker->problem) - 1);
    text_add(&text, SLICE("cannot listen on "));
    address_print(&text, address);
    text_print(&text, ": %s%s", strerrordesc_np(error),
               privileged ? "; ports below 1024 are for root: listen on :8080, say, or give the "
                            "binary the right with setcap cap_net_bind_service=+ep"
               : error == EADDRINUSE && address->port > 0 ? "; ss -ltnp tells by whom"
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
    struct loop_listener *listener = CONTAINER_OF(share, struct loop_listener, share);
    struct worker_loop *self = CONTAINER_OF(context, struct worker_loop, context);
    if (!handover_give(&self->worker->handover, context, listener, fd, peer))
        client_accept(context, listener, fd, peer);
}

/* What becomes of one listener on one loop. */
struct listener_change {
    uint64_t id;
    const struct listener_plan *plan; /* NULL: it closes */
    struct loop_listener *fresh;      /* to be opened; NULL: it is open already */
};

/* The way of a snapshot to one loop. */
struct publication {
    struct message message;
    struct worker_loop *to;
    struct snapshot_hold *hold;
    uint32_t count;
    struct listener_change changes[];
};

static void close_and_leave(struct loop_context *context, uint64_t id)
{
    struct loop_listener *listener = loop_listener_find(context, id);
    if (!listener)
        return; /* closed since, by draining */
    loop_listener_close(listener);
    clients_leave(context);
}

/* Nothing of it can fail, and nothing comes in between. */
static void take_snapshot(struct publication *publication)
{
    struct worker_loop *self = publication->to;
    struct loop_context *context = &self->context;
    const struct plans *plans = publication->hold->plans;
    for (uint32_t i = 0; i < publication->count; i++) {
        const struct listener_change *change = &publication->changes[i];
        struct loop_listener *listener = loop_listener_find(context, change->id);
        if (listener)
            listener->plan = change->plan ? change->plan
                                          : plans_gone(plans, listener->plan->is_private,
                                                       listener->plan->speaks_tls);
    }
    loop_context_publish(context, publication->hold);
    for (uint32_t i = 0; i < publication->count; i++) {
        const struct listener_change *change = &publication->changes[i];
        if (change->fresh && context->draining)
            loop_listener_unref(change->fresh);
        else if (change->fresh)
            loop_listener_open(context, change->fresh, context->index);
        else if (!change->plan)
            close_and_leave(context, change->id);
    }
    atomic_fetch_sub(&self->worker->publishing, 1);
    free(publication);
}

static void on_publication(struct loop *loop, struct message *message)
{
    struct publication *publication = CONTAINER_OF(message, struct publication, message);
    ASSERT(publication->to->loop == loop);
    take_snapshot(publication);
}

static void drop_publication(struct publication *publication)
{
    if (!publication)
        return;
    for (uint32_t i = 0; i < publication->count; i++) {
        if (publication->changes[i].fresh)
            loop_listener_unref(publication->changes[i].fresh);
    }
    if (publication->hold)
        snapshot_hold_unref(publication->hold);
    free(publication);
}

/* ---- the check */

static struct worker_listener *find_listener(const struct worker *worker,
                                             const struct address *address)
{
    LIST_EACH (link, &worker->listeners) {
        struct worker_listener *listener = CONTAINER_OF(link, struct worker_listener, link);
        if (!listener->is_gone && address_equal(&listener->listener.address, address))
            return listener;
    }
    return NULL;
}

static const struct listener_plan *find_plan(const struct plans *plans,
                                             const struct address *address)
{
    for (uint32_t i = 0; i < plans->listener_count; i++) {
        if (address_equal(&plans->listeners[i].address, address))
            return &plans->listeners[i];
    }
    return NULL;
}

/* Whether the loops have it already; ids tell, which grow. */
static bool is_fresh(const struct worker_listener *listener, uint64_t first_fresh)
{
    return listener->id >= first_fresh;
}

static bool has_port(const struct worker *worker, uint16_t port)
{
    bool found = false;
    LIST_EACH (link, &worker->listeners)
        found |= CONTAINER_OF(link, struct worker_listener, link)->listener.port == port;
    return found;
}

static bool open_listener(struct worker *worker, const struct address *address)
{
    struct worker_listener *listener = calloc(1, sizeof(*listener));
    if (!listener)
        return worker_fail(worker, "there is no memory for the listeners");
    int error = listener_open(&listener->listener, worker->opener, address, worker->loop_count,
                              !has_port(worker, address->port));
    if (error) {
        free(listener);
        worker->opener->forget_listener(worker->opener, address); /* some may have been opened */
        return fail_to_listen(worker, address, -error);
    }
    listener->id = worker->next_listener_id++;
    list_push_back(&worker->listeners, &listener->link);
    return true;
}

/* Nobody will listen there again. */
static void close_for_good(struct worker *worker, struct worker_listener *listener)
{
    list_remove(&listener->link);
    listener_close(&listener->listener);
    worker->opener->forget_listener(worker->opener, &listener->listener.address);
    free(listener);
}

/* Takes back what a snapshot that is not published had opened. */
static void close_fresh(struct worker *worker, uint64_t first_fresh)
{
    LIST_EACH_SAFE (link, &worker->listeners) {
        struct worker_listener *listener = CONTAINER_OF(link, struct worker_listener, link);
        if (is_fresh(listener, first_fresh))
            close_for_good(worker, listener);
    }
}

/* Those of the snapshot that are not open yet. */
static bool open_listeners(struct worker *worker, const struct plans *plans)
{
    ASSERT(plans->listener_count > 0 && worker->loop_count > 0);
    for (uint32_t i = 0; i < plans->listener_count; i++) {
        const struct address *address = &plans->listeners[i].address;
        if (!find_listener(worker, address) && !open_listener(worker, address))
            return false;
    }
    return true;
}

static bool fill_change(struct publication *publication, const struct worker_listener *listener,
                        const struct plans *plans, uint64_t first_fresh)
{
    struct listener_change *change = &publication->changes[publication->count++];
    *change = (struct listener_change){.id = listener->id,
                                       .plan = find_plan(plans, &listener->listener.address)};
    if (!is_fresh(listener, first_fresh))
        return true;
    ASSERT(change->plan);
    change->fresh = loop_listener_new(listener->id, change->plan);
    if (!change->fresh)
        return false;
    change->fresh->share = (struct listener_share){.listener = &listener->listener,
                                                   .owner = &publication->to->context,
                                                   .on_client = on_client};
    return true;
}

/* Everything that a loop will need to take the snapshot. NULL: no memory. */
static struct publication *prepare_publication(struct worker *worker, struct worker_loop *to,
                                               struct snapshot *snapshot, uint64_t first_fresh)
{
    size_t count = 0;
    LIST_EACH (link, &worker->listeners)
        count++;
    struct publication *publication =
        calloc(1, sizeof(*publication) + count * sizeof(struct listener_change));
    if (!publication)
        return NULL;
    publication->message.deliver = on_publication;
    publication->to = to;
    snapshot_ref(snapshot);
    publication->hold = snapshot_hold_new(snapshot);
    bool good = publication->hold != NULL;
    LIST_EACH (link, &worker->listeners) {
        struct worker_listener *listener = CONTAINER_OF(link, struct worker_listener, link);
        if (good && !listener->is_gone)
            good = fill_change(publication, listener, publication->hold->plans, first_fresh);
    }
    if (good)
        return publication;
    drop_publication(publication);
    return NULL;
}

/* The check: whatever may fail. False: nothing has changed, and worker_problem says why. */
static bool prepare_publications(struct worker *worker, struct snapshot *snapshot,
                                 struct publication **ret_publications)
{
    uint64_t first_fresh = worker->next_listener_id;
    unsigned count = 0;
    bool good = metrics_attach(worker->metrics, snapshot) ||
                worker_fail(worker, "there is no memory for the metrics");
    good = good && (roster_prepare(worker->roster, snapshot) ||
                    worker_fail(worker, "there is no memory for the new configuration"));
    good = good && open_listeners(worker, snapshot_get(snapshot, &plan_part));
    while (good && count < worker->loop_count) {
        ret_publications[count] =
            prepare_publication(worker, &worker->loops[count], snapshot, first_fresh);
        good = ret_publications[count++] != NULL ||
               worker_fail(worker, "there is no memory for the new configuration");
    }
    if (good)
        return true;
    while (count > 0)
        drop_publication(ret_publications[--count]);
    close_fresh(worker, first_fresh);
    return false;
}

/* ---- publishing */

/* The loops close those that the snapshot does not name. */
static void mark_gone(struct worker *worker, const struct plans *plans)
{
    LIST_EACH (link, &worker->listeners) {
        struct worker_listener *listener = CONTAINER_OF(link, struct worker_listener, link);
        listener->is_gone |= !find_plan(plans, &listener->listener.address);
    }
}

static void become_current(struct worker *worker, struct snapshot *snapshot)
{
    struct past_snapshot *past = worker->snapshot ? calloc(1, sizeof(*past)) : NULL;
    if (past) {
        past->snapshot = worker->snapshot;
        list_push_back(&worker->past_snapshots, &past->link);
    } else if (worker->snapshot) {
        snapshot_unref(worker->snapshot);
    }
    roster_take(worker->roster, snapshot);
    worker->snapshot = snapshot;
    mark_gone(worker, snapshot_get(snapshot, &plan_part));
}

/* When all loops have taken the last snapshot: sockets that nobody accepts from any more. */
static void close_gone(struct worker *worker)
{
    LIST_EACH_SAFE (link, &worker->listeners) {
        struct worker_listener *listener = CONTAINER_OF(link, struct worker_listener, link);
        if (listener->is_gone)
            close_for_good(worker, listener);
    }
}

static void free_past_snapshots(struct worker *worker, bool all)
{
    struct tls_maker *certificates = NULL;
    LIST_EACH_SAFE (link, &worker->past_snapshots) {
        struct past_snapshot *past = CONTAINER_OF(link, struct past_snapshot, link);
        if (!all && snapshot_is_used_by_others(past->snapshot))
            continue;
        list_remove(&past->link);
        certificates = ((const struct live *)past->snapshot->live)->certificates;
        snapshot_unref(past->snapshot);
        free(past);
    }
    tls_maker_tidy(certificates);
}

void publication_tidy(struct worker *worker)
{
    if (atomic_load(&worker->publishing) > 0)
        return;
    close_gone(worker);
    free_past_snapshots(worker, false);
    roster_tidy(worker->roster);
    farewells_tidy(worker->servers, &worker->circle);
}

/* Waits until all loops have taken the last snapshot; false: one does not come to it. */
static bool await_loops_taking(const struct worker *worker)
{
    enum { PATIENCE_MS = 5000 };
    for (unsigned waited = 0; waited < PATIENCE_MS; waited++) {
        if (atomic_load(&worker->publishing) == 0)
            return true;
        sys_pause(1);
    }
    return false;
}

/* How long a snapshot waits for names that nobody has looked up yet. The control loop does nothing
 * else meanwhile, as while it builds one: what the admin side is asked waits, no loop with traffic
 * does, and health checks that were under way begin anew with the snapshot (health_take). */
enum { FIRST_LOOK_UP_MS = 1000, STOP_LOOK_MS = 20 };

static void ask_name_servers_of(struct worker *worker, const struct snapshot *snapshot)
{
    const struct dns_settings settings = resolver_settings_of(snapshot->configuration);
    server_registry_ask(worker->servers, &settings);
}

/* False: Weir is to stop, which the control loop sees only behind this. */
static bool await_names(const struct worker *worker)
{
    bool is_supervised = worker->opener->process > 0;
    for (int waited = 0; waited < FIRST_LOOK_UP_MS; waited += STOP_LOOK_MS) {
        if (follower_await(worker->follower, STOP_LOOK_MS))
            return true;
        if (sys_signals_stop_waits(is_supervised))
            return false;
    }
    return true;
}

/* False: the same. */
static bool take_names(struct worker *worker, const struct snapshot *snapshot)
{
    ask_name_servers_of(worker, snapshot);
    if (!worker->follower)
        return true;
    follower_take(worker->follower, snapshot);
    bool goes_on = await_names(worker);
    follower_hand_over(worker->follower);
    return goes_on;
}

/* Those of the snapshot that is served, whether it is the one that was taken or not. */
static void settle_names(struct worker *worker)
{
    if (!worker->snapshot)
        return;
    ask_name_servers_of(worker, worker->snapshot);
    if (worker->follower)
        follower_settle(worker->follower, worker->snapshot);
}

static bool fail_to_stay(struct worker *worker)
{
    return worker_fail(worker, "Weir is told to stop");
}

bool worker_publish(struct worker *worker, struct snapshot *snapshot)
{
    struct publication *publications[LISTENER_LOOPS_MAX];
    ASSERT(worker->loop_count > 0 && worker->loop_count <= LISTENER_LOOPS_MAX);
    bool good = !worker->draining || fail_to_stay(worker);
    good = good && (await_loops_taking(worker) ||
                    worker_fail(worker, "a loop is busy with the change before"));
    if (good) {
        publication_tidy(worker);
        good = take_names(worker, snapshot) || fail_to_stay(worker);
    }
    if (!good || !prepare_publications(worker, snapshot, publications)) {
        settle_names(worker);
        snapshot_unref(snapshot);
        return false;
    }
    become_current(worker, snapshot);
    settle_names(worker);
    atomic_store(&worker->publishing, worker->loop_count);
    for (unsigned i = 0; i < worker->loop_count; i++)
        loop_send(worker->loops[i].loop, &publications[i]->message);
    if (await_loops_taking(worker))
        publication_tidy(worker);
    return true;
}

bool publication_begin(struct worker *worker, struct snapshot *snapshot)
{
    struct publication *publications[LISTENER_LOOPS_MAX];
    (void)take_names(worker, snapshot); /* to stop, it first has to begin */
    if (!prepare_publications(worker, snapshot, publications)) {
        snapshot_unref(snapshot);
        return false;
    }
    become_current(worker, snapshot);
    atomic_store(&worker->publishing, worker->loop_count);
    for (unsigned i = 0; i < worker->loop_count; i++)
        take_snapshot(publications[i]);
    return true;
}

void worker_close_listeners(struct worker *worker)
{
    LIST_EACH_SAFE (link, &worker->listeners)
        close_for_good(worker, CONTAINER_OF(link, struct worker_listener, link));
}

/* A supervisor closes its copies, too, so that the addresses are free when the admin side tells of
 * our end by closing its connections. */
void publication_fini(struct worker *worker)
{
    worker_close_listeners(worker);
    free_past_snapshots(worker, true);
    if (worker->snapshot)
        snapshot_unref(worker->snapshot);
}
