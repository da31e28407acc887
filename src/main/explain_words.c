/* The words in which both ways of explaining say the same. */
#include "base/assert.h"
#include "conf/node_text.h"
#include "exchange/hedge.h"
#include "exchange/retry.h"
#include "main/explainer.h"
#include "policy/route_settings.h"

void explain_place(struct text *text, const struct explanation *explanation,
                   struct position position)
{
    const struct source *source = &explanation->configuration->sources[position.source];
    text_add(text, source->name);
    text_print(text, ":%u", position.line);
}

static bool is_condition(struct slice key)
{
    for (size_t i = 0; i < route_group.count; i++) {
        if (slice_equal(slice_from_text(route_group.settings[i].name), key))
            return true;
    }
    return false;
}

void explain_scope(struct text *text, const struct scope *scope)
{
    if (scope->kind == SCOPE_SITE) {
        text_add(text, SLICE("the site's own action"));
        return;
    }
    bool first = true;
    for (uint32_t i = 0; i < scope->node->count; i++) {
        const struct node_pair *pair = &scope->node->pairs[i];
        if (!is_condition(pair->key))
            continue;
        text_add(text, first ? SLICE("") : SLICE(", "));
        text_add(text, pair->key);
        text_add(text, SLICE(": "));
        node_print(text, pair->value);
        first = false;
    }
    if (first)
        text_add(text, SLICE("a route without conditions"));
    if (scope->parent && scope->parent->kind == SCOPE_ROUTE) {
        text_add(text, SLICE(" in "));
        explain_scope(text, scope->parent);
    }
}

/* ---- why not */

static const char *const condition_names[CONDITION_KINDS] = {
    [CONDITION_PATH] = "path",     [CONDITION_METHOD] = "method",
    [CONDITION_HEADER] = "header", [CONDITION_QUERY] = "query",
    [CONDITION_COOKIE] = "cookie", [CONDITION_CLIENT] = "client",
    [CONDITION_SCHEME] = "scheme", [CONDITION_CERTIFICATE] = "client_certificate",
    [CONDITION_NOT] = "not",
};

static const char undecided[] = "cannot be decided within the limits of a pattern";

static bool is_in_chain(const struct condition *chain, const struct condition *condition)
{
    while (chain && chain != condition)
        chain = chain->next;
    return chain != NULL;
}

/* Where a condition of the route was written: there, or in a route around it. */
static const struct node *find_written(const struct explanation *explanation,
                                       const struct scope *scope, const struct condition *condition)
{
    const struct configuration *configuration = explanation->configuration;
    for (; scope && scope->kind == SCOPE_ROUTE; scope = scope->parent) {
        const struct route_settings *settings = scope_group(configuration, scope, &route_group);
        if (is_in_chain(settings->conditions[condition->kind], condition))
            return scope_source(configuration, scope, &route_group,
                                condition_names[condition->kind]);
    }
    return NULL;
}

static void print_failed(struct text *text, const struct explanation *explanation,
                         const struct route_reason *reason)
{
    const struct condition *failed = reason->failed;
    const struct node *written = find_written(explanation, reason->route->scope, failed);
    text_print(text, "%s", condition_names[failed->kind]);
    if (!slice_is_empty(failed->name))
        text_print(text, " %.*s", SHOWN(failed->name));
    text_print(text, " %s", reason->undecided ? undecided : "differs");
    if (!written)
        return;
    text_add(text, SLICE(" (it must be "));
    node_print(text, written);
    text_add(text, SLICE(")"));
}

static const struct route_reason *find_winner(const struct explanation *explanation)
{
    for (size_t i = 0; i < explanation->rehearsal.reason_count; i++) {
        if (explanation->rehearsal.reasons[i].takes)
            return &explanation->rehearsal.reasons[i];
    }
    return NULL;
}

