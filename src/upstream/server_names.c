/* The addresses of servers that have names: a few threads look them up, when a server is new, when
 * it fails, and when what was found is over.
 *
 * Who asks the system cannot be called back, and a name server may be silent for a minute. So the
 * threads share with the registry what may outlive it, a lock and a word that all is over. One that
 * is away, which is to say that it asks, knows the registry only when it is back and that word was
 * not said. */
#include "upstream/server_int.h"

#include "base/assert.h"
#include "obs/log.h"
#include "sys/clock.h"
#include "sys/resolve.h"

#include <stdlib.h>

enum {
    RESOLVERS = 4,
    FOUND_MAX = 64,      /* addresses that are looked at; the first of them are taken */
    AGAIN_MS = 5 * 1000, /* after a success, at the earliest, where the server fails */
    RETRY_MS = 1000,     /* after the first failure; doubles */
    RETRY_DOUBLINGS = 5,
    TTL_LEAST_MS = 1000,
    TTL_MOST_MS = 3600 * 1000,
    UNTOLD_TTL_MS = 30 * 1000, /* where nobody says how long it holds */
    UNTOLD_TTL_EACH_MS = 20,   /* or so much for each server, where they are many */
    TELL_MS = 600 * 1000,      /* between two lines of the moves of one server */
};

struct resolver {
    struct server_resolvers *all;
    struct sys_thread *thread;
    bool is_away;
};

/* Behind the lock. */
struct server_resolvers {
    struct sys_lock *lock;
    struct server_registry *registry;
    unsigned holders; /* the registry and the threads; the last one frees it */
    bool is_over;     /* the registry is not to be touched by who was away */
    struct resolver each[RESOLVERS];
};

/* One that moved is looked for at its first failure; one that is gone costs no more than a look-up
 * every few seconds, and one whose name cannot be found has its own pace. */
void server_look_up_soon(struct server_registry *registry, struct server *server, uint64_t now_ms)
{
    sys_lock_take(registry->lock);
    uint64_t earliest = server->looked_up_at + AGAIN_MS;
    uint64_t at = now_ms > earliest ? now_ms : earliest;
    if (!server->looking && server->failures == 0 &&
        (server->look_up_at == 0 || at < server->look_up_at)) {
        server->look_up_at = at;
        sys_lock_wake_all(registry->lock);
    }
    sys_lock_release(registry->lock);
}

/* Who waits to be looked up and has nobody at it. Nobody asks for the name of an unnamed one. */
static bool waits_for_look_up(const struct server *server)
{
    return server && server->references > 0 && server->look_up_at != 0 && !server->looking;
}

/* By time, not by place: names that are slow to fail come again and again, and would keep those
 * behind them from ever having their turn. */
struct server *server_next_due(const struct server_registry *registry, uint64_t now_ms,
                               int *ret_wait)
{
    struct server *first = NULL;
    for (uint32_t i = 0; i < registry->count; i++) {
        struct server *server = registry->servers[i];
        if (waits_for_look_up(server) && (!first || server->look_up_at < first->look_up_at))
            first = server;
    }
    *ret_wait = -1;
    if (first && first->look_up_at > now_ms) {
        *ret_wait = (int)(first->look_up_at - now_ms);
        return NULL;
    }
    return first;
}

static uint64_t delay_of_failure(uint32_t failures)
{
    uint32_t doublings = failures < RETRY_DOUBLINGS ? failures : RETRY_DOUBLINGS;
    return (uint64_t)RETRY_MS << doublings;
}

/* The lock is held. */
static uint64_t delay_of_ttl(const struct server_registry *registry, uint32_t seconds)
{
    uint64_t ms = (uint64_t)seconds * 1000;
    uint64_t many = (uint64_t)registry->count * UNTOLD_TTL_EACH_MS;
    if (ms == 0)
        return many > UNTOLD_TTL_MS ? many : UNTOLD_TTL_MS;
    return ms < TTL_LEAST_MS ? TTL_LEAST_MS : ms > TTL_MOST_MS ? TTL_MOST_MS : ms;
}

static bool has_address(const struct address *addresses, uint32_t count,
                        const struct address *address)
{
    for (uint32_t i = 0; i < count; i++) {
        if (address_equal(&addresses[i], address))
            return true;
    }
    return false;
}

