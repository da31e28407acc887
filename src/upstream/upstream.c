#include "upstream/upstream.h"

#include "base/assert.h"
#include "base/map.h"
#include "policy/rendezvous.h"
#include "upstream/commons.h"
#include "upstream/edition.h"
#include "upstream/ejection.h"
#include "upstream/health_settings.h"
#include "upstream/queue.h"
#include "upstream/sticky.h"
#include "upstream/upstream_int.h"
#include "upstream/upstream_tls.h"

#include <stdlib.h>

struct upstream_table {
    struct server_registry *servers;
    struct arena arena; /* the upstreams */
    struct map by_name;
    struct upstream_tls tls; /* what their contexts share */
    uint32_t count;          /* of upstreams, with and without a name */
    struct upstream *first, *last;
    struct list swaps; /* edition.h */
};

uint64_t upstream_next_serial(void)
{
    static atomic_uint_least64_t next = 1;
    return atomic_fetch_add(&next, 1);
}

bool upstream_add_member(struct upstream *upstream, struct server_registry *servers,
                         const struct server_setting *setting)
{
    ASSERT(!setting->is_followed);
    struct server *server = server_registry_get(servers, &setting->place);
    if (!server)
        return false;
    struct standing *standing = standing_get(servers, server, upstream->name);
    if (!standing) {
        server_unref(servers, server);
        return false;
    }
    upstream->members[upstream->count++] =
        (struct upstream_member){.server = server,
                                 .standing = standing,
                                 .weight = (int32_t)setting->weight,
                                 .priority = (uint8_t)setting->priority,
                                 .is_added = setting->is_added,
                                 .max_connections = (uint32_t)setting->max_connections};
    if (setting->priority < upstream->first_priority)
        upstream->first_priority = (uint8_t)setting->priority;
    upstream->is_limited |= setting->max_connections > 0;
    return true;
}

static void link_upstream(struct upstream_table *table, struct upstream *upstream)
{
    upstream->index = table->count++;
    if (table->last)
        table->last->next = upstream;
    else
        table->first = upstream;
    table->last = upstream;
}

/* With an empty name it has that of its first line. NULL: no memory. */
static struct upstream *compile(struct upstream_table *table, const struct snapshot *snapshot,
                                const struct server_list *list, struct slice name)
{
    const struct live *live = snapshot->live;
    size_t size = sizeof(struct upstream) + list->count * sizeof(struct upstream_member);
    struct upstream *upstream = arena_calloc(&table->arena, size);
    if (!upstream)
        return NULL;
    upstream->serial = upstream_next_serial();
    upstream->name = slice_is_empty(name) ? list->items[0].place.key : name;
    upstream->lines = list;
    upstream->first_priority = PRIORITY_BACKUP;
    link_upstream(table, upstream); /* before it names anybody: who it names goes with the table */
    for (size_t i = 0; i < list->count; i++) {
        upstream->is_following |= list->items[i].is_followed;
        if (!list->items[i].is_followed &&
            !upstream_add_member(upstream, live->servers, &list->items[i]))
            return NULL;
    }
    return upstream;
}

/* Only those that are asked first have slots. False: no memory. */
static bool fill_slots(struct upstream *upstream, struct arena *arena)
{
    ASSERT(upstream->count <= RENDEZVOUS_SERVERS_MAX);
    struct rendezvous_server servers[RENDEZVOUS_SERVERS_MAX];
    uint16_t members[RENDEZVOUS_SERVERS_MAX];
    uint32_t count = 0;
    uint16_t *slots = ARENA_ARRAY(arena, uint16_t, RENDEZVOUS_SLOTS);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < upstream->count; i++) {
        if (upstream->members[i].priority != upstream->first_priority)
            continue;
        members[count] = (uint16_t)i;
        servers[count++] = (struct rendezvous_server){upstream->members[i].server->key,
                                                      (uint32_t)upstream->members[i].weight};
    }
    rendezvous_fill(slots, servers, count);
    for (uint32_t i = 0; i < RENDEZVOUS_SLOTS; i++)
        slots[i] = members[slots[i]];
    upstream->slots = slots;
    return true;
}

