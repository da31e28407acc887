/* The table is built in three steps: every route is drafted with the paths that it takes, inner
 * routes before the ones around them; equal paths of a site become groups; in each group the
 * candidates are sorted by what wins. Nested routes are flat from then on: a route carries the
 * conditions of all around it. */
#include "base/assert.h"
#include "policy/path_meet.h"
#include "policy/route_int.h"

#include <stdlib.h>

enum { TABLE_MEMORY_MAX = 1 << 30, ACTIONS_MAX = 32 };

/* A route as a candidate for one of its paths. */
struct draft {
    uint32_t route, site, group;
    const struct test *test; /* NULL: every path */
};

struct builder {
    const struct configuration *configuration;
    struct diagnostics *diagnostics;
    struct route_table *table;
    struct slice actions[ACTIONS_MAX]; /* the keys that are actions */
    size_t action_count;
    struct draft *drafts;
    size_t draft_count, draft_capacity;
    bool no_memory;
};

/* What a route gets from those around it. */
struct around {
    uint32_t site;
    const struct scope *action_scope; /* NULL: none yet */
    struct path_tests paths;
    const struct condition *const *conditions;
    uint32_t condition_count;
};

const char *route_place(const struct configuration *configuration, struct diagnostics *diagnostics,
                        struct position position, struct position other)
{
    if (position.source == other.source)
        return diagnostics_text(diagnostics, "line %u", other.line);
    struct slice name = configuration->sources[other.source].name;
    return diagnostics_text(diagnostics, "%.*s:%u", SHOWN(name), other.line);
}

/* --- Actions -----------------------------------------------------------------------------------
 */

static bool has_action_settings(const struct setting_group *group)
{
    return group->count > 0 && group->settings[0].action;
}

static void find_actions(struct builder *builder)
{
    const struct vocabulary *vocabulary = builder->configuration->vocabulary;
    for (size_t g = 0; g < vocabulary->group_count; g++) {
        const struct setting_group *group = vocabulary->groups[g];
        bool is_mapping = group->name[0] != '\0';
        if (is_mapping && has_action_settings(group)) {
            ASSERT(builder->action_count < ACTIONS_MAX);
            builder->actions[builder->action_count++] = slice_from_text(group->name);
        }
        for (size_t s = 0; s < group->count && !is_mapping; s++) {
            if (!group->settings[s].action)
                continue;
            ASSERT(builder->action_count < ACTIONS_MAX);
            builder->actions[builder->action_count++] = slice_from_text(group->settings[s].name);
        }
    }
}

/* Whether an action is written in that very scope. Two are one too many. */
static bool has_action(struct builder *builder, const struct scope *scope)
{
    const struct node_pair *first = NULL;
    for (uint32_t i = 0; i < scope->node->count; i++) {
        const struct node_pair *pair = &scope->node->pairs[i];
        bool is_action = false;
        for (size_t a = 0; a < builder->action_count; a++)
            is_action |= slice_equal(builder->actions[a], pair->key);
        if (is_action && first)
            diagnostics_error(builder->diagnostics, pair->key_position, "keep one of them",
                              "there is \"%.*s\" already, and a route has only one action",
                              SHOWN(first->key));
        else if (is_action)
            first = pair;
    }
    return first != NULL;
}

static const char *list_actions(struct builder *builder)
{
    const char *list = "";
    for (size_t i = 0; i < builder->action_count; i++) {
        const char *joint = i == 0 ? "" : i + 1 < builder->action_count ? ", " : " or ";
        list = diagnostics_text(builder->diagnostics, "%s%s\"%.*s\"", list, joint,
                                SHOWN(builder->actions[i]));
    }
    return diagnostics_text(builder->diagnostics, "say what it does with %s", list);
}

/* --- Drafting routes ----------------------------------------------------------------------------
 */

static bool add_draft(struct builder *builder, struct draft draft)
{
    if (builder->draft_count == builder->draft_capacity) {
        size_t capacity = builder->draft_capacity ? 2 * builder->draft_capacity : 64;
        struct draft *drafts = reallocarray(builder->drafts, capacity, sizeof(*drafts));
        if (!drafts) {
            builder->no_memory = true;
            return false;
        }
        builder->drafts = drafts;
        builder->draft_capacity = capacity;
    }
    builder->drafts[builder->draft_count++] = draft;
    return true;
}

/* Of several paths, what all give. */
static unsigned count_captures(const struct path_tests *paths)
{
    unsigned least = paths->count ? PATTERN_CAPTURES_MAX : 0;
    for (uint32_t i = 0; i < paths->count; i++) {
        const struct test *test = &paths->items[i];
        unsigned captures = test->kind == TEST_PATTERN ? pattern_groups(test->pattern) + 1 : 0;
        if (captures < least)
            least = captures;
    }
    return least;
}