/* Whether an address that it had is none of its name any more. */
static bool has_left(const struct server *server, const struct address *found, uint32_t count)
{
    for (uint32_t i = 0; i < server->address_count; i++) {
        if (!has_address(found, count, &server->addresses[i]))
            return true;
    }
    return false;
}

/* Of a name that leads elsewhere each time one line in a while. */
static void tell_move(struct server *server, uint64_t now_ms)
{
    if (server->move_told_at != 0 && now_ms < server->move_told_at + TELL_MS)
        return;
    server->move_told_at = now_ms;
    log_event(LOG_NOTICE, "the name of a server leads elsewhere", LOG_TEXT("name", server->host));
}

/* Where only a part could be found, nobody knows of the rest that it has left. */
static void take_addresses(struct server *server, const struct sys_resolved *resolved,
                           const struct address *found)
{
    uint32_t count =
        resolved->count < SERVER_ADDRESSES_MAX ? resolved->count : SERVER_ADDRESSES_MAX;
    bool moves = !resolved->reason && has_left(server, found, resolved->count);
    memcpy(server->addresses, found, count * sizeof(found[0]));
    server->address_count = count;
    if (!moves)
        return;
    atomic_fetch_add_explicit(&server->moves, 1, memory_order_release);
    tell_move(server, server->looked_up_at);
}

/* The lock is held. What was found before is kept when it fails. */
static void note(struct server_registry *registry, struct server *server,
                 const struct sys_resolved *resolved, const struct address *found)
{
    server->looking = false;
    server->looked_up_at = sys_monotonic_ms();
    uint64_t delay;
    if (resolved->count == 0) {
        delay = delay_of_failure(server->failures++);
    } else {
        take_addresses(server, resolved, found);
        server->failures = 0;
        delay = delay_of_ttl(registry, resolved->ttl);
    }
    server->look_up_at = server->looked_up_at + delay;
    sys_lock_wake_all(registry->lock);
}

/* ---- the threads */

/* What is asked, for a thread that may outlive the server. */
struct name_question {
    struct dns_settings settings;
    char name[SERVER_KEY_MAX];
    uint16_t port;
};

static void tell(const struct server_registry *registry, const struct server *server,
                 const struct sys_resolved *resolved)
{
    bool news = resolved->count == 0 ? server->failures == 0 : server->failures > 0;
    if (news && registry->told)
        registry->told(registry->context, server, resolved->count ? NULL : resolved->reason);
}

/* The lock is held but while somebody else is spoken to. The server stays while it is looked at
 * (farewell.c), as long as there is a registry. */
static void look_up(struct resolver *self, struct server_registry *registry, struct server *server)
{
    struct name_question question = {.settings = registry->name_servers, .port = server->port};
    ASSERT(!slice_is_empty(server->host) && server->host.length < sizeof(question.name));
    ASSERT(!server->looking);
    memcpy(question.name, server->host.data, server->host.length);
    uint64_t asked = registry->asked;
    server->looking = true;
    server->look_up_at = 0;
    self->is_away = true;
    sys_lock_release(self->all->lock);
    struct address found[FOUND_MAX];
    struct sys_resolved resolved =
        sys_resolve(&question.settings, question.name, question.port, found, FOUND_MAX);
    sys_lock_take(self->all->lock);
    self->is_away = false;
    if (self->all->is_over)
        return;
    sys_lock_release(self->all->lock);
    tell(registry, server, &resolved);
    sys_lock_take(self->all->lock);
    note(registry, server, &resolved, found);
    if (asked != registry->asked)
        server->look_up_at = 1; /* others are asked meanwhile */
}

/* The lock is held, and let go. */
static void leave(struct server_resolvers *resolvers)
{
    ASSERT(resolvers->holders > 0);
    bool is_last = --resolvers->holders == 0;
    sys_lock_release(resolvers->lock);
    if (!is_last)
        return;
    sys_lock_free(resolvers->lock);
    free(resolvers);
}

static void run_resolver(void *argument)
{
    struct resolver *self = argument;
    struct server_resolvers *all = self->all;
    sys_lock_take(all->lock);
    while (!all->is_over) {
        int wait = -1;
        struct server *server = server_next_due(all->registry, sys_monotonic_ms(), &wait);
        if (server)
            look_up(self, all->registry, server);
        else
            (void)sys_lock_wait(all->lock, wait);
    }
    leave(all);
}