/* Servers by their names, so that clients keep theirs while lines come and go. Lists without a name
 * are one owner: what stands in two of them is the same server. False: no memory. */
static bool set_sticky(struct upstream *upstream, struct arena *arena,
                       const struct snapshot *snapshot, const struct sticky_settings *sticky)
{
    const struct live *live = snapshot->live;
    bool is_named = upstream->scope->kind == SCOPE_UPSTREAM;
    struct assignment *assignment = assignment_new(
        arena, &sticky->assignment, server_registry_key(live->servers), SLICE("server"),
        is_named ? upstream->scope->name : SLICE(""), upstream->count > 0 ? upstream->count : 1);
    bool good = assignment != NULL;
    for (uint32_t i = 0; good && i < upstream->count; i++)
        good = assignment_add(assignment, upstream->members[i].server->key);
    upstream->sticky = assignment;
    return good;
}

/* False: no memory. */
static bool set_session(struct upstream *upstream, struct arena *arena,
                        const struct snapshot *snapshot, const struct sticky_settings *sticky)
{
    const struct live *live = snapshot->live;
    upstream->session = sticky_session_new(arena, upstream, live->servers, sticky);
    return upstream->session != NULL;
}

bool upstream_set_members(struct upstream *upstream, struct arena *arena,
                          const struct snapshot *snapshot)
{
    const struct sticky_settings *sticky =
        scope_group(snapshot->configuration, upstream->scope, &sticky_group);
    bool has_session = sticky_knows_sessions(sticky);
    if ((sticky->assignment.cookie.length > 0 && !set_sticky(upstream, arena, snapshot, sticky)) ||
        (has_session && !set_session(upstream, arena, snapshot, sticky)))
        return false;
    return !(upstream->hash || has_session) || upstream->count <= 1 || fill_slots(upstream, arena);
}

static bool refuse_size(const struct upstream *upstream, struct position position,
                        struct diagnostics *diagnostics)
{
    if (upstream->count <= RENDEZVOUS_SERVERS_MAX)
        return false;
    diagnostics_error(diagnostics, position, "spread them over several upstreams",
                      "balance: hash and sticky: {by} or sessions take at most %d servers",
                      RENDEZVOUS_SERVERS_MAX);
    return true;
}

/* A header of the PROXY protocol tells of one client, a connection of HTTP/2 has many. What is over
 * TLS is told of by upstream_tls_set. */
static void refuse_announcement(const struct upstream *upstream, const struct server_list *list,
                                struct diagnostics *diagnostics)
{
    for (size_t i = 0; upstream->proxy_protocol && i < list->count; i++) {
        if (!list->items[i].place.is_h2 || list->items[i].place.is_tls)
            continue;
        diagnostics_error(diagnostics, list->items[i].position,
                          "take out proxy_protocol, or write the server without h2c://",
                          "a server that is spoken to in HTTP/2 cannot be sent the header of the "
                          "PROXY protocol");
        return;
    }
}

/* A name cannot be taken for a list of servers, which begins with a space. NULL: no memory. */
static struct commons *commons_of(const struct snapshot *snapshot, const struct server_list *list,
                                  struct slice name)
{
    const struct live *live = snapshot->live;
    struct commons_table *table = server_registry_commons(live->servers);
    if (!slice_is_empty(name))
        return commons_get(table, name);
    struct arena scratch;
    arena_init(&scratch, NULL, SIZE_MAX / 2);
    struct slice *parts = ARENA_ARRAY(&scratch, struct slice, 2 * list->count);
    for (size_t i = 0; parts && i < list->count; i++) {
        parts[2 * i] = SLICE(" ");
        parts[2 * i + 1] = list->items[i].place.key;
    }
    struct slice key = SLICE("");
    if (parts)
        key = arena_join(&scratch, parts, 2 * list->count);
    struct commons *commons = parts && key.data ? commons_get(table, key) : NULL;
    arena_fini(&scratch);
    return commons;
}

