#include "base/assert.h"
#include "policy/route_int.h"

#include <stdlib.h>

enum {
    /* How far back in a group another route is looked for: enough for whoever writes by hand, and
     * no square cost for whoever generates ten thousand. */
    LOOK_BACK = 64,
};

/* Whether whatever `later` takes, `earlier` takes as well: each of its conditions stands in the
 * later one too. */
static bool covers(const struct route_entry *earlier, const struct route_entry *later)
{
    for (uint32_t e = 0; e < earlier->condition_count; e++) {
        bool found = false;
        for (uint32_t l = 0; l < later->condition_count && !found; l++)
            found = condition_equal_alone(earlier->conditions[e], later->conditions[l]);
        if (!found)
            return false;
    }
    return true;
}

/* The candidate of the group that leaves nothing to the one at `index`, or NULL. */
static const struct route_entry *find_cover(const struct route_table *table,
                                            const struct route_group *group, uint32_t index)
{
    const uint32_t *candidates = table->candidates + group->first;
    const struct route_entry *entry = &table->routes[candidates[index]];
    uint32_t start = index > LOOK_BACK ? index - LOOK_BACK : 0;
    for (uint32_t i = start; i < index; i++) {
        if (covers(&table->routes[candidates[i]], entry))
            return &table->routes[candidates[i]];
    }
    return NULL;
}

static const struct route_entry *entry_of(const struct route_table *table,
                                          const struct path_pattern *pattern)
{
    return &table->routes[table->candidates[table->groups[pattern->group].first]];
}

/* Whether the expression, behind its `~`, takes whatever path there is. Known by its looks: others
 * are only tried in vain. */
static bool takes_every_path(struct slice expression)
{
    static const char *const known[] = {"", "/", ".", "/?"};
    static const char *const ends[] = {"", ".*", "(.*)", ".*$", "(.*)$", ".+", ".+$"};
    if (slice_starts_with(expression, SLICE("~")))
        expression = slice_from(expression, 1);
    if (slice_starts_with(expression, SLICE("^")))
        expression = slice_from(expression, 1);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct slice beginning = slice_from_text(known[i]);
        struct slice rest = slice_from(expression, beginning.length);
        if (!slice_starts_with(expression, beginning))
            continue;
        /* `/.+` does not take `/`. */
        bool is_rooted = i == 1;
        for (size_t j = 0; j < sizeof(ends) / sizeof(ends[0]); j++) {
            if (slice_equal(rest, slice_from_text(ends[j])) && !(is_rooted && j >= 5))
                return true;
        }
    }
    return false;
}

/* The same for a pattern of a site: another that is tried before, with the same text or for every
 * path. */
static const struct route_entry *find_pattern_cover(const struct route_table *table,
                                                    const struct site_entry *site, uint32_t index)
{
    const struct path_pattern *patterns = table->patterns + site->first_pattern;
    const struct route_entry *entry = entry_of(table, &patterns[index]);
    uint32_t start = index > LOOK_BACK ? index - LOOK_BACK : 0;
    for (uint32_t i = start; i < index; i++) {
        const struct route_entry *earlier = entry_of(table, &patterns[i]);
        if (earlier != entry && earlier->priority >= entry->priority &&
            (takes_every_path(patterns[i].test->node->text) ||
             slice_equal(patterns[i].test->node->text, patterns[index].test->node->text)) &&
            covers(earlier, entry))
            return earlier;
    }
    return NULL;
}

static struct position position_of(const struct route_entry *entry)
{
    return entry->route.scope->node->position;
}

static const struct site_entry *site_of(const struct route_table *table,
                                        const struct route_entry *entry)
{
    size_t offset = (size_t)((const char *)entry->route.site - (const char *)table->sites);
    ASSERT(offset / sizeof(*table->sites) < table->site_count);
    return &table->sites[offset / sizeof(*table->sites)];
}

/* A route that only holds others together is not expected to win. */
static bool is_frame(const struct route_entry *entry)
{
    const struct scope *scope = entry->route.scope;
    return scope->child_count > 0 && entry->route.action_scope != scope;
}

