#include "upstream/roster.h"

#include "obs/log.h"
#include "upstream/edition.h"
#include "upstream/health.h"
#include "upstream/roster_int.h"

#include <stdlib.h>

/* ---- life */

struct roster *roster_new(struct server_registry *servers, const struct lending_circle *circle)
{
    struct roster *roster = calloc(1, sizeof(*roster));
    if (!roster)
        return NULL;
    roster->servers = servers;
    roster->circle = circle;
    list_init(&roster->changes);
    list_init(&roster->answers);
    return roster;
}

void roster_free(struct roster *roster)
{
    if (!roster)
        return;
    roster_free_changes(roster);
    roster_free_answers(roster);
    free(roster);
}

void roster_tell(struct roster *roster, struct health *health)
{
    roster->health = health;
}

/* ---- editions */

static void tell_unfit(const struct lineup *lineup)
{
    if (lineup->unfit > 0)
        log_event(LOG_WARNING, "servers are left out of an upstream that cannot have them",
                  LOG_TEXT("upstream", lineup->upstream->name),
                  LOG_NUMBER("servers", lineup->unfit),
                  LOG_TEXT("first", lineup->first_unfit->place.key),
                  LOG_TEXT("problem", slice_from_text(lineup->why_unfit)));
}

/* The upstream gets an edition with those who belong to it, where that are others than it has.
 * False: no memory, and nothing has changed. */
static bool swap(struct roster *roster, const struct snapshot *snapshot,
                 const struct upstream *upstream, bool is_served)
{
    struct lineup lineup;
    if (!lineup_init(&lineup, roster, upstream, is_served))
        return false;
    bool good = true;
    if (!lineup_is(&lineup, upstream_now(upstream))) {
        struct edition *edition =
            edition_new(upstream, snapshot, lineup.items, lineup.count, roster->circle);
        good = edition != NULL;
        if (edition && !is_served)
            edition_put(upstream, edition);
        else if (edition)
            good = edition_swap(roster_table(snapshot), upstream, edition, roster->circle);
        if (good)
            tell_unfit(&lineup);
        else
            edition_free(edition);
    }
    lineup_fini(&lineup);
    return good;
}

bool roster_swap_served(struct roster *roster, const struct upstream *upstream)
{
    const struct upstream *before = upstream_now(upstream);
    if (!swap(roster, roster->snapshot, upstream, true))
        return false;
    if (roster->health && upstream_now(upstream) != before)
        health_note_members(roster->health, upstream);
    server_registry_change(roster->servers);
    return true;
}

/* ---- snapshots */

bool roster_prepare(struct roster *roster, const struct snapshot *snapshot)
{
    bool good = true;
    roster_compare_changes(roster, snapshot);
    const struct upstream *upstream = upstream_first(roster_table(snapshot));
    for (; good && upstream; upstream = upstream->next) {
        if (upstream->is_following || roster_find_change(roster, upstream))
            good = swap(roster, snapshot, upstream, false);
    }
    return good;
}

void roster_take(struct roster *roster, const struct snapshot *snapshot)
{
    roster_drop_changes(roster);
    roster_drop_answers(roster, snapshot);
    roster->snapshot = snapshot;
}

void roster_tidy(struct roster *roster)
{
    if (roster->snapshot)
        editions_tidy(roster_table(roster->snapshot));
}

bool roster_copy_place(struct arena *arena, struct server_place *ret_place,
                       const struct server_place *place)
{
    *ret_place = *place;
    ret_place->key = arena_copy(arena, place->key);
    if (place->host.length > 0)
        ret_place->host = arena_copy(arena, place->host);
    return ret_place->key.data && (place->host.length == 0 || ret_place->host.data);
}