struct server_resolvers *server_resolvers_new(struct server_registry *registry)
{
    struct server_resolvers *resolvers = calloc(1, sizeof(*resolvers));
    struct sys_lock *lock = sys_lock_new();
    if (!resolvers || !lock) {
        sys_lock_free(lock);
        free(resolvers);
        return NULL;
    }
    resolvers->lock = lock;
    resolvers->registry = registry;
    resolvers->holders = 1;
    for (int i = 0; i < RESOLVERS; i++)
        resolvers->each[i].all = resolvers;
    return resolvers;
}

struct sys_lock *server_resolvers_lock(struct server_resolvers *resolvers)
{
    return resolvers->lock;
}

/* Whoever is not away now will not be again, and ends soon. */
void server_resolvers_stop(struct server_resolvers *resolvers)
{
    struct sys_thread *ending[RESOLVERS];
    int count = 0;
    if (!resolvers)
        return;
    sys_lock_take(resolvers->lock);
    resolvers->is_over = true;
    sys_lock_wake_all(resolvers->lock);
    for (int i = 0; i < RESOLVERS; i++) {
        struct resolver *resolver = &resolvers->each[i];
        if (resolver->is_away)
            sys_thread_leave(resolver->thread);
        else if (resolver->thread)
            ending[count++] = resolver->thread;
    }
    sys_lock_release(resolvers->lock);
    for (int i = 0; i < count; i++)
        sys_thread_join(ending[i]);
    sys_lock_take(resolvers->lock);
    leave(resolvers);
}

static bool start_resolver(struct server_resolvers *resolvers, struct resolver *resolver)
{
    ASSERT(!resolver->thread && !resolvers->is_over);
    sys_lock_take(resolvers->lock); /* it looks when it is known */
    resolver->thread = sys_thread_start("weir-resolver", run_resolver, resolver);
    resolvers->holders += resolver->thread != NULL;
    sys_lock_release(resolvers->lock);
    return resolver->thread != NULL;
}

bool server_registry_start(struct server_registry *registry, server_told_fn *told, void *context)
{
    registry->told = told;
    registry->context = context;
    for (int i = 0; i < RESOLVERS; i++) {
        if (!start_resolver(registry->resolvers, &registry->resolvers->each[i]))
            return false;
    }
    return true;
}

/* ---- what others want of them */

/* The lock is held. */
static bool is_asked_already(const struct server_registry *registry,
                             const struct dns_settings *settings)
{
    const struct dns_settings *own = &registry->name_servers;
    bool same = own->timeout_ms == settings->timeout_ms &&
                own->name_server_count == settings->name_server_count;
    for (uint32_t i = 0; same && i < settings->name_server_count; i++)
        same = address_equal(&own->name_servers[i], &settings->name_servers[i]);
    return same;
}

/* What others have said is not what these will say. */
void server_registry_ask(struct server_registry *registry, const struct dns_settings *settings)
{
    sys_lock_take(registry->lock);
    if (!is_asked_already(registry, settings)) {
        registry->name_servers = *settings;
        registry->asked++;
        for (uint32_t i = 0; i < registry->count; i++) {
            struct server *server = registry->servers[i];
            if (server && !slice_is_empty(server->host) && !server->looking)
                server->look_up_at = 1;
        }
        sys_lock_wake_all(registry->lock);
    }
    sys_lock_release(registry->lock);
}

static bool all_looked_up(const struct server_registry *registry)
{
    for (uint32_t i = 0; i < registry->count; i++) {
        const struct server *server = registry->servers[i];
        if (server && server->references > 0 && server->address_count == 0 && server->failures == 0)
            return false;
    }
    return true;
}

bool server_registry_wait(struct server_registry *registry, int timeout_ms)
{
    ASSERT(timeout_ms >= 0);
    uint64_t until = sys_monotonic_ms() + (uint64_t)timeout_ms, now;
    sys_lock_take(registry->lock);
    /* Each look-up that ends wakes us, also the ones that are not the last. */
    bool is_done;
    while (!(is_done = all_looked_up(registry)) && (now = sys_monotonic_ms()) < until)
        (void)sys_lock_wait(registry->lock, (int)(until - now));
    sys_lock_release(registry->lock);
    return is_done;
}

bool server_is_at(struct server_registry *registry, const struct server *server,
                  const struct address *address)
{
    sys_lock_take(registry->lock);
    bool is_there = has_address(server->addresses, server->address_count, address);
    sys_lock_release(registry->lock);
    return is_there;
}
