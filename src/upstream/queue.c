#include "upstream/queue.h"

#include "base/assert.h"
#include "upstream/commons.h"
#include "upstream/edition.h"
#include "upstream/member.h"
#include "upstream/upstreams_int.h"

#include <stdlib.h>

enum { LOOK_MS = 1000 }; /* how often who waits looks whether places came free without a word */

#define QUEUE_RECORD(...) SETTING_ROW(struct queue_settings, __VA_ARGS__)
static const struct setting settings[] = {QUEUE_SETTINGS(QUEUE_RECORD)};

const struct setting_group queue_group = {
    .name = "queue",
    .settings = settings,
    .count = sizeof(settings) / sizeof(settings[0]),
    .size = sizeof(struct queue_settings),
    .summary = "Who waits for a place where all servers are full.",
};

/* ---- whose places are for whom */

bool queue_watch(struct commons *commons, struct server *server)
{
    bool good = true, is_known = false;
    sys_lock_take(commons->lock);
    struct queue_link *first = atomic_load_explicit(&server->queues, memory_order_relaxed);
    for (const struct queue_link *link = first; link; link = link->next)
        is_known |= link->commons == commons;
    if (!is_known) {
        struct queue_link *link = commons_link_new(commons);
        good = link != NULL;
        if (link) {
            link->next = first;
            atomic_store_explicit(&server->queues, link, memory_order_release);
        }
    }
    sys_lock_release(commons->lock);
    return good;
}

void queue_forget(struct server *server)
{
    struct queue_link *link = atomic_load_explicit(&server->queues, memory_order_acquire);
    while (link) {
        struct queue_link *next = link->next;
        struct sys_lock *lock = link->commons->lock;
        sys_lock_take(lock);
        list_remove(&link->of_commons);
        sys_lock_release(lock);
        free(link);
        link = next;
    }
    atomic_store_explicit(&server->queues, NULL, memory_order_relaxed);
}

/* Of one that writes it itself; what holds for all upstreams may be meant for others. */
static void warn_of_idle_queue(const struct scope *scope, struct diagnostics *diagnostics)
{
    const struct node *size = node_find(node_find(scope->node, SLICE("queue")), SLICE("size"));
    if (size && scope->kind == SCOPE_UPSTREAM)
        diagnostics_warning(diagnostics, size->position,
                            "say how many calls a server may have: {address: 10.0.0.1:8080, "
                            "max_connections: 50}",
                            "nobody ever waits in this queue, since no server is ever full");
}

bool queue_set(struct upstream *upstream, const struct snapshot *snapshot,
               const struct scope *scope, struct diagnostics *diagnostics)
{
    const struct queue_settings *own = scope_group(snapshot->configuration, scope, &queue_group);
    if (own->size == 0)
        return true;
    if (!upstream->is_limited) {
        if (diagnostics)
            warn_of_idle_queue(scope, diagnostics);
        return true;
    }
    upstream->queue = own;
    for (uint32_t i = 0; i < upstream->count; i++) {
        if (!queue_watch(upstream->commons, upstream->members[i].server))
            return false;
    }
    return true;
}

bool queue_is_used(const struct commons *commons)
{
    return atomic_load_explicit(&commons->waiting, memory_order_relaxed) > 0;
}

/* ---- calling; all of it behind the lock */

static void on_message(struct loop *loop, struct message *message);

static void call_waiter(struct waiter *waiter)
{
    ASSERT(!waiter->is_called);
    waiter->is_called = true;
    waiter->upstream->commons->called++;
    if (waiter->in_flight)
        return;
    waiter->in_flight = true;
    waiter->message.deliver = on_message;
    loop_send(upstreams_loop(waiter->home), &waiter->message);
}

static bool is_free(const struct upstream_member *member)
{
    return member->max_connections == 0 ||
           atomic_load(&member->server->active) < member->max_connections;
}

/* Whether a call of that upstream could go to the server now; of an older snapshot it may not know
 * it. */
static bool has_place(const struct upstream *upstream, const struct server *server)
{
    for (uint32_t i = 0; i < upstream->count; i++) {
        if (upstream->members[i].server == server)
            return is_free(&upstream->members[i]);
    }
    return false;
}

