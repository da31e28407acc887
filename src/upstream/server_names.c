/* The addresses of servers that have names: a few threads look them up, when a server is new, when
 * it fails, and when what was found is over. */
#include "upstream/server_int.h"

#include "base/assert.h"
#include "obs/log.h"
#include "sys/clock.h"
#include "sys/resolve.h"

enum {
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

/* The lock is held but for the look-up itself. */
static void look_up(struct server_registry *registry, struct server *server)
{
    ASSERT(!slice_is_empty(server->host) && !server->looking);
    struct dns_settings settings = registry->name_servers;
    uint64_t asked = registry->asked;
    server->looking = true;
    server->look_up_at = 0;
    sys_lock_release(registry->lock);
    struct address found[FOUND_MAX];
    struct sys_resolved resolved =
        sys_resolve(&settings, server->host.data, server->port, found, FOUND_MAX);
    bool news = resolved.count == 0 ? server->failures == 0 : server->failures > 0;
    if (news && registry->told)
        registry->told(registry->context, server, resolved.count ? NULL : resolved.reason);
    sys_lock_take(registry->lock);
    note(registry, server, &resolved, found);
    if (asked != registry->asked)
        server->look_up_at = 1; /* others are asked meanwhile */
}

static void run_resolver(void *argument)
{
    struct server_registry *registry = argument;
    sys_lock_take(registry->lock);
    while (!registry->stopping) {
        int wait = -1;
        struct server *server = server_next_due(registry, sys_monotonic_ms(), &wait);
        if (server)
            look_up(registry, server);
        else
            (void)sys_lock_wait(registry->lock, wait);
    }
    sys_lock_release(registry->lock);
}

bool server_registry_start(struct server_registry *registry, server_told_fn *told, void *context)
{
    ASSERT(!registry->resolvers[0] && !registry->stopping);
    registry->told = told;
    registry->context = context;
    for (int i = 0; i < RESOLVERS; i++) {
        registry->resolvers[i] = sys_thread_start("weir-resolver", run_resolver, registry);
        if (!registry->resolvers[i])
            return false;
    }
    return true;
}

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

void server_registry_wait(struct server_registry *registry, int timeout_ms)
{
    ASSERT(timeout_ms >= 0);
    uint64_t until = sys_monotonic_ms() + (uint64_t)timeout_ms, now;
    sys_lock_take(registry->lock);
    /* Each look-up that ends wakes us, also the ones that are not the last. */
    while (!all_looked_up(registry) && (now = sys_monotonic_ms()) < until)
        (void)sys_lock_wait(registry->lock, (int)(until - now));
    sys_lock_release(registry->lock);
}

bool server_is_at(struct server_registry *registry, const struct server *server,
                  const struct address *address)
{
    sys_lock_take(registry->lock);
    bool is_there = has_address(server->addresses, server->address_count, address);
    sys_lock_release(registry->lock);
    return is_there;
}