/* Two hashes would lead to two servers. */
static bool refuse_two_hashes(const struct upstream_settings *settings,
                              const struct sticky_settings *sticky, struct position position,
                              struct diagnostics *diagnostics)
{
    bool has_key = sticky->by || sticky_knows_sessions(sticky);
    if (settings->balance != BALANCE_HASH || !has_key)
        return false;
    diagnostics_error(diagnostics, position, "take another balance, or write it as \"hash\" alone",
                      "the servers have balance: hash and sticky: {by} or sessions at once");
    return true;
}

/* False: it cannot be, which was told, or there is no memory. */
static bool set_scope(struct upstream_table *table, struct upstream *upstream,
                      const struct snapshot *snapshot, const struct scope *scope,
                      const struct server_list *list, struct diagnostics *diagnostics)
{
    const struct upstream_settings *settings =
        scope_group(snapshot->configuration, scope, &upstream_group);
    const struct sticky_settings *sticky =
        scope_group(snapshot->configuration, scope, &sticky_group);
    upstream->scope = scope;
    upstream->ejection = scope_group(snapshot->configuration, scope, &ejection_group);
    const struct breaker_settings *breaker =
        scope_group(snapshot->configuration, scope, &breaker_group);
    upstream->breaker = breaker_is_used(breaker) ? breaker : NULL;
    upstream->is_judged = upstream->ejection->failure_rate > 0 || upstream->breaker;
    upstream->health = scope_group(snapshot->configuration, scope, &health_group);
    upstream->slow_start = (uint64_t)settings->slow_start;
    upstream->fallback_below = (uint8_t)settings->fallback_below;
    upstream->commons = commons_of(snapshot, list, scope->name);
    if (!upstream->commons || !queue_set(upstream, snapshot, scope, diagnostics))
        return false;
    upstream->proxy_protocol = (unsigned)settings->proxy_protocol;
    refuse_announcement(upstream, list, diagnostics);
    upstream->stream_window = (uint32_t)settings->stream_window;
    upstream->balance = (enum balance)settings->balance;
    if (!upstream_tls_set(&table->tls, upstream, snapshot, scope, list, diagnostics))
        return false;
    bool by_hash = upstream->balance == BALANCE_HASH;
    upstream->hash = by_hash ? settings->hash : sticky->by;
    upstream->hash_load_limit = by_hash ? settings->hash_load_limit : 0;
    bool has_cookie = sticky->assignment.cookie.length > 0;
    bool has_key = upstream->hash || sticky_knows_sessions(sticky);
    upstream->is_led = has_key || has_cookie;
    struct position position = list->items[0].position;
    if ((has_key && refuse_size(upstream, position, diagnostics)) ||
        refuse_two_hashes(settings, sticky, position, diagnostics) ||
        !assignment_check_secret(&sticky->assignment, diagnostics))
        return false;
    return upstream_set_members(upstream, &table->arena, snapshot);
}

/* False: it cannot be, which was told, or there is no memory. One without servers is told and left
 * out. */
static bool add_named(struct upstream_table *table, const struct snapshot *snapshot,
                      const struct scope *scope, struct diagnostics *diagnostics)
{
    const struct upstream_settings *settings =
        scope_group(snapshot->configuration, scope, &upstream_group);
    if (settings->servers.count == 0) {
        diagnostics_error(diagnostics, scope->node->position, "add servers: [10.0.0.1:8080]",
                          "the upstream \"%.*s\" has no servers", (int)scope->name.length,
                          scope->name.data);
        return true;
    }
    struct upstream *upstream = compile(table, snapshot, &settings->servers, scope->name);
    if (!upstream || !set_scope(table, upstream, snapshot, scope, &settings->servers, diagnostics))
        return false;
    health_check_upstream(upstream, scope, diagnostics);
    return map_set(&table->by_name, scope->name, upstream);
}

/* The standing first: it knows its server. */
void upstream_release_members(struct upstream *upstream, struct server_registry *servers)
{
    for (uint32_t i = 0; i < upstream->count; i++) {
        standing_unref(servers, upstream->members[i].standing);
        server_unref(servers, upstream->members[i].server);
    }
}