/* Down, drained or disabled; nobody is sent there. */
static bool is_set_aside(const struct upstream *upstream, const struct upstream_member *member)
{
    return server_is_set_aside(member->server) && !member_serves(member, upstream_panics(upstream));
}

/* For how many calls of that upstream there is room now. A server whose rest has ended, or that is
 * enabled again, is one of those of which nobody says so: no call gives a place there back. */
static uint64_t count_places(const struct upstream *upstream, uint64_t now_ms)
{
    uint64_t places = 0;
    for (uint32_t i = 0; i < upstream->count; i++) {
        const struct upstream_member *member = &upstream->members[i];
        if (!is_free(member) || server_rests(member->server, now_ms) ||
            is_set_aside(upstream, member))
            continue;
        if (member->max_connections == 0)
            return UINT64_MAX;
        uint64_t active = atomic_load(&member->server->active);
        places += active < member->max_connections ? member->max_connections - active : 0;
    }
    return places;
}

/* The first behind `link` that is not called and could use a place of the server; NULL: any
 * server. Nobody of the upstream `in_vain`, a serial; of each other one only the first is asked. */
static struct waiter *find_next(struct commons *commons, struct list *link,
                                const struct server *server, uint64_t in_vain)
{
    for (link = link->next; link != &commons->waiters; link = link->next) {
        struct waiter *waiter = CONTAINER_OF(link, struct waiter, link);
        if (waiter->is_called || waiter->upstream->serial == in_vain)
            continue;
        if (!server || has_place(waiter->upstream, server))
            return waiter;
        in_vain = waiter->upstream->serial;
    }
    return NULL;
}

/* Calls the first for whom there is a place beside those of whom are called already. */
static void call_next(struct commons *commons, uint64_t now_ms)
{
    uint64_t in_vain = 0;
    for (struct list *link = commons->waiters.next; link != &commons->waiters; link = link->next) {
        struct waiter *waiter = CONTAINER_OF(link, struct waiter, link);
        if (waiter->is_called || waiter->is_picky || waiter->upstream->serial == in_vain)
            continue;
        if (count_places(waiter->upstream, now_ms) > commons->called) {
            call_waiter(waiter);
            return;
        }
        in_vain = waiter->upstream->serial;
    }
}

static bool goes_before(const struct waiter *one, const struct waiter *other)
{
    if (one->priority != other->priority)
        return one->priority < other->priority;
    return one->ticket < other->ticket;
}

void queue_place_free(struct server *server)
{
    /* Who joins counts itself and then looks at the servers; who frees a place does the opposite:
     * one of both sees the other. */
    const struct queue_link *first = atomic_load_explicit(&server->queues, memory_order_acquire);
    bool somebody_waits = false;
    for (const struct queue_link *link = first; link; link = link->next)
        somebody_waits |= atomic_load(&link->commons->waiting) > 0;
    if (!somebody_waits)
        return;
    struct sys_lock *lock = first->commons->lock;
    struct waiter *oldest = NULL;
    sys_lock_take(lock);
    for (const struct queue_link *link = first; link; link = link->next) {
        struct commons *commons = link->commons;
        struct waiter *waiter = find_next(commons, &commons->waiters, server, 0);
        if (waiter && (!oldest || goes_before(waiter, oldest)))
            oldest = waiter;
    }
    if (oldest)
        call_waiter(oldest);
    for (const struct queue_link *link = first; link && !oldest; link = link->next)
        link->commons->has_spare = !list_is_empty(&link->commons->waiters);
    sys_lock_release(lock);
}

/* ---- one who waits */

static void free_waiter(struct waiter *waiter)
{
    ASSERT(waiter->home->waiters > 0);
    waiter->home->waiters--;
    free(waiter);
}

static void on_message(struct loop *loop, struct message *message)
{
    struct waiter *waiter = CONTAINER_OF(message, struct waiter, message);
    ASSERT(upstreams_loop(waiter->home) == loop);
    if (!waiter->owner) {
        free_waiter(waiter);
        return;
    }
    struct sys_lock *lock = waiter->upstream->commons->lock;
    sys_lock_take(lock);
    waiter->in_flight = false;
    bool is_called = waiter->is_called;
    sys_lock_release(lock);
    if (is_called)
        waiter->on_turn(waiter);
}

