#include "exchange/split.h"

#include "base/assert.h"
#include "exchange/exchange.h"
#include "http/query.h"

/* ---- compiling */

/* Variants by their names, so that visitors keep theirs while shares and lines change. */
static const struct assignment *make_assignment(struct arena *arena,
                                                const struct split_setting *setting,
                                                const struct variants_settings *settings,
                                                const struct tls_mac *key)
{
    struct assignment *assignment = assignment_new(arena, &settings->assignment, key,
                                                   SLICE("variant"), SLICE(""), setting->count);
    bool good = assignment != NULL;
    for (uint32_t i = 0; good && i < setting->count; i++)
        good = assignment_add(assignment, setting->variants[i].upstream);
    return good ? assignment : NULL;
}

struct split *split_new(struct arena *arena, const struct split_setting *setting,
                        const struct variants_settings *settings, const struct tls_mac *key,
                        struct diagnostics *diagnostics)
{
    ASSERT(setting->count > 0 && setting->count <= SPLIT_VARIANTS_MAX);
    struct split *split = ARENA_NEW(arena, struct split);
    if (!split || !assignment_check_secret(&settings->assignment, diagnostics))
        return NULL;
    split->settings = settings;
    split->count = setting->count;
    for (uint32_t i = 0; i < setting->count; i++)
        split->shares[i] = (struct split_share){split_seed(setting->variants[i].upstream),
                                                setting->variants[i].share};
    if (settings->by)
        return split;
    split->assignment = make_assignment(arena, setting, settings, key);
    return split->assignment ? split : NULL;
}

/* ---- deciding */

static int find_variant(const struct split *split, struct slice name)
{
    for (uint32_t i = 0; i < split->count; i++) {
        if (slice_equal(split->plans[i]->upstream->name, name))
            return (int)i;
    }
    return -1;
}

/* The first field of that name that names a variant. */
static int forced_by_header(const struct split *split, const struct fields *fields)
{
    struct slice name = split->settings->force_header;
    int variant = -1;
    for (uint32_t i = 0; name.length > 0 && variant < 0 && i < fields->count; i++) {
        if (slice_equal_fold(fields->items[i].name, name))
            variant = find_variant(split, fields->items[i].value);
    }
    return variant;
}

static int forced_by_query(const struct split *split, struct slice query)
{
    struct slice value;
    bool found = split->settings->force_query.length > 0 &&
                 query_find(query, split->settings->force_query, &value);
    return found ? find_variant(split, value) : -1;
}

/* A cookie of a variant to which nobody goes any more is none. */
static int named_by_cookie(const struct split *split, const struct fields *fields)
{
    int variant = split->assignment ? assignment_find(split->assignment, fields) : -1;
    return variant >= 0 && split->shares[variant].share > 0 ? variant : -1;
}

static uint64_t hash_address(const struct ip *ip)
{
    char memory[ADDRESS_TEXT_MAX];
    struct text text = text_over(memory, sizeof(memory));
    ip_print(&text, ip);
    return slice_hash(text_slice(&text), 0);
}

/* What is the visitor's own, or by chance. */
static uint64_t visitor_of(struct exchange *exchange, const struct split *split,
                           enum split_reason *ret_reason)
{
    if (!split->settings->by) {
        *ret_reason = SPLIT_DRAWN;
        return loop_chance(exchange->context->loop);
    }
    struct slice key = exchange_expand(exchange, split->settings->by);
    *ret_reason = key.length > 0 ? SPLIT_BY_KEY : SPLIT_BY_ADDRESS;
    return key.length > 0 ? slice_hash(key, 0) : hash_address(&exchange->client);
}

static uint32_t choose(struct exchange *exchange, const struct split *split,
                       enum split_reason *ret_reason)
{
    const struct request_head *request = &exchange->request;
    int variant = forced_by_header(split, &request->fields);
    *ret_reason = SPLIT_FORCED_BY_HEADER;
    if (variant >= 0)
        return (uint32_t)variant;
    variant = forced_by_query(split, request->query);
    *ret_reason = SPLIT_FORCED_BY_QUERY;
    if (variant >= 0)
        return (uint32_t)variant;
    variant = named_by_cookie(split, &request->fields);
    *ret_reason = SPLIT_BY_COOKIE;
    if (variant >= 0)
        return (uint32_t)variant;
    return split_choose(split->shares, split->count, visitor_of(exchange, split, ret_reason));
}

void split_decide(struct exchange *exchange)
{
    if (!exchange->plan || !exchange->plan->is_split)
        return;
    const struct split *split = exchange->plan->split;
    uint32_t variant = choose(exchange, split, &exchange->split_reason);
    exchange->plan = split->plans[variant];
    exchange->counts = split->counts[variant];
    ASSERT(exchange->plan->split == split && !exchange->plan->is_split);
    bool is_drawn = exchange->split_reason == SPLIT_DRAWN;
    if (split->assignment && (is_drawn || exchange->split_reason == SPLIT_FORCED_BY_QUERY))
        exchange->assigned |= ASSIGNED_VARIANT;
}

struct slice split_variant(struct exchange *exchange)
{
    split_decide(exchange);
    bool has_one = exchange->plan && exchange->plan->split;
    return has_one ? exchange->plan->upstream->name : SLICE("");
}

/* ---- the action */

/* What a client says of its variant is not believed. */
static bool tell_server(struct exchange *exchange, struct slice name)
{
    struct fields *fields = &exchange->request.fields;
    (void)fields_remove_text(fields, name);
    return fields_add(fields, &exchange->arena, field_name_find(name), name,
                      split_variant(exchange));
}

void split_clean_trailers(struct exchange *exchange)
{
    const struct split *split = exchange->plan->split;
    if (split && split->settings->tell.length > 0)
        (void)fields_remove_text(&exchange->request_trailers, split->settings->tell);
}

static void start_split(struct exchange *exchange, const struct plan *plan)
{
    ASSERT(plan->split);
    split_decide(exchange);
    struct slice tell = exchange->plan->split->settings->tell;
    if (tell.length > 0 && !tell_server(exchange, tell))
        exchange_refuse(exchange, ERROR_OUT_OF_MEMORY);
    else
        proxy_action.start(exchange, exchange->plan);
}

const struct action split_action = {.name = "split", .start = start_split};

void split_answer(struct exchange *exchange)
{
    const struct split *split = exchange->plan ? exchange->plan->split : NULL;
    if (!split || exchange->plan->is_split)
        return; /* the request was refused after it was decided */
    uint32_t variant = 0;
    while (split->plans[variant] != exchange->plan)
        variant++;
    exchange_set_assignment(exchange, split->assignment, variant);
}
