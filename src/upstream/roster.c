#include "upstream/roster.h"

#include "base/assert.h"
#include "obs/log.h"
#include "upstream/edition.h"
#include "upstream/health.h"
#include "upstream/roster_int.h"

#include <stdlib.h>
#include <string.h>

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

static void addition_free(struct addition *addition)
{
    arena_fini(&addition->arena);
    free(addition);
}

static void free_addition(struct roster_change *change, struct addition *addition)
{
    list_remove(&addition->link);
    change->addition_count--;
    addition_free(addition);
}

static void free_removal(struct roster_change *change, struct removal *removal)
{
    list_remove(&removal->link);
    change->removal_count--;
    free(removal);
}

static void free_change(struct roster_change *change)
{
    LIST_EACH_SAFE (link, &change->additions)
        free_addition(change, CONTAINER_OF(link, struct addition, link));
    LIST_EACH_SAFE (link, &change->removals)
        free_removal(change, CONTAINER_OF(link, struct removal, link));
    list_remove(&change->link);
    free(change);
}

static void free_answer(struct answer *answer)
{
    list_remove(&answer->link);
    arena_fini(&answer->arena);
    free(answer);
}

void roster_free(struct roster *roster)
{
    if (!roster)
        return;
    LIST_EACH_SAFE (link, &roster->changes)
        free_change(CONTAINER_OF(link, struct roster_change, link));
    LIST_EACH_SAFE (link, &roster->answers)
        free_answer(CONTAINER_OF(link, struct answer, link));
    free(roster);
}

void roster_tell(struct roster *roster, struct health *health)
{
    roster->health = health;
}

/* ---- finding */

static struct upstream_table *table_of(const struct snapshot *snapshot)
{
    return snapshot_get(snapshot, &upstream_part);
}

static bool is_named(const struct upstream *upstream)
{
    return upstream->scope->kind == SCOPE_UPSTREAM;
}

struct roster_change *roster_find_change(const struct roster *roster,
                                         const struct upstream *upstream)
{
    if (list_is_empty(&roster->changes) || !is_named(upstream))
        return NULL;
    LIST_EACH (link, &roster->changes) {
        struct roster_change *change = CONTAINER_OF(link, struct roster_change, link);
        if (slice_equal(change->upstream, upstream->name))
            return change;
    }
    return NULL;
}

const struct answer *roster_find_answer(const struct roster *roster, struct slice key)
{
    LIST_EACH (link, &roster->answers) {
        struct answer *answer = CONTAINER_OF(link, struct answer, link);
        if (slice_equal(answer->key, key))
            return answer;
    }
    return NULL;
}

static struct addition *find_addition(const struct roster_change *change, struct slice key)
{
    LIST_EACH (link, &change->additions) {
        struct addition *addition = CONTAINER_OF(link, struct addition, link);
        if (slice_equal(addition->setting.place.key, key))
            return addition;
    }
    return NULL;
}

static struct removal *find_removal(const struct roster_change *change, struct slice key)
{
    LIST_EACH (link, &change->removals) {
        struct removal *removal = CONTAINER_OF(link, struct removal, link);
        if (slice_equal(removal->key, key))
            return removal;
    }
    return NULL;
}

static bool is_member(const struct upstream *upstream, struct slice key)
{
    const struct upstream *now = upstream_now(upstream);
    for (uint32_t i = 0; i < now->count; i++) {
        if (slice_equal(now->members[i].server->key, key))
            return true;
    }
    return false;
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
            good = edition_swap(table_of(snapshot), upstream, edition, roster->circle);
        if (good)
            tell_unfit(&lineup);
        else
            edition_free(edition);
    }
    lineup_fini(&lineup);
    return good;
}

/* The same of the snapshot that is served. */
static bool swap_served(struct roster *roster, const struct upstream *upstream)
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

static bool is_same_line(const struct server_setting *a, const struct server_setting *b)
{
    return slice_equal(a->place.key, b->place.key) && a->weight == b->weight &&
           a->priority == b->priority && a->max_connections == b->max_connections;
}