static void await(struct waiter *waiter, uint64_t now_ms)
{
    uint64_t left = waiter->until > now_ms ? waiter->until - now_ms : 1;
    timer_set(waiter->home->loop, &waiter->timer, left < LOOK_MS ? left : LOOK_MS);
}

static void on_timer(struct timer *timer)
{
    struct waiter *waiter = CONTAINER_OF(timer, struct waiter, timer);
    uint64_t now = loop_now(waiter->home->loop);
    if (now >= waiter->until) {
        waiter->timed_out = true;
        waiter->on_turn(waiter);
        return;
    }
    await(waiter, now);
    if (upstream_now(waiter->upstream) != waiter->upstream) {
        waiter->on_turn(waiter);
        return;
    }
    if (count_places(waiter->upstream, now) == 0)
        return;
    struct commons *commons = waiter->upstream->commons;
    sys_lock_take(commons->lock);
    call_next(commons, now);
    sys_lock_release(commons->lock);
}

static struct waiter *new_waiter(struct upstreams *upstreams, const struct upstream *upstream)
{
    struct waiter *waiter = calloc(1, sizeof(*waiter));
    if (!waiter)
        return NULL;
    upstreams->waiters++;
    waiter->home = upstreams;
    waiter->upstream = upstream;
    waiter->since = loop_now(upstreams->loop);
    timer_init(&waiter->timer, on_timer);
    list_init(&waiter->link);
    return waiter;
}

/* Whether nobody of the same snapshot stands before it who would take what there is. Of those who
 * wait, the last ones are of the newest snapshot and not picky, as a rule: so this is soon over. */
static bool is_first(struct commons *commons, struct waiter *waiter)
{
    if (commons->has_spare) {
        commons->has_spare = false;
        return true;
    }
    for (struct list *link = waiter->link.previous; link != &commons->waiters;
         link = link->previous) {
        const struct waiter *other = CONTAINER_OF(link, struct waiter, link);
        if ((other->is_called || !other->is_picky) &&
            other->upstream->serial == waiter->upstream->serial)
            return false;
    }
    return true;
}

/* The last one of the better priorities; NULL: nobody of them waits. */
static struct waiter *last_before(const struct commons *commons, unsigned priority)
{
    while (--priority > 0) {
        if (commons->last_of[priority])
            return commons->last_of[priority];
    }
    return NULL;
}

static struct list *place_behind(struct commons *commons, struct waiter *waiter)
{
    return waiter ? &waiter->link : &commons->waiters;
}

/* Where it belongs: who has waited before has the ticket of the first of its priority, and goes
 * before it. */
static void insert(struct commons *commons, struct waiter *waiter, bool again)
{
    struct waiter *last = commons->last_of[waiter->priority];
    struct list *behind = place_behind(commons, last_before(commons, waiter->priority));
    waiter->ticket = ++*commons->tickets;
    if (again && last) {
        waiter->ticket = CONTAINER_OF(behind->next, struct waiter, link)->ticket;
    } else {
        behind = last ? &last->link : behind;
        commons->last_of[waiter->priority] = waiter;
    }
    list_push_front(behind, &waiter->link);
    atomic_fetch_add(&commons->waiting, 1);
}

static void take_out(struct commons *commons, struct waiter *waiter)
{
    struct waiter **last = &commons->last_of[waiter->priority];
    if (*last == waiter) {
        struct list *previous = waiter->link.previous;
        struct waiter *before =
            previous == &commons->waiters ? NULL : CONTAINER_OF(previous, struct waiter, link);
        *last = before && before->priority == waiter->priority ? before : NULL;
    }
    list_remove(&waiter->link);
    atomic_fetch_sub(&commons->waiting, 1);
}