/* The number of another route of the site: the site's own for its first, see struct route_table. */
static uint32_t take_route(struct route_table *table, uint32_t site)
{
    return table->routes[site].route.site ? table->route_count++ : site;
}

static void add_route(struct builder *builder, const struct scope *scope,
                      const struct around *around, int64_t priority)
{
    struct route_table *table = builder->table;
    struct site_entry *site = &table->sites[around->site];
    uint32_t number = take_route(table, around->site);
    table->routes[number] =
        (struct route_entry){.route = {.scope = scope,
                                       .action_scope = around->action_scope,
                                       .site = &site->site,
                                       .captures = count_captures(&around->paths)},
                             .conditions = around->conditions,
                             .condition_count = around->condition_count,
                             .priority = (int32_t)priority};
    site->has_priorities |= priority != 0;
    struct draft draft = {.route = number, .site = around->site};
    for (uint32_t i = 0; i < around->paths.count; i++) {
        draft.test = &around->paths.items[i];
        (void)add_draft(builder, draft);
    }
    if (around->paths.count == 0)
        (void)add_draft(builder, draft);
}

static uint32_t count_chain(const struct condition *condition)
{
    uint32_t count = 0;
    for (; condition; condition = condition->next)
        count++;
    return count;
}

/* The paths of the route inside of those around it, and in `ret_checks` what must be asked again
 * because the paths alone do not say it. */
static bool narrow_paths(struct builder *builder, const struct condition *path,
                         struct around *around, const struct condition *ret_checks[2])
{
    struct arena *arena = &builder->table->arena;
    struct path_tests outer = around->paths,
                      own = {.items = path->tests, .count = path->test_count};
    bool is_empty = false;
    if (!path_meet(&outer, &own, arena, &around->paths, &is_empty)) {
        builder->no_memory = true;
        return false;
    }
    if (is_empty) {
        diagnostics_error(builder->diagnostics, path->tests[0].node->position,
                          "write the whole path; it must lie below that of the route around it",
                          "this route can never match: its path lies outside of that of the "
                          "route around it");
        return false;
    }
    if (!around->paths.restricted)
        return true;
    struct condition *outer_again = ARENA_NEW(arena, struct condition);
    builder->no_memory |= !outer_again;
    if (!outer_again)
        return false;
    *outer_again =
        (struct condition){.kind = CONDITION_PATH, .tests = outer.items, .test_count = outer.count};
    ret_checks[0] = outer_again;
    ret_checks[1] = path;
    return true;
}

/* Adds the route's own conditions to those around it. */
static bool add_conditions(struct builder *builder, const struct condition *const *own,
                           size_t own_count, struct around *around)
{
    uint32_t count = around->condition_count;
    for (size_t i = 0; i < own_count; i++)
        count += count_chain(own[i]);
    if (count == around->condition_count)
        return true;
    const struct condition **all =
        ARENA_ARRAY(&builder->table->arena, const struct condition *, count);
    if (!all) {
        builder->no_memory = true;
        return false;
    }
    uint32_t used = 0;
    for (; used < around->condition_count; used++)
        all[used] = around->conditions[used];
    for (size_t i = 0; i < own_count; i++) {
        for (const struct condition *one = own[i]; one; one = one->next)
            all[used++] = one;
    }
    around->conditions = all;
    around->condition_count = count;
    return true;
}

/* Turns `around` from what is around the route into what holds for it. */
static bool enter_route(struct builder *builder, const struct route_settings *settings,
                        struct around *around)
{
    const struct condition *own[CONDITION_KINDS + 2] = {NULL};
    memcpy(own, settings->conditions, sizeof(settings->conditions));
    for (size_t i = 0; i < CONDITION_KINDS; i++) {
        for (const struct condition *one = own[i]; one; one = one->next)
            builder->table->asks_certificates |= condition_asks_certificate(one);
    }
    const struct condition *path = own[CONDITION_PATH];
    own[CONDITION_PATH] = NULL; /* the groups see to it */
    if (path && !narrow_paths(builder, path, around, &own[CONDITION_KINDS]))
        return false;
    return add_conditions(builder, own, CONDITION_KINDS + 2, around);
}

/* Goes as deep as the file does, which the reader of YAML limits. */
static void draft_route(struct builder *builder, const struct scope *scope,
                        const struct around *outer)
{
    const struct route_settings *settings =
        scope_group(builder->configuration, scope, &route_group);
    struct around around = *outer;
    if (!enter_route(builder, settings, &around))
        return;
    if (has_action(builder, scope))
        around.action_scope = scope;
    for (uint32_t i = 0; i < scope->child_count; i++)
        draft_route(builder, scope->children[i], &around);
    if (around.action_scope)
        add_route(builder, scope, &around, settings->priority);
    else if (scope->child_count == 0)
        diagnostics_error(builder->diagnostics, scope->node->position, list_actions(builder),
                          "this route has no action, and none is around it");
}

