/* A question walks through what may take the request in the order of the plan: exact path,
 * patterns, prefixes from the longest on, routes without a path, the site's own action. The first
 * whose conditions hold has it, except where a site uses priorities: then the walk goes on to its
 * end and the highest has it. */
#include "base/assert.h"
#include "base/cold.h"
#include "policy/route_int.h"

struct search {
    const struct route_table *table;
    const struct site_entry *site;
    const struct route_question *question;
    struct route_answer *answer;
    const struct route_entry *best; /* NULL: none yet */
};

/* What the walk does next. */
enum search_verdict { SEARCH_GO_ON, SEARCH_DONE, SEARCH_UNDECIDED };

/* Not inlined, as is what else ordinary sites do not need: its frame would be made for all. */
__attribute__((noinline)) static enum match_verdict
conditions_hold(const struct route_entry *entry, const struct route_question *question)
{
    for (uint32_t i = 0; i < entry->condition_count; i++) {
        enum match_verdict verdict = condition_match(entry->conditions[i], question);
        if (verdict != MATCH_YES)
            return verdict;
    }
    return MATCH_YES;
}

static enum search_verdict try_route(struct search *search, const struct route_entry *entry)
{
    if (search->best && search->best->priority >= entry->priority)
        return SEARCH_GO_ON;
    enum match_verdict verdict =
        entry->condition_count ? conditions_hold(entry, search->question) : MATCH_YES;
    if (verdict != MATCH_YES)
        return verdict == MATCH_NO ? SEARCH_GO_ON : SEARCH_UNDECIDED;
    search->best = entry;
    search->answer->capture_count = 0;
    return search->site->has_priorities ? SEARCH_GO_ON : SEARCH_DONE;
}

static enum search_verdict try_group(struct search *search, uint32_t number)
{
    const struct route_group *group = &search->table->groups[number];
    enum search_verdict verdict = SEARCH_GO_ON;
    for (uint32_t i = 0; i < group->count && verdict == SEARCH_GO_ON; i++) {
        uint32_t route = i == 0 ? group->winner : search->table->candidates[group->first + i];
        verdict = try_route(search, &search->table->routes[route]);
    }
    return verdict;
}

static enum search_verdict try_pattern(struct search *search, const struct path_pattern *pattern)
{
    struct slice captures[PATTERN_CAPTURES_MAX];
    switch (pattern_match(pattern->test->pattern, search->question->path, captures)) {
    case PATTERN_DIFFERS:
        return SEARCH_GO_ON;
    case PATTERN_TOO_COSTLY:
        return SEARCH_UNDECIDED;
    case PATTERN_MATCHES:
        break;
    }
    const struct route_entry *before = search->best;
    enum search_verdict verdict = try_group(search, pattern->group);
    if (search->best != before) {
        unsigned groups = pattern_groups(pattern->test->pattern);
        memcpy(search->answer->captures, captures, sizeof(captures));
        search->answer->capture_count =
            groups < PATTERN_CAPTURES_MAX ? groups + 1 : PATTERN_CAPTURES_MAX;
    }
    return verdict;
}

/* The routes that have a path. */
__attribute__((noinline)) static enum search_verdict try_paths(struct search *search)
{
    const struct site_entry *site = search->site;
    const struct route_table *table = search->table;
    enum search_verdict verdict = SEARCH_GO_ON;
    struct path_hits hits;
    hits.exact = HASH_INDEX_NONE;
    hits.prefix_count = 0;
    if (site->shapes.prefixes || site->shapes.has_exact)
        path_index_find(&table->paths, (uint32_t)(site - table->sites), &site->shapes,
                        search->question->path, &hits);
    if (hits.exact != HASH_INDEX_NONE)
        verdict = try_group(search, hits.exact);
    for (uint32_t i = 0; i < site->pattern_count && verdict == SEARCH_GO_ON; i++)
        verdict = try_pattern(search, &table->patterns[site->first_pattern + i]);
    for (uint32_t i = hits.prefix_count; i-- > 0 && verdict == SEARCH_GO_ON;)
        verdict = try_group(search, hits.prefixes[i]);
    return verdict;
}

static enum search_verdict try_all(struct search *search)
{
    const struct site_entry *site = search->site;
    struct slice path = search->question->path;
    enum search_verdict verdict = SEARCH_GO_ON;
    bool is_path = path.length > 0 && path.data[0] == '/'; /* else the asterisk of OPTIONS */
    bool has_paths = site->shapes.prefixes || site->shapes.has_exact || site->pattern_count > 0;
    if (is_path && has_paths)
        verdict = try_paths(search);
    if (verdict == SEARCH_GO_ON && site->anywhere != ROUTE_NONE)
        verdict = try_group(search, site->anywhere);
    if (verdict == SEARCH_GO_ON && !search->best && site->last_route != ROUTE_NONE)
        verdict = try_route(search, &search->table->routes[site->last_route]);
    return verdict;
}

WHOLE enum route_verdict route_find(const struct route_table *table,
                                    const struct route_question *question,
                                    struct route_answer *ret_answer)
{
    ASSERT(question->arena && question->head && question->client);
    ret_answer->site = NULL;
    ret_answer->route = NULL;
    ret_answer->capture_count = 0;
    uint32_t number = host_map_find(&table->hosts, question->host, question->listener,
                                    question->listener_is_private);
    if (number == HASH_INDEX_NONE)
        return ROUTE_NO_SITE;
    __builtin_prefetch(&table->routes[number]); /* which mostly is the one */
    struct search search = {
        .table = table, .site = &table->sites[number], .question = question, .answer = ret_answer};
    ret_answer->site = &search.site->site;
    if (try_all(&search) == SEARCH_UNDECIDED)
        return ROUTE_UNDECIDED;
    if (!search.best)
        return ROUTE_NO_ROUTE;
    ret_answer->route = &search.best->route;
    return ROUTE_FOUND;
}

bool route_table_asks_certificates(const struct route_table *table)
{
    return table->asks_certificates;
}

const struct site *route_find_site(const struct route_table *table, struct slice host,
                                   const struct address *listener, bool listener_is_private)
{
    uint32_t number = host_map_find(&table->hosts, host, listener, listener_is_private);
    return number == HASH_INDEX_NONE ? NULL : &table->sites[number].site;
}

bool route_check_captures(const struct route *route, const struct template *template,
                          struct position position, struct diagnostics *diagnostics)
{
    unsigned needed = template ? template_captures(template) : 0;
    if (needed <= route->captures)
        return true;
    const char *cure = route->captures ? "count the parentheses of its path"
                                       : "only \"path: ~...\" has captures; \"$$\" is a dollar";
    diagnostics_error(diagnostics, position, cure, "the route has no capture \"%u\"", needed - 1);
    return false;
}

size_t route_table_count(const struct route_table *table)
{
    return table->route_count;
}

struct route *route_table_get(struct route_table *table, size_t index)
{
    ASSERT(index < table->route_count);
    return &table->routes[index].route;
}

size_t route_table_sites(const struct route_table *table)
{
    return table->site_count;
}

struct site *route_table_site(struct route_table *table, size_t index)
{
    ASSERT(index < table->site_count);
    return &table->sites[index].site;
}

static void *build_part(struct snapshot *snapshot, struct diagnostics *diagnostics)
{
    return route_table_new(snapshot->configuration, diagnostics);
}

static void free_part(void *part)
{
    route_table_free(part);
}

const struct snapshot_part route_part = {
    .name = "routes",
    .build = build_part,
    .free = free_part,
};
