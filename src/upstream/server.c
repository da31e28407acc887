#include "upstream/server_int.h"

#include "base/assert.h"
#include "sys/clock.h"
#include "upstream/commons.h"
#include "upstream/session.h"

#include <stdlib.h>

struct server_registry *server_registry_new(void)
{
    struct server_registry *registry = calloc(1, sizeof(*registry));
    if (!registry)
        return NULL;
    registry->resolvers = server_resolvers_new(registry);
    registry->commons = commons_table_new();
    registry->sessions = session_table_new();
    if (!registry->resolvers || !registry->commons || !registry->sessions) {
        server_resolvers_stop(registry->resolvers);
        commons_table_free(registry->commons);
        session_table_free(registry->sessions);
        free(registry);
        return NULL;
    }
    registry->lock = server_resolvers_lock(registry->resolvers);
    map_init(&registry->by_key);
    list_init(&registry->unnamed);
    list_init(&registry->farewells);
    sys_random(&registry->key, sizeof(registry->key));
    return registry;
}

void server_registry_free(struct server_registry *registry)
{
    if (!registry)
        return;
    server_resolvers_stop(registry->resolvers);
    farewells_free(&registry->farewells);
    for (uint32_t i = 0; i < registry->count; i++) {
        if (registry->servers[i])
            standings_free(registry->servers[i]->standings);
        server_free(registry->servers[i]);
    }
    free(registry->servers);
    free(registry->free_ids);
    map_fini(&registry->by_key);
    commons_table_free(registry->commons);
    session_table_free(registry->sessions);
    free(registry);
}

/* ---- what loops count */

static struct server_tally *tallies_of(const struct server *server)
{
    return atomic_load_explicit(&server->tallies, memory_order_acquire);
}

struct server_tally *server_tally_of(struct server *server, const void *loop)
{
    for (struct server_tally *tally = tallies_of(server); tally; tally = tally->next) {
        if (tally->loop == loop)
            return tally;
    }
    struct server_tally *tally = calloc(1, sizeof(*tally));
    if (!tally)
        return NULL;
    tally->loop = loop;
    tally->next = tallies_of(server);
    while (!atomic_compare_exchange_weak(&server->tallies, &tally->next, tally))
        continue;
    return tally;
}

unsigned server_idle(const struct server *server)
{
    uint64_t sum = 0;
    for (const struct server_tally *tally = tallies_of(server); tally; tally = tally->next)
        sum += gauge_read(&tally->idle);
    return (unsigned)sum;
}

uint64_t server_lent(const struct server *server)
{
    uint64_t sum = 0;
    for (const struct server_tally *tally = tallies_of(server); tally; tally = tally->next)
        sum += counter_read(&tally->lent);
    return sum;
}

/* ---- servers */

static bool make_room(struct server_registry *registry)
{
    if (registry->free_count > 0 || registry->count < registry->capacity)
        return true;
    uint32_t capacity = registry->capacity ? registry->capacity * 2 : 16;
    struct server **servers = realloc(registry->servers, capacity * sizeof(*servers));
    if (servers)
        registry->servers = servers;
    uint32_t *free_ids = realloc(registry->free_ids, capacity * sizeof(*free_ids));
    if (free_ids)
        registry->free_ids = free_ids;
    if (!servers || !free_ids)
        return false;
    registry->capacity = capacity;
    return true;
}

/* With the texts of the place behind it, each with a NUL. NULL: no memory. */
static struct server *allocate(const struct server_place *place)
{
    struct server *server = calloc(1, sizeof(*server) + place->key.length + place->host.length + 2);
    if (!server)
        return NULL;
    char *texts = (char *)(server + 1);
    memcpy(texts, place->key.data, place->key.length);
    server->key = slice_of(texts, place->key.length);
    if (slice_is_empty(place->host))
        return server;
    texts += place->key.length + 1;
    memcpy(texts, place->host.data, place->host.length);
    server->host = slice_of(texts, place->host.length);
    return server;
}

void server_free(struct server *server)
{
    struct server_tally *tally = server ? tallies_of(server) : NULL;
    while (tally) {
        struct server_tally *next = tally->next;
        free(tally);
        tally = next;
    }
    free(server);
}

static void take_id(struct server_registry *registry, struct server *server)
{
    server->id =
        registry->free_count > 0 ? registry->free_ids[--registry->free_count] : registry->count++;
    server->serial = registry->next_serial++;
    registry->servers[server->id] = server;
}

static struct server *add(struct server_registry *registry, const struct server_place *place)
{
    ASSERT(!slice_is_empty(place->key) && registry->count <= registry->capacity);
    struct server *server = make_room(registry) ? allocate(place) : NULL;
    if (!server)
        return NULL;
    server->port = place->port;
    server->is_tls = place->is_tls;
    server->is_h2 = place->is_h2;
    server->is_plain = !place->is_tls && !place->is_h2;
    list_init(&server->link);
    if (!slice_is_empty(place->host)) {
        server->look_up_at = 1;
    } else {
        server->addresses[0] = place->fixed;
        server->address_count = 1;
    }
    if (!map_set(&registry->by_key, server->key, server)) {
        server_free(server);
        return NULL;
    }
    take_id(registry, server);
    return server;
}