/* --- Drafting sites ----------------------------------------------------------------------------
 */

static void refuse_twin(struct builder *builder, uint32_t site, const struct host_name *host,
                        uint32_t other)
{
    struct diagnostics *diagnostics = builder->diagnostics;
    const struct scope *twin = builder->table->sites[other].site.scope;
    const char *place = route_place(builder->configuration, diagnostics, host->node->position,
                                    twin->node->position);
    if (site == other)
        diagnostics_warning(diagnostics, host->node->position, NULL,
                            "the site has this name twice");
    else if (host->kind == HOST_ANY)
        diagnostics_error(diagnostics, host->node->position,
                          "give one of them a \"host\", or make them one site",
                          "the site at %s takes every other name as well", place);
    else
        diagnostics_error(diagnostics, host->node->position, "make them one site",
                          "the site at %s has the name \"%.*s\" as well", place,
                          SHOWN(host->node->text));
}

static void add_hosts(struct builder *builder, uint32_t number,
                      const struct site_settings *settings)
{
    struct site_entry *site = &builder->table->sites[number];
    struct host_name every_other = {.kind = HOST_ANY, .node = site->site.scope->node};
    struct host_names names = settings->host;
    if (names.count == 0)
        names = (struct host_names){.items = &every_other, .count = 1};
    for (uint32_t i = 0; i < names.count; i++) {
        uint32_t twin =
            host_map_add(&builder->table->hosts, &names.items[i], &settings->listen, number);
        if (twin != HASH_INDEX_NONE)
            refuse_twin(builder, number, &names.items[i], twin);
    }
    site->site.name = settings->host.count ? names.items[0].node->text : SLICE("*");
}

static void draft_site(struct builder *builder, const struct scope *scope)
{
    struct route_table *table = builder->table;
    uint32_t number = table->site_count++;
    table->sites[number] =
        (struct site_entry){.site.scope = scope, .anywhere = ROUTE_NONE, .last_route = ROUTE_NONE};
    add_hosts(builder, number, scope_group(builder->configuration, scope, &site_group));
    struct around around = {.site = number};
    if (has_action(builder, scope))
        around.action_scope = scope;
    for (uint32_t i = 0; i < scope->child_count; i++)
        draft_route(builder, scope->children[i], &around);
    if (around.action_scope) {
        uint32_t last = take_route(table, number);
        table->sites[number].last_route = last;
        table->routes[last].route = (struct route){
            .scope = scope, .action_scope = scope, .site = &table->sites[number].site};
    } else if (scope->child_count == 0) {
        diagnostics_error(builder->diagnostics, scope->node->position, list_actions(builder),
                          "this site has neither an action nor routes");
    }
}

/* --- Grouping ----------------------------------------------------------------------------------
 */

static void add_pattern(struct route_table *table, const struct draft *draft)
{
    struct site_entry *site = &table->sites[draft->site];
    if (site->pattern_count++ == 0)
        site->first_pattern = table->pattern_count;
    table->patterns[table->pattern_count++] =
        (struct path_pattern){.test = draft->test, .group = draft->group};
}

/* The group of an exact path or of a prefix. */
static uint32_t find_group(struct route_table *table, const struct draft *draft)
{
    struct site_entry *site = &table->sites[draft->site];
    const struct test *test = draft->test;
    path_shapes_add(&site->shapes, test->kind, test->text);
    return path_index_add(&table->paths, draft->site, test->kind, test->text);
}

static size_t count_patterns(const struct builder *builder)
{
    size_t count = 0;
    for (size_t i = 0; i < builder->draft_count; i++) {
        const struct test *test = builder->drafts[i].test;
        count += test && test->kind == TEST_PATTERN;
    }
    return count;
}

static bool is_in_index(const struct draft *draft)
{
    return draft->test && draft->test->kind != TEST_PATTERN;
}

/* The drafts of one path in one site get one group, with the path's number. */
static void group_paths(struct builder *builder)
{
    struct route_table *table = builder->table;
    for (size_t i = 0; i < builder->draft_count; i++) {
        if (is_in_index(&builder->drafts[i]))
            builder->drafts[i].group = find_group(table, &builder->drafts[i]);
    }
    table->group_count = table->paths.count;
}

/* Each pattern is alone in its group, since patterns are tried in the file's order; what has no
 * path is together in one of each site. */
