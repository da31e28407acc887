#include "exchange/split_settings.h"

#include "base/arena.h"
#include "http/byte_class.h"
#include "http/field_syntax.h"
#include "policy/split.h"

/* ---- split */

#define EXAMPLE "{stable: 90%, canary: 10%}"

bool split_read_share(struct slice text, uint32_t *ret_share)
{
    if (!slice_ends_with(text, SLICE("%")))
        return false;
    struct slice fraction = slice_until(text, text.length - 1);
    struct slice whole = slice_cut(&fraction, '.');
    bool has_fraction = whole.length + 1 < text.length;
    uint64_t percent = 0, hundredths = 0;
    if (!slice_to_number(whole, 100, &percent) || fraction.length > 2 ||
        (has_fraction && !slice_to_number(fraction, 99, &hundredths)))
        return false;
    *ret_share = (uint32_t)(percent * 100 + hundredths * (fraction.length == 1 ? 10 : 1));
    return *ret_share <= SPLIT_WHOLE;
}

static bool read_variant(struct setting_reader *reader, const struct node_pair *pair,
                         struct split_variant *variant)
{
    *variant = (struct split_variant){.upstream = pair->key, .position = pair->key_position};
    if (pair->value->kind == NODE_SCALAR && split_read_share(pair->value->text, &variant->share))
        return true;
    diagnostics_error(reader->diagnostics, pair->value->position,
                      "write it as 10% or 0.25%, at most 100%", "this is no share of a split");
    return false;
}

static bool check_sum(struct setting_reader *reader, const struct node *node,
                      const struct split_setting *split)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < split->count; i++)
        sum += split->variants[i].share;
    if (sum == SPLIT_WHOLE)
        return true;
    diagnostics_error(reader->diagnostics, node->position, "let the shares add up to 100%",
                      "the shares of the split add up to %u.%02u%%", sum / 100, sum % 100);
    return false;
}

bool split_read(struct setting_reader *reader, const struct node *node, void *field)
{
    struct split_setting *split = field;
    *split = (struct split_setting){0};
    if (node->kind != NODE_MAPPING)
        return setting_refuse(reader, "split", "a mapping", EXAMPLE, node);
    if (node->count == 0 || node->count > SPLIT_VARIANTS_MAX) {
        diagnostics_error(reader->diagnostics, node->position, "for example \"split: " EXAMPLE "\"",
                          "a split has between 1 and %d upstreams", SPLIT_VARIANTS_MAX);
        return false;
    }
    split->variants = ARENA_ARRAY(reader->arena, struct split_variant, (size_t)node->count);
    bool good = split->variants != NULL;
    for (uint32_t i = 0; split->variants && i < node->count; i++)
        good &= read_variant(reader, &node->pairs[i], &split->variants[i]);
    split->count = good ? node->count : 0;
    return good && check_sum(reader, node, split);
}

/* ---- variants */

#define TEXT_ROW(field, summary_, example_)                                                        \
    {                                                                                              \
        .name = #field, .type = SETTING_TEXT, .offset = offsetof(struct variants_settings, field), \
        .size = sizeof(struct slice), .scopes = SCOPE_SITE | SCOPE_ROUTE, .summary = summary_,     \
        .example = example_                                                                        \
    }

static const struct setting rows[] = {
    ASSIGNMENT_RECORDS(struct variants_settings, SCOPE_SITE | SCOPE_ROUTE, "weir_variant",
                       "The cookie that Weir sets and by which it knows to which variant a "
                       "visitor belongs."),
    {.name = "by",
     .type = SETTING_TEMPLATE,
     .offset = offsetof(struct variants_settings, by),
     .size = sizeof(const struct template *),
     .phase = TEMPLATE_REQUEST,
     .scopes = SCOPE_SITE | SCOPE_ROUTE,
     .summary = "In the place of a cookie: requests of which this is the same get one variant.",
     .example = "$cookie.user"},
    TEXT_ROW(force_header,
             "A field of the request that names a variant, which is then taken: for testers.",
             "X-Force-Variant"),
    TEXT_ROW(force_query,
             "A parameter of the query that names a variant, which is then taken: for testers.",
             "variant"),
    TEXT_ROW(tell, "The field of the request in which the server is told the variant.",
             "X-Variant"),
};

static void check_field(const struct node *node, const char *name, struct slice value,
                        bool is_settable, struct diagnostics *diagnostics)
{
    const struct node *written = node_find(node, slice_from_text(name));
    if (value.length == 0 || !written || is_settable)
        return;
    diagnostics_error(diagnostics, written->position, "write it as X-Variant",
                      "\"%.*s\" can be no field for a variant", SHOWN(value));
}

static void check(const void *group, const struct node *node, struct diagnostics *diagnostics)
{
    const struct variants_settings *own = group;
    const struct node *by = node_find(node, SLICE("by"));
    const struct node *cookie = node_find(node, SLICE("cookie"));
    struct slice text;
    assignment_check(&own->assignment, node, diagnostics);
    check_field(node, "tell", own->tell, field_name_is_settable(own->tell), diagnostics);
    check_field(node, "force_header", own->force_header, bytes_are(own->force_header, BYTE_TOKEN),
                diagnostics);
    if (own->assignment.cookie.length == 0 && !own->by)
        diagnostics_error(diagnostics, cookie ? cookie->position : node->position,
                          "write letters, digits, - and _, as in weir_variant",
                          "no cookie can have this name");
    if (by && own->by && template_is_constant(own->by, &text))
        diagnostics_error(diagnostics, by->position, "write what differs: $client_ip, $cookie.user",
                          "a text without variables gives everybody the same variant");
    if (by && own->by && template_names(own->by, "variant"))
        diagnostics_error(diagnostics, by->position, "write what differs: $client_ip, $cookie.user",
                          "$variant is what \"by\" decides, and cannot stand in it");
}

const struct setting_group variants_group = {
    .name = "variants",
    .settings = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .size = sizeof(struct variants_settings),
    .check = check,
    .summary = "How visitors are given to the variants of a split, and who is told of it.",
};
