/* Who belongs to an upstream: lines, what they lead to, and what was changed by command. */
#include "base/assert.h"
#include "policy/rendezvous.h"
#include "upstream/health_settings.h"
#include "upstream/roster_int.h"
#include "upstream/upstream_tls.h"

#include <stdlib.h>

/* ---- what the settings of an upstream do not bear: the same as is refused in a file */

static bool is_at_path(const struct server_place *place)
{
    return slice_is_empty(place->host) && place->fixed.ip.kind == ADDRESS_UNIX;
}

static const char *tls_obstacle(const struct upstream *upstream, const struct server_place *place)
{
    if (place->is_tls && !upstream->tls)
        return "the configuration has no server over TLS there, and says nothing of the "
               "certificates of such ones";
    if (place->is_tls && is_at_path(place))
        return "a server at a Unix socket has no name that its certificate could hold for";
    return NULL;
}

static const char *health_obstacle(const struct upstream *upstream,
                                   const struct server_place *place)
{
    const struct health_settings *health = upstream->health;
    if (health->type == HEALTH_GRPC && health->port == 0 &&
        !upstream_tls_offers_h2(upstream, place))
        return "its servers are asked over gRPC whether they work, and this one is spoken to in "
               "HTTP/1.1";
    if (health->port > 0 && is_at_path(place))
        return "health.port is for servers with ports, and this one has none";
    return NULL;
}

const char *lineup_obstacle(const struct upstream *upstream, const struct server_place *place,
                            size_t count)
{
    bool has_slots = upstream->hash || upstream->session;
    if (has_slots && count >= RENDEZVOUS_SERVERS_MAX)
        return "balance: hash and sticky: {by} or sessions take no more servers";
    if (count >= UPSTREAM_SERVERS_MAX)
        return "an upstream takes no more servers";
    if (place->is_h2 && upstream->proxy_protocol)
        return "a server that is spoken to in HTTP/2 cannot be sent the header of the PROXY "
               "protocol";
    const char *why = tls_obstacle(upstream, place);
    return why ? why : health_obstacle(upstream, place);
}

/* ---- gathering */

static bool is_removed(const struct roster_change *change, struct slice key)
{
    if (!change)
        return false;
    LIST_EACH (link, &change->removals) {
        if (slice_equal(CONTAINER_OF(link, struct removal, link)->key, key))
            return true;
    }
    return false;
}

static bool grow(struct lineup *lineup)
{
    if (lineup->count < lineup->capacity)
        return true;
    size_t capacity = lineup->capacity > 0 ? 2 * lineup->capacity : 16;
    void *items = realloc(lineup->items, capacity * sizeof(*lineup->items));
    if (!items)
        return false;
    lineup->items = items;
    lineup->capacity = capacity;
    return true;
}

static void leave_out(struct lineup *lineup, const struct server_setting *setting, const char *why)
{
    if (lineup->unfit++ > 0)
        return;
    lineup->first_unfit = setting;
    lineup->why_unfit = why;
}

/* Who stands there already is the same server. */
static void take(struct lineup *lineup, const struct server_setting *setting)
{
    if (map_get(&lineup->seen, setting->place.key))
        return;
    const char *why = lineup_obstacle(lineup->upstream, &setting->place, lineup->count);
    if (why) {
        leave_out(lineup, setting, why);
        return;
    }
    if (grow(lineup) && map_set(&lineup->seen, setting->place.key, (void *)(uintptr_t)setting))
        lineup->items[lineup->count++] = setting;
    else
        lineup->no_memory = true;
}

static void take_answer(struct lineup *lineup, const struct server_setting *line,
                        const struct roster_answer *item)
{
    if (is_removed(lineup->change, item->place.key))
        return;
    struct server_setting *setting = ARENA_NEW(&lineup->arena, struct server_setting);
    if (!setting) {
        lineup->no_memory = true;
        return;
    }
    *setting = (struct server_setting){
        .place = item->place,
        .weight = item->weight > 0 ? item->weight : line->weight,
        .priority = item->priority > 0 ? item->priority : line->priority,
        .max_connections = line->max_connections,
        .position = line->position,
    };
    take(lineup, setting);
}

static void take_line(struct lineup *lineup, const struct roster *roster,
                      const struct server_setting *line)
{
    if (!line->is_followed) {
        if (!is_removed(lineup->change, line->place.key))
            take(lineup, line);
        return;
    }
    const struct answer *answer = roster_find_answer(roster, line->place.key);
    for (size_t i = 0; answer && i < answer->count; i++)
        take_answer(lineup, line, &answer->items[i]);
}

bool lineup_init(struct lineup *lineup, const struct roster *roster,
                 const struct upstream *upstream, bool is_served)
{
    *lineup = (struct lineup){.upstream = upstream};
    arena_init(&lineup->arena, NULL, SIZE_MAX / 2);
    map_init(&lineup->seen);
    lineup->change = roster_find_change(roster, upstream);
    if (lineup->change && !is_served && !lineup->change->holds)
        lineup->change = NULL;
    for (size_t i = 0; i < upstream->lines->count; i++)
        take_line(lineup, roster, &upstream->lines->items[i]);
    if (lineup->change) {
        LIST_EACH (link, &lineup->change->additions)
            take(lineup, &CONTAINER_OF(link, struct addition, link)->setting);
    }
    if (!lineup->no_memory)
        return true;
    lineup_fini(lineup);
    return false;
}

void lineup_fini(struct lineup *lineup)
{
    free(lineup->items);
    map_fini(&lineup->seen);
    arena_fini(&lineup->arena);
}

bool lineup_is(const struct lineup *lineup, const struct upstream *upstream)
{
    if (lineup->count != upstream->count)
        return false;
    for (size_t i = 0; i < lineup->count; i++) {
        const struct server_setting *setting = lineup->items[i];
        const struct upstream_member *member = &upstream->members[i];
        if (!slice_equal(setting->place.key, member->server->key) ||
            setting->weight != member->weight || setting->priority != member->priority ||
            setting->max_connections != member->max_connections)
            return false;
    }
    return true;
}