static const char *why_it_loses(const struct route_reason *winner, const struct route_reason *loser)
{
    static const char *const first[] = {
        [ROUTE_FIT_EXACT] = "an exact path goes first",
        [ROUTE_FIT_PATTERN] = "a pattern goes before a prefix and before no path",
        [ROUTE_FIT_PREFIX] = "a route with a path goes first",
        [ROUTE_FIT_ANYWHERE] = "a route goes before the site's own action",
        [ROUTE_FIT_LAST] = "",
        [ROUTE_FIT_NONE] = "",
    };
    if (winner->priority != loser->priority)
        return "a higher priority goes first";
    if (loser->fit == ROUTE_FIT_LAST)
        return first[ROUTE_FIT_ANYWHERE];
    if (winner->fit != loser->fit)
        return first[winner->fit];
    if (winner->prefix_rank != loser->prefix_rank)
        return "the longer path goes first";
    /* Patterns go in the file's order, whatever else they ask. */
    if (winner->fit != ROUTE_FIT_PATTERN && winner->condition_count != loser->condition_count)
        return "more conditions go first";
    return "the earlier one goes first";
}

void explain_reason(struct text *text, const struct explanation *explanation,
                    const struct route_reason *reason)
{
    ASSERT(!reason->takes);
    const struct route_reason *winner = find_winner(explanation);
    if (reason->fit == ROUTE_FIT_NONE)
        text_print(text, "path %s", reason->undecided ? undecided : "differs");
    else if (reason->failed)
        print_failed(text, explanation, reason);
    else if (winner)
        text_print(text, "it would, but %s", why_it_loses(winner, reason));
    else
        text_add(text, SLICE("another pattern could not be decided before it"));
}

/* ---- what is sent */

static size_t find_text(struct slice bytes, struct slice wanted)
{
    for (size_t i = 0; i + wanted.length <= bytes.length; i++) {
        if (slice_starts_with(slice_from(bytes, i), wanted))
            return i;
    }
    return bytes.length;
}

static struct slice replace(struct explanation *explanation, struct slice line, struct slice wanted,
                            struct slice by)
{
    size_t done = 0;
    ASSERT(wanted.length > 0);
    for (;;) {
        size_t at = done + find_text(slice_from(line, done), wanted);
        if (at >= line.length)
            return line;
        const struct slice parts[] = {slice_until(line, at), by,
                                      slice_from(line, at + wanted.length)};
        line = arena_join(&explanation->arena, parts, 3);
        done = at + by.length;
    }
}

/* What the value of a setting took from the environment, hidden; as deep as the file is. */
static struct slice hide(struct explanation *explanation, const struct node *node,
                         struct slice line)
{
    enum { SECRET_MIN = 4 };
    for (uint32_t i = 0; i < node->count; i++) {
        bool is_mapping = node->kind == NODE_MAPPING;
        line = hide(explanation, is_mapping ? node->pairs[i].value : node->items[i], line);
    }
    const struct node_stretch *stretch = node->kind == NODE_SCALAR ? node->environment : NULL;
    for (; stretch && stretch->start < stretch->end; stretch++) {
        struct slice value = slice_from(slice_until(node->text, stretch->end), stretch->start);
        if (value.length >= SECRET_MIN)
            line = replace(explanation, line, value, SLICE("${env...}"));
    }
    return line;
}

struct slice explain_next_line(struct explanation *explanation, struct slice *rest)
{
    struct slice line = slice_cut(rest, '\n');
    if (slice_ends_with(line, SLICE("\r")))
        line = slice_until(line, line.length - 1);
    struct slice id = explanation->rehearsal.exchange->id;
    if (rehearsal_made_id(&explanation->rehearsal) && id.length > 0)
        line = replace(explanation, line, id, SLICE("$request_id"));
    for (size_t i = 0; i < explanation->setting_count; i++)
        line = hide(explanation, explanation->settings[i].node, line);
    return line;
}

/* Asked of the rehearsal, for which the exchange got its hedge as in service. */
int64_t explain_hedge_after(const struct explanation *explanation)
{
    const struct exchange *exchange = explanation->rehearsal.exchange;
    bool is_possible =
        exchange->retry && exchange->retry->hedge && exchange->plan->upstream->count > 1;
    return is_possible ? exchange->plan->hedge->after : 0;
}