static bool says_the_same(const struct upstream *a, const struct upstream *b)
{
    bool same = a && b && a->lines->count == b->lines->count;
    for (size_t i = 0; same && i < a->lines->count; i++)
        same = is_same_line(&a->lines->items[i], &b->lines->items[i]);
    return same;
}

/* Which changes hold in the snapshot that comes. */
static void compare(struct roster *roster, const struct snapshot *snapshot)
{
    LIST_EACH (link, &roster->changes) {
        struct roster_change *change = CONTAINER_OF(link, struct roster_change, link);
        change->holds = says_the_same(upstream_find(table_of(roster->snapshot), change->upstream),
                                      upstream_find(table_of(snapshot), change->upstream));
    }
}

bool roster_prepare(struct roster *roster, const struct snapshot *snapshot)
{
    bool good = true;
    compare(roster, snapshot);
    const struct upstream *upstream = upstream_first(table_of(snapshot));
    for (; good && upstream; upstream = upstream->next) {
        if (upstream->is_following || roster_find_change(roster, upstream))
            good = swap(roster, snapshot, upstream, false);
    }
    return good;
}

static void drop_changes(struct roster *roster)
{
    LIST_EACH_SAFE (link, &roster->changes) {
        struct roster_change *change = CONTAINER_OF(link, struct roster_change, link);
        if (change->holds)
            continue;
        log_event(LOG_NOTICE,
                  "the configuration says something else of the servers of an upstream; what was "
                  "added or removed live holds no more",
                  LOG_TEXT("upstream", change->upstream));
        free_change(change);
    }
}

static void note_asked(void *context, const struct server_setting *line)
{
    struct answer *answer =
        (struct answer *)(uintptr_t)roster_find_answer(context, line->place.key);
    if (answer)
        answer->is_asked = true;
}

static void drop_answers(struct roster *roster, const struct snapshot *snapshot)
{
    LIST_EACH (link, &roster->answers)
        CONTAINER_OF(link, struct answer, link)->is_asked = false;
    roster_each_followed(table_of(snapshot), note_asked, roster);
    LIST_EACH_SAFE (link, &roster->answers) {
        struct answer *answer = CONTAINER_OF(link, struct answer, link);
        if (!answer->is_asked)
            free_answer(answer);
    }
}

void roster_take(struct roster *roster, const struct snapshot *snapshot)
{
    drop_changes(roster);
    drop_answers(roster, snapshot);
    roster->snapshot = snapshot;
}

void roster_tidy(struct roster *roster)
{
    if (roster->snapshot)
        editions_tidy(table_of(roster->snapshot));
}

/* ---- changes by command */

static struct roster_change *change_of(struct roster *roster, const struct upstream *upstream)
{
    struct roster_change *change = roster_find_change(roster, upstream);
    if (change || !(change = calloc(1, sizeof(*change) + upstream->name.length)))
        return change;
    memcpy(change + 1, upstream->name.data, upstream->name.length);
    change->upstream = slice_of((char *)(change + 1), upstream->name.length);
    change->holds = true;
    list_init(&change->additions);
    list_init(&change->removals);
    list_push_back(&roster->changes, &change->link);
    return change;
}

static void free_if_empty(struct roster_change *change)
{
    if (change->addition_count == 0 && change->removal_count == 0)
        free_change(change);
}

static bool copy_place(struct arena *arena, struct server_place *ret_place,
                       const struct server_place *place)
{
    *ret_place = *place;
    ret_place->key = arena_copy(arena, place->key);
    if (place->host.length > 0)
        ret_place->host = arena_copy(arena, place->host);
    return ret_place->key.data && (place->host.length == 0 || ret_place->host.data);
}