struct server *server_registry_get(struct server_registry *registry,
                                   const struct server_place *place)
{
    sys_lock_take(registry->lock);
    struct server *server = map_get(&registry->by_key, place->key);
    if (!server)
        server = add(registry, place);
    if (server && server->references++ == 0) {
        server->comings++;
        list_remove(&server->link);
        sys_lock_wake_all(registry->lock); /* its name may have to be looked up */
    }
    sys_lock_release(registry->lock);
    return server;
}

void server_unref(struct server_registry *registry, struct server *server)
{
    sys_lock_take(registry->lock);
    ASSERT(server->references > 0);
    if (--server->references == 0)
        list_push_back(&registry->unnamed, &server->link);
    sys_lock_release(registry->lock);
}

/* The key without the scheme, and without the address that a followed name led to. */
static struct slice host_and_port(const struct server *server)
{
    static const struct slice separator = {"://", 3};
    struct slice key = server->key;
    if (server->is_tls || server->is_h2)
        key = slice_from(key, slice_find(key, ':') + separator.length);
    return slice_starts_with(key, SLICE("unix:")) ? key : slice_until(key, slice_find(key, '@'));
}

struct slice server_authority(const struct server *server)
{
    const struct slice port = server->is_tls ? SLICE(":443") : SLICE(":80");
    struct slice authority = host_and_port(server);
    if (!server->is_tls && !server->is_h2)
        return authority;
    return slice_ends_with(authority, port) ? slice_until(authority, authority.length - port.length)
                                            : authority;
}

struct slice server_name(const struct server *server)
{
    struct slice place = host_and_port(server);
    bool was_followed = place.data + place.length < server->key.data + server->key.length;
    return was_followed ? slice_until(place, slice_find_last(place, ':')) : server->host;
}

const struct tls_mac *server_registry_key(const struct server_registry *registry)
{
    return &registry->key;
}

struct session_table *server_registry_sessions(struct server_registry *registry)
{
    return registry->sessions;
}

struct commons_table *server_registry_commons(struct server_registry *registry)
{
    return registry->commons;
}

uint32_t server_registry_count(struct server_registry *registry)
{
    sys_lock_take(registry->lock);
    uint32_t count = registry->count - registry->free_count;
    sys_lock_release(registry->lock);
    return count;
}

uint32_t server_addresses(struct server_registry *registry, const struct server *server,
                          struct address *ret_addresses)
{
    sys_lock_take(registry->lock);
    uint32_t count = server->address_count;
    ASSERT(count <= SERVER_ADDRESSES_MAX && server->id < registry->count);
    memcpy(ret_addresses, server->addresses, count * sizeof(*ret_addresses));
    sys_lock_release(registry->lock);
    return count;
}

uint64_t server_registry_changes(const struct server_registry *registry)
{
    return atomic_load_explicit(&registry->changes, memory_order_acquire);
}

void server_registry_change(struct server_registry *registry)
{
    atomic_fetch_add_explicit(&registry->changes, 1, memory_order_release);
}

bool server_rest(struct server_registry *registry, struct server *server, uint64_t now_ms,
                 uint64_t until_ms)
{
    uint64_t before = server_rests_until(server);
    if (before > now_ms ||
        !atomic_compare_exchange_strong_explicit(&server->rests_until, &before, until_ms,
                                                 memory_order_relaxed, memory_order_relaxed))
        return false;
    atomic_fetch_add_explicit(&server->ejected, 1, memory_order_relaxed);
    server_registry_change(registry);
    return true;
}

/* Where another loop has noted an answer in the same moment, this one goes unnoted. */
void server_answered(struct server *server, uint64_t microseconds, uint64_t now_ms)
{
    uint64_t before = atomic_load_explicit(&server->latency, memory_order_relaxed);
    uint64_t after = latency_add(before, microseconds, (uint32_t)now_ms);
    if (after != before)
        (void)atomic_compare_exchange_strong_explicit(&server->latency, &before, after,
                                                      memory_order_relaxed, memory_order_relaxed);
}

uint32_t server_latency(const struct server *server)
{
    return latency_of(atomic_load_explicit(&server->latency, memory_order_relaxed));
}

uint32_t server_expected_time(const struct server *server, uint64_t now_ms)
{
    return latency_expected(atomic_load_explicit(&server->latency, memory_order_relaxed),
                            (uint32_t)now_ms);
}

void server_failed(struct server_registry *registry, struct server *server, uint64_t now_ms)
{
    atomic_fetch_add_explicit(&server->failed, 1, memory_order_relaxed);
    if (server_rests_until(server) < now_ms + SERVER_REST_MS)
        atomic_store_explicit(&server->rests_until, now_ms + SERVER_REST_MS, memory_order_relaxed);
    server_registry_change(registry);
    if (!slice_is_empty(server->host))
        server_look_up_soon(registry, server, now_ms);
}