static void warn(const struct route_table *table, const struct route_entry *entry,
                 const struct route_entry *cover, struct diagnostics *diagnostics)
{
    struct position position = position_of(entry);
    bool is_site = entry->route.scope->kind == SCOPE_SITE;
    bool is_own = is_site || entry->route.scope->child_count > 0;
    const char *what = is_site  ? "the site's own action"
                       : is_own ? "the route's own action"
                                : "this route";
    diagnostics_warning(
        diagnostics, position,
        is_own ? "leave it out, or give that route a condition"
               : "leave it out, or give it a higher \"priority\" than that route has",
        "%s can never win: what it takes is taken by the route at %s", what,
        route_place(table->configuration, diagnostics, position, position_of(cover)));
}

/* A site's own action is never reached behind a route without path and conditions. */
static void warn_of_site(const struct route_table *table, const struct site_entry *site,
                         struct diagnostics *diagnostics)
{
    if (site->anywhere == ROUTE_NONE || site->last_route == ROUTE_NONE)
        return;
    const struct route_group *group = &table->groups[site->anywhere];
    const struct route_entry *last =
        &table->routes[table->candidates[group->first + group->count - 1]];
    if (last->condition_count == 0)
        warn(table, &table->routes[site->last_route], last, diagnostics);
}

/* What is known of the routes while all their paths are looked at: a route of several can win
 * where one is its own. */
struct outcome {
    const struct route_entry *cover; /* that takes one of its paths before it; NULL: none does */
    bool wins;                       /* nobody takes some path of it before it */
};

static void note(struct outcome *outcome, const struct route_entry *cover)
{
    if (cover)
        outcome->cover = cover;
    else
        outcome->wins = true;
}

static void note_patterns(const struct route_table *table, struct outcome *outcomes)
{
    for (uint32_t s = 0; s < table->site_count; s++) {
        const struct site_entry *site = &table->sites[s];
        for (uint32_t i = 0; i < site->pattern_count; i++) {
            const struct path_pattern *pattern = &table->patterns[site->first_pattern + i];
            note(&outcomes[entry_of(table, pattern) - table->routes],
                 find_pattern_cover(table, site, i));
        }
    }
}

/* The first route of a site that takes whatever has no exact path, or NULL: patterns go before
 * prefixes. */
static const struct route_entry *find_taker(const struct route_table *table,
                                            const struct site_entry *site)
{
    for (uint32_t i = 0; i < site->pattern_count; i++) {
        const struct path_pattern *pattern = &table->patterns[site->first_pattern + i];
        const struct route_entry *entry = entry_of(table, pattern);
        if (entry->condition_count == 0 && takes_every_path(pattern->test->node->text))
            return entry;
    }
    return NULL;
}

/* The routes of one path, or of everything below it. */
static void note_group(const struct route_table *table, uint32_t number,
                       const struct route_entry *taker, struct outcome *outcomes)
{
    const struct route_group *group = &table->groups[number];
    for (uint32_t i = 0; i < group->count; i++) {
        uint32_t route = table->candidates[group->first + i];
        const struct route_entry *cover = find_cover(table, group, i);
        if (!cover && taker && taker->priority >= table->routes[route].priority)
            cover = taker;
        note(&outcomes[route], cover);
    }
}

static void note_groups(const struct route_table *table, struct outcome *outcomes)
{
    const struct site_entry *site = NULL;
    const struct route_entry *taker = NULL;
    for (uint32_t g = 0; g < table->group_count; g++) {
        const struct route_group *group = &table->groups[g];
        const struct route_entry *first = &table->routes[table->candidates[group->first]];
        if (group->is_pattern)
            continue;
        const struct site_entry *own = site_of(table, first);
        if (own != site) {
            site = own;
            taker = find_taker(table, site);
        }
        bool is_prefix = !group->is_exact && site->anywhere != g;
        note_group(table, g, is_prefix ? taker : NULL, outcomes);
    }
}

void route_warn_of_shadows(const struct route_table *table, struct diagnostics *diagnostics)
{
    struct outcome *outcomes = calloc(table->route_count + 1, sizeof(*outcomes));
    if (!outcomes)
        return;
    note_patterns(table, outcomes);
    note_groups(table, outcomes);
    for (uint32_t i = 0; i < table->route_count; i++) {
        if (outcomes[i].cover && !outcomes[i].wins && !is_frame(&table->routes[i]))
            warn(table, &table->routes[i], outcomes[i].cover, diagnostics);
    }
    free(outcomes);
    for (uint32_t i = 0; i < table->site_count; i++)
        warn_of_site(table, &table->sites[i], diagnostics);
}
