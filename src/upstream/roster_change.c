/* What is changed of an upstream by command: servers that are added and removed, as long as the
 * configuration says the same of it. */
#include "base/assert.h"
#include "obs/log.h"
#include "upstream/edition.h"
#include "upstream/roster_int.h"

#include <stdlib.h>
#include <string.h>

/* ---- life */

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

void roster_free_changes(struct roster *roster)
{
    LIST_EACH_SAFE (link, &roster->changes)
        free_change(CONTAINER_OF(link, struct roster_change, link));
}

/* ---- finding */

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

void roster_compare_changes(struct roster *roster, const struct snapshot *snapshot)
{
    LIST_EACH (link, &roster->changes) {
        struct roster_change *change = CONTAINER_OF(link, struct roster_change, link);
        change->holds =
            says_the_same(upstream_find(roster_table(roster->snapshot), change->upstream),
                          upstream_find(roster_table(snapshot), change->upstream));
    }
}

void roster_drop_changes(struct roster *roster)
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

/* ---- commands */

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

static struct addition *addition_new(const struct server_setting *setting)
{
    struct addition *addition = calloc(1, sizeof(*addition));
    if (!addition)
        return NULL;
    arena_init(&addition->arena, NULL, SIZE_MAX / 2);
    addition->setting = *setting;
    addition->setting.is_added = true;
    if (roster_copy_place(&addition->arena, &addition->setting.place, &setting->place))
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
    if (roster_swap_served(roster, upstream))
        return ROSTER_DONE;
    free_addition(change, addition);
    return ROSTER_NO_MEMORY;
}

static enum roster_outcome take_removal_back(struct roster *roster, const struct upstream *upstream,
                                             struct roster_change *change, struct removal *removal)
{
    list_remove(&removal->link);
    change->removal_count--;
    if (roster_swap_served(roster, upstream)) {
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
    if (roster_swap_served(roster, upstream)) {
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
    if (roster_swap_served(roster, upstream))
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