static void group_others(struct builder *builder)
{
    struct route_table *table = builder->table;
    for (size_t i = 0; i < builder->draft_count; i++) {
        struct draft *draft = &builder->drafts[i];
        uint32_t *anywhere = &table->sites[draft->site].anywhere;
        if (is_in_index(draft))
            continue;
        if (!draft->test && *anywhere == ROUTE_NONE)
            *anywhere = table->group_count;
        draft->group = draft->test ? table->group_count : *anywhere;
        if (draft->test)
            add_pattern(table, draft);
        table->group_count += draft->group == table->group_count;
    }
}

static bool group_drafts(struct builder *builder)
{
    struct route_table *table = builder->table;
    table->patterns = ARENA_ARRAY(&table->arena, struct path_pattern, count_patterns(builder) + 1);
    if (!table->patterns || !path_index_init(&table->paths, &table->arena, builder->draft_count))
        return false;
    group_paths(builder);
    group_others(builder);
    return true;
}

/* --- Sorting -----------------------------------------------------------------------------------
 */

static int order_of(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* By group; in it the higher priority, then more conditions, then the earlier. */
static int compare_drafts(const void *left, const void *right, void *context)
{
    const struct draft *a = left, *b = right;
    const struct route_table *table = context;
    const struct route_entry *first = &table->routes[a->route], *second = &table->routes[b->route];
    if (a->group != b->group)
        return order_of(a->group, b->group);
    if (first->priority != second->priority)
        return order_of(second->priority, first->priority);
    if (first->condition_count != second->condition_count)
        return order_of(second->condition_count, first->condition_count);
    return order_of(a->route, b->route);
}

static bool sort_candidates(struct builder *builder)
{
    struct route_table *table = builder->table;
    size_t count = builder->draft_count;
    table->groups = ARENA_ARRAY(&table->arena, struct route_group, table->group_count + 1);
    table->candidates = ARENA_ARRAY(&table->arena, uint32_t, count + 1);
    if (!table->groups || !table->candidates)
        return false;
    if (count > 1)
        qsort_r(builder->drafts, count, sizeof(struct draft), compare_drafts, table);
    for (size_t i = 0; i < count; i++) {
        const struct draft *draft = &builder->drafts[i];
        struct route_group *group = &table->groups[draft->group];
        if (group->count == 0)
            *group = (struct route_group){.first = table->candidate_count, .winner = draft->route};
        else if (table->candidates[table->candidate_count - 1] == draft->route)
            continue; /* two ways to the same path */
        table->candidates[table->candidate_count++] = draft->route;
        group->count++;
        group->is_pattern = draft->test && draft->test->kind == TEST_PATTERN;
        group->is_exact = draft->test && draft->test->kind == TEST_EQUAL;
    }
    return true;
}

/* --- The whole ---------------------------------------------------------------------------------
 */

static size_t count_scopes(const struct scope *scope)
{
    size_t count = 1;
    for (uint32_t i = 0; i < scope->child_count; i++)
        count += count_scopes(scope->children[i]);
    return count;
}

static size_t count_hosts(const struct configuration *configuration)
{
    size_t count = 0;
    for (uint32_t i = 0; i < configuration->top->child_count; i++) {
        const struct site_settings *settings =
            scope_group(configuration, configuration->top->children[i], &site_group);
        count += settings->host.count ? settings->host.count : 1;
    }
    return count;
}

static bool build(struct builder *builder)
{
    const struct configuration *configuration = builder->configuration;
    struct route_table *table = builder->table;
    const struct scope *top = configuration->top;
    table->sites =
        arena_calloc_lines(&table->arena, sizeof(struct site_entry) * (top->child_count + 1));
    table->routes =
        arena_calloc_lines(&table->arena, sizeof(struct route_entry) * count_scopes(top));
    if (!table->sites || !table->routes ||
        !host_map_init(&table->hosts, &table->arena, top->child_count, count_hosts(configuration)))
        return false;
    table->route_count = top->child_count;
    find_actions(builder);
    for (uint32_t i = 0; i < top->child_count; i++)
        draft_site(builder, top->children[i]);
    return !builder->no_memory && group_drafts(builder) && sort_candidates(builder);
}

struct route_table *route_table_new(const struct configuration *configuration,
                                    struct diagnostics *diagnostics)
{
    struct route_table *table = calloc(1, sizeof(*table));
    if (!table)
        return NULL;
    arena_init(&table->arena, NULL, TABLE_MEMORY_MAX);
    table->configuration = configuration;
    struct builder builder = {
        .configuration = configuration, .diagnostics = diagnostics, .table = table};
    size_t errors = diagnostics_errors(diagnostics);
    bool good = build(&builder) && diagnostics_errors(diagnostics) == errors;
    free(builder.drafts);
    if (good) {
        route_warn_of_shadows(table, diagnostics);
        arena_settle(&table->arena);
        return table;
    }
    route_table_free(table);
    return NULL;
}

void route_table_free(struct route_table *table)
{
    if (!table)
        return;
    arena_fini(&table->arena);
    free(table);
}