static struct addition *addition_new(const struct server_setting *setting)
{
    struct addition *addition = calloc(1, sizeof(*addition));
    if (!addition)
        return NULL;
    arena_init(&addition->arena, NULL, SIZE_MAX / 2);
    addition->setting = *setting;
    addition->setting.is_added = true;
    if (copy_place(&addition->arena, &addition->setting.place, &setting->place))
        return addition;
    addition_free(addition);
    return NULL;
}

static struct removal *removal_new(struct slice key)
{
    struct removal *removal = malloc(sizeof(*removal) + key.length);
    if (!removal)
        return NULL;
    memcpy(removal + 1, key.data, key.length);
    removal->key = slice_of((char *)(removal + 1), key.length);
    return removal;
}

static void link_addition(struct roster_change *change, struct addition *addition)
{
    list_push_back(&change->additions, &addition->link);
    change->addition_count++;
}

static void link_removal(struct roster_change *change, struct removal *removal)
{
    list_push_back(&change->removals, &removal->link);
    change->removal_count++;
}

static enum roster_outcome add(struct roster *roster, const struct upstream *upstream,
                               struct roster_change *change, const struct server_setting *setting)
{
    if (change->addition_count >= ROSTER_CHANGES_MAX)
        return ROSTER_IS_FULL;
    struct addition *addition = addition_new(setting);
    if (!addition)
        return ROSTER_NO_MEMORY;
    link_addition(change, addition);
    if (swap_served(roster, upstream))
        return ROSTER_DONE;
    free_addition(change, addition);
    return ROSTER_NO_MEMORY;
}

static enum roster_outcome take_removal_back(struct roster *roster, const struct upstream *upstream,
                                             struct roster_change *change, struct removal *removal)
{
    list_remove(&removal->link);
    change->removal_count--;
    if (swap_served(roster, upstream)) {
        free(removal);
        return ROSTER_DONE;
    }
    link_removal(change, removal);
    return ROSTER_NO_MEMORY;
}

/* Whether a line says the same of the server. */
static bool is_as_written(const struct upstream *upstream, const struct server_setting *setting)
{
    for (size_t i = 0; i < upstream->lines->count; i++) {
        if (is_same_line(&upstream->lines->items[i], setting))
            return true;
    }
    return false;
}

enum roster_outcome roster_add(struct roster *roster, const struct upstream *upstream,
                               const struct server_setting *setting, const char **ret_why)
{
    ASSERT(roster->snapshot && !setting->is_followed);
    if (!is_named(upstream))
        return ROSTER_NAMELESS;
    if (is_member(upstream, setting->place.key))
        return ROSTER_IS_THERE;
    *ret_why = lineup_obstacle(upstream, &setting->place, upstream_now(upstream)->count);
    if (*ret_why)
        return ROSTER_UNFIT;
    struct roster_change *change = change_of(roster, upstream);
    if (!change)
        return ROSTER_NO_MEMORY;
    struct removal *removal = find_removal(change, setting->place.key);
    enum roster_outcome outcome = removal && is_as_written(upstream, setting)
                                      ? take_removal_back(roster, upstream, change, removal)
                                      : add(roster, upstream, change, setting);
    free_if_empty(change);
    return outcome;
}

static enum roster_outcome take_addition_back(struct roster *roster,
                                              const struct upstream *upstream,
                                              struct roster_change *change,
                                              struct addition *addition)
{
    list_remove(&addition->link);
    change->addition_count--;
    if (swap_served(roster, upstream)) {
        addition_free(addition);
        return ROSTER_DONE;
    }
    link_addition(change, addition);
    return ROSTER_NO_MEMORY;
}

static enum roster_outcome remove_line(struct roster *roster, const struct upstream *upstream,
                                       struct roster_change *change, struct slice key)
{
    if (change->removal_count >= ROSTER_CHANGES_MAX)
        return ROSTER_IS_FULL;
    struct removal *removal = removal_new(key);
    if (!removal)
        return ROSTER_NO_MEMORY;
    link_removal(change, removal);
    if (swap_served(roster, upstream))
        return ROSTER_DONE;
    free_removal(change, removal);
    return ROSTER_NO_MEMORY;
}