enum queue_join queue_join(struct upstreams *upstreams, const struct upstream *upstream,
                           unsigned priority, bool again, uint64_t waited_ms, void *owner,
                           void (*on_turn)(struct waiter *waiter), struct waiter **ret_waiter)
{
    struct commons *commons = upstream->commons;
    const struct queue_settings *own = upstream->queue;
    ASSERT(owner && own && own->size > 0);
    ASSERT(priority >= 1 && priority <= QUEUE_PRIORITIES);
    struct waiter *waiter = new_waiter(upstreams, upstream);
    if (!waiter)
        return QUEUE_NO_MEMORY;
    waiter->owner = owner;
    waiter->priority = priority;
    waiter->on_turn = on_turn;
    uint64_t whole = (uint64_t)own->timeout, now = loop_now(upstreams->loop);
    waiter->until = now + (whole > waited_ms ? whole - waited_ms : 1);
    sys_lock_take(commons->lock);
    bool fits = atomic_load(&commons->waiting) < (uint64_t)own->size;
    if (fits)
        insert(commons, waiter, again);
    else
        counter_add(&commons->queue_overflows, 1);
    bool first = fits && is_first(commons, waiter);
    if (fits && !first)
        call_next(commons, now);
    sys_lock_release(commons->lock);
    if (!fits) {
        free_waiter(waiter);
        return QUEUE_IS_FULL;
    }
    await(waiter, now);
    *ret_waiter = waiter;
    return first ? QUEUE_FIRST : QUEUE_JOINED;
}

void queue_renew(struct waiter *waiter, const struct upstream *upstream)
{
    struct commons *commons = waiter->upstream->commons;
    ASSERT(upstream->commons == commons);
    sys_lock_take(commons->lock);
    waiter->upstream = upstream;
    call_next(commons, loop_now(waiter->home->loop));
    sys_lock_release(commons->lock);
}

bool queue_is_called(struct waiter *waiter)
{
    struct sys_lock *lock = waiter->upstream->commons->lock;
    sys_lock_take(lock);
    bool is_called = waiter->is_called;
    sys_lock_release(lock);
    return is_called;
}

/* Somebody of another snapshot, who knows other servers, may find what it could not; anybody may
 * where it is picky. */
static void pass_on(struct commons *commons, struct waiter *waiter)
{
    uint64_t in_vain = waiter->is_picky ? 0 : waiter->upstream->serial;
    struct waiter *next = find_next(commons, &waiter->link, NULL, in_vain);
    if (next)
        call_waiter(next);
}

bool queue_found_none(struct waiter *waiter, bool has_tried)
{
    struct commons *commons = waiter->upstream->commons;
    sys_lock_take(commons->lock);
    bool was_called = waiter->is_called;
    waiter->is_called = false;
    waiter->is_picky = has_tried;
    commons->called -= was_called;
    if (was_called)
        pass_on(commons, waiter);
    sys_lock_release(commons->lock);
    return was_called;
}

/* Whose turn it is when one leaves; where that one was called and takes no place, at once. False:
 * nobody here could take it. */
static bool call_successor(struct commons *commons, bool leaves_one, uint64_t now_ms)
{
    struct waiter *next = NULL;
    if (leaves_one || commons->has_spare)
        next = find_next(commons, &commons->waiters, NULL, 0);
    if (next) {
        commons->has_spare &= leaves_one;
        call_waiter(next);
    } else {
        call_next(commons, now_ms); /* it may have taken another place than the one that called */
    }
    return next != NULL;
}

/* For those who wait elsewhere for the same servers. */
static void give_place_back(const struct upstream *upstream)
{
    for (uint32_t i = 0; i < upstream->count; i++) {
        if (is_free(&upstream->members[i]))
            queue_place_free(upstream->members[i].server);
    }
}

void queue_leave(struct waiter *waiter, bool has_place)
{
    struct commons *commons = waiter->upstream->commons;
    uint64_t now = loop_now(waiter->home->loop);
    timer_fini(&waiter->timer);
    sys_lock_take(commons->lock);
    take_out(commons, waiter);
    bool leaves_one = waiter->is_called && !has_place;
    commons->called -= waiter->is_called;
    bool is_taken = call_successor(commons, leaves_one, now);
    histogram_add(&commons->queue_milliseconds, now - waiter->since);
    if (waiter->timed_out && !has_place)
        counter_add(&commons->queue_timeouts, 1);
    bool in_flight = waiter->in_flight;
    sys_lock_release(commons->lock);
    if (leaves_one && !is_taken)
        give_place_back(waiter->upstream);
    waiter->owner = NULL;
    if (!in_flight)
        free_waiter(waiter);
}