static void free_table(void *part)
{
    struct upstream_table *table = part;
    editions_fini(table);
    for (struct upstream *upstream = table->first; upstream;
         upstream = (struct upstream *)(uintptr_t)upstream->next) {
        upstream_release_members(upstream, table->servers);
        tls_server_context_unref(upstream->tls);
    }
    upstream_tls_fini(&table->tls);
    map_fini(&table->by_name);
    arena_fini(&table->arena);
    free(table);
}

static void *build_table(struct snapshot *snapshot, struct diagnostics *diagnostics)
{
    const struct configuration *configuration = snapshot->configuration;
    struct upstream_table *table = calloc(1, sizeof(*table));
    if (!table)
        return NULL;
    table->servers = ((const struct live *)snapshot->live)->servers;
    arena_init(&table->arena, NULL, SIZE_MAX / 2);
    table->tls.arena = &table->arena;
    map_init(&table->by_name);
    list_init(&table->swaps);
    bool good = true;
    for (uint32_t i = 0; good && i < configuration->upstream_count; i++)
        good = add_named(table, snapshot, configuration->upstreams[i], diagnostics);
    if (good) {
        arena_settle(&table->arena);
        return table;
    }
    free_table(table);
    return NULL;
}

const struct snapshot_part upstream_part = {
    .name = "upstreams",
    .build = build_table,
    .free = free_table,
};

const struct upstream *upstream_first(const struct upstream_table *table)
{
    return table->first;
}

const struct tls_finding *upstream_findings(const struct upstream_table *table)
{
    return table->tls.findings.first;
}

struct list *upstream_swaps(struct upstream_table *table)
{
    return &table->swaps;
}

const struct upstream *upstream_find(const struct upstream_table *table, struct slice name)
{
    return map_get(&table->by_name, name);
}

const struct upstream *upstream_from_list(struct upstream_table *table,
                                          const struct snapshot *snapshot,
                                          const struct server_list *list,
                                          struct diagnostics *diagnostics)
{
    ASSERT(list->count > 0);
    struct upstream *upstream = compile(table, snapshot, list, slice_of(NULL, 0));
    if (!upstream || !set_scope(table, upstream, snapshot,
                                snapshot->configuration->upstream_defaults, list, diagnostics))
        return NULL;
    return upstream;
}

/* Whether site or route wrote the setting themselves. */
static bool route_writes(const struct configuration *configuration, const struct scope *route,
                         const struct setting_group *group, const char *setting)
{
    const struct node *here = scope_source(configuration, route, group, setting);
    const struct node *around =
        scope_source(configuration, configuration->defaults, group, setting);
    return here && here != around;
}

struct timeouts upstream_timeouts(const struct configuration *configuration,
                                  const struct scope *route, const struct upstream *upstream)
{
    ASSERT(upstream->scope);
    struct timeouts timeouts =
        *(const struct timeouts *)scope_group(configuration, route, &timeouts_group);
    const struct timeouts *own = scope_group(configuration, upstream->scope, &timeouts_group);
    if (!route_writes(configuration, route, &timeouts_group, "connect"))
        timeouts.connect = own->connect;
    if (!route_writes(configuration, route, &timeouts_group, "first_byte"))
        timeouts.first_byte = own->first_byte;
    if (!route_writes(configuration, route, &timeouts_group, "between_bytes"))
        timeouts.between_bytes = own->between_bytes;
    if (!route_writes(configuration, route, &timeouts_group, "pool_idle"))
        timeouts.pool_idle = own->pool_idle;
    return timeouts;
}

struct retry_settings upstream_retry(const struct configuration *configuration,
                                     const struct scope *route, const struct upstream *upstream)
{
    ASSERT(upstream->scope);
    struct retry_settings retry =
        *(const struct retry_settings *)scope_group(configuration, route, &retry_group);
    const void *own = scope_group(configuration, upstream->scope, &retry_group);
    for (uint16_t i = 0; i < retry_group.count; i++) {
        const struct setting *setting = &retry_group.settings[i];
        if (!route_writes(configuration, route, &retry_group, setting->name) &&
            scope_source(configuration, upstream->scope, &retry_group, setting->name))
            memcpy((char *)&retry + setting->offset, (const char *)own + setting->offset,
                   setting->size);
    }
    return retry;
}