enum roster_outcome roster_remove(struct roster *roster, const struct upstream *upstream,
                                  struct slice key)
{
    ASSERT(roster->snapshot);
    if (!is_named(upstream))
        return ROSTER_NAMELESS;
    if (!is_member(upstream, key))
        return ROSTER_IS_ABSENT;
    struct roster_change *change = change_of(roster, upstream);
    if (!change)
        return ROSTER_NO_MEMORY;
    enum roster_outcome outcome = ROSTER_DONE;
    struct addition *addition = find_addition(change, key);
    if (addition)
        outcome = take_addition_back(roster, upstream, change, addition);
    if (outcome == ROSTER_DONE && is_member(upstream, key)) /* a followed name leads to it, too */
        outcome = remove_line(roster, upstream, change, key);
    free_if_empty(change);
    return outcome;
}

/* ---- names that are followed */

void roster_each_followed(const struct upstream_table *table,
                          void (*told)(void *context, const struct server_setting *line),
                          void *context)
{
    for (const struct upstream *upstream = upstream_first(table); upstream;
         upstream = upstream->next) {
        for (size_t i = 0; upstream->is_following && i < upstream->lines->count; i++) {
            if (upstream->lines->items[i].is_followed)
                told(context, &upstream->lines->items[i]);
        }
    }
}

static struct answer *answer_new(struct slice key, const struct roster_answer *items, size_t count)
{
    struct answer *answer = calloc(1, sizeof(*answer));
    if (!answer)
        return NULL;
    arena_init(&answer->arena, NULL, SIZE_MAX / 2);
    list_init(&answer->link);
    answer->key = arena_copy(&answer->arena, key);
    answer->items = ARENA_ARRAY(&answer->arena, struct roster_answer, count > 0 ? count : 1);
    bool good = answer->key.data && answer->items;
    for (; good && answer->count < count; answer->count++) {
        struct roster_answer *copy = &answer->items[answer->count];
        *copy = items[answer->count];
        good = copy_place(&answer->arena, &copy->place, &items[answer->count].place);
    }
    if (good)
        return answer;
    free_answer(answer);
    return NULL;
}

static bool is_same_answer(const struct answer *answer, const struct roster_answer *items,
                           size_t count)
{
    bool same = answer && answer->count == count;
    for (size_t i = 0; same && i < count; i++) {
        const struct roster_answer *item = &answer->items[i];
        same = slice_equal(item->place.key, items[i].place.key) &&
               item->weight == items[i].weight && item->priority == items[i].priority;
    }
    return same;
}

static bool follows(const struct upstream *upstream, struct slice key)
{
    for (size_t i = 0; upstream->is_following && i < upstream->lines->count; i++) {
        const struct server_setting *line = &upstream->lines->items[i];
        if (line->is_followed && slice_equal(line->place.key, key))
            return true;
    }
    return false;
}

static bool swap_followers(struct roster *roster, struct slice key)
{
    bool good = true;
    const struct upstream *upstream =
        roster->snapshot ? upstream_first(table_of(roster->snapshot)) : NULL;
    for (; good && upstream; upstream = upstream->next) {
        if (follows(upstream, key))
            good = swap_served(roster, upstream);
    }
    return good;
}

bool roster_answer(struct roster *roster, struct slice key, const struct roster_answer *items,
                   size_t count)
{
    ASSERT(count <= ROSTER_ANSWERS_MAX);
    struct answer *before = (struct answer *)(uintptr_t)roster_find_answer(roster, key);
    if (is_same_answer(before, items, count))
        return true;
    struct answer *answer = answer_new(key, items, count);
    if (!answer)
        return false;
    list_push_front(&roster->answers, &answer->link); /* found before the one before */
    if (swap_followers(roster, key)) {
        if (before)
            free_answer(before);
        return true;
    }
    free_answer(answer);
    return false;
}
