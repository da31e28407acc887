#include "policy/route_reasons.h"

#include "base/assert.h"
#include "policy/route_int.h"

#include <stdlib.h>

struct survey {
    const struct route_table *table;
    const struct site_entry *site;
    const struct route_question *question;
    struct route_reason *by_number; /* of all routes of the table */
};

static void note_fit(struct survey *survey, uint32_t number, enum route_fit fit, uint32_t rank)
{
    struct route_reason *reason = &survey->by_number[number];
    if (reason->fit > fit || (reason->fit == fit && reason->prefix_rank > rank))
        return;
    reason->fit = fit;
    reason->prefix_rank = rank;
}

static void note_group(struct survey *survey, uint32_t group, enum route_fit fit, uint32_t rank)
{
    const struct route_table *table = survey->table;
    for (uint32_t i = 0; i < table->groups[group].count; i++)
        note_fit(survey, table->candidates[table->groups[group].first + i], fit, rank);
}

static void note_patterns(struct survey *survey)
{
    const struct site_entry *site = survey->site;
    for (uint32_t i = 0; i < site->pattern_count; i++) {
        const struct path_pattern *pattern = &survey->table->patterns[site->first_pattern + i];
        enum match_verdict verdict = path_test_match(pattern->test, survey->question->path);
        const struct route_group *group = &survey->table->groups[pattern->group];
        if (verdict == MATCH_YES)
            note_group(survey, pattern->group, ROUTE_FIT_PATTERN, 0);
        for (uint32_t j = 0; verdict == MATCH_UNDECIDED && j < group->count; j++)
            survey->by_number[survey->table->candidates[group->first + j]].undecided = true;
    }
}

static void note_paths(struct survey *survey)
{
    const struct site_entry *site = survey->site;
    const struct route_table *table = survey->table;
    struct slice path = survey->question->path;
    if (path.length == 0 || path.data[0] != '/')
        return;
    note_patterns(survey);
    if (!site->shapes.prefixes && !site->shapes.has_exact)
        return;
    struct path_hits hits;
    path_index_find(&table->paths, (uint32_t)(site - table->sites), &site->shapes, path, &hits);
    if (hits.exact != HASH_INDEX_NONE)
        note_group(survey, hits.exact, ROUTE_FIT_EXACT, 0);
    for (uint32_t i = 0; i < hits.prefix_count; i++)
        note_group(survey, hits.prefixes[i], ROUTE_FIT_PREFIX, i + 1);
}

static void note_conditions(const struct survey *survey, const struct route_entry *entry,
                            struct route_reason *reason)
{
    for (uint32_t i = 0; i < entry->condition_count && !reason->failed; i++) {
        enum match_verdict verdict = condition_match(entry->conditions[i], survey->question);
        if (verdict == MATCH_YES)
            continue;
        reason->failed = entry->conditions[i];
        reason->undecided |= verdict == MATCH_UNDECIDED;
    }
}

static int by_place(const void *left, const void *right)
{
    const struct route_reason *a = left, *b = right;
    struct position first = a->route->scope->node->position;
    struct position second = b->route->scope->node->position;
    /* The site's own action is its last route, though the site begins before them. */
    bool first_last = a->route->scope->kind == SCOPE_SITE;
    bool second_last = b->route->scope->kind == SCOPE_SITE;
    if (first_last != second_last)
        return first_last ? 1 : -1;
    if (first.source != second.source)
        return first.source < second.source ? -1 : 1;
    if (first.line != second.line)
        return first.line < second.line ? -1 : 1;
    return first.column < second.column ? -1 : first.column > second.column;
}

/* Those of the site, moved to the front. */
static size_t keep_site(const struct survey *survey, const struct route_answer *answer)
{
    const struct route_table *table = survey->table;
    size_t count = 0;
    for (uint32_t i = 0; i < table->route_count; i++) {
        const struct route_entry *entry = &table->routes[i];
        if (entry->route.site != &survey->site->site)
            continue;
        struct route_reason reason = survey->by_number[i];
        reason.route = &entry->route;
        reason.condition_count = entry->condition_count;
        reason.priority = entry->priority;
        reason.takes = answer->route == &entry->route;
        note_conditions(survey, entry, &reason);
        ASSERT(!reason.takes || (reason.fit != ROUTE_FIT_NONE && !reason.failed));
        survey->by_number[count++] = reason;
    }
    return count;
}

struct route_reason *route_reasons(const struct route_table *table,
                                   const struct route_question *question,
                                   const struct route_answer *answer, size_t *ret_count)
{
    ASSERT(answer->site);
    struct survey survey = {
        .table = table,
        .site = (const struct site_entry *)(const void *)answer->site, /* its first field */
        .question = question,
        .by_number = ARENA_ARRAY(question->arena, struct route_reason, table->route_count + 1),
    };
    if (!survey.by_number)
        return NULL;
    note_paths(&survey);
    if (survey.site->anywhere != ROUTE_NONE)
        note_group(&survey, survey.site->anywhere, ROUTE_FIT_ANYWHERE, 0);
    if (survey.site->last_route != ROUTE_NONE)
        note_fit(&survey, survey.site->last_route, ROUTE_FIT_LAST, 0);
    *ret_count = keep_site(&survey, answer);
    qsort(survey.by_number, *ret_count, sizeof(*survey.by_number), by_place);
    return survey.by_number;
}
