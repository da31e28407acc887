#include "stage/hsts.h"

#include "base/assert.h"
#include "conf/setting.h"

#define STRICT_TRANSPORT_SECURITY SLICE("Strict-Transport-Security")

/* ---- how it is written */

struct hsts_mapping {
    int64_t max_age; /* milliseconds, as all durations */
    bool include_subdomains, preload;
};

struct hsts_settings {
    struct slice value; /* of the field; empty: off */
};

#define HSTS_SETTINGS(S)                                                                           \
    S(max_age, DURATION, "365d", 0, (int64_t)3650 * DAY, SCOPE_SITE,                               \
      "How long a client shall keep it in mind; 0s lets it forget.", "365d")                       \
    S(include_subdomains, SWITCH, "off", 0, 0, SCOPE_SITE,                                         \
      "Whether it holds for all names below the host, too.", "on")                                 \
    S(preload, SWITCH, "off", 0, 0, SCOPE_SITE,                                                    \
      "Whether browsers may carry it in a list of theirs, before any visit.", "on")

#define HSTS_RECORD(...) SETTING_ROW(struct hsts_mapping, __VA_ARGS__)
static const struct setting mapping_records[] = {HSTS_SETTINGS(HSTS_RECORD)};

/* What https://hstspreload.org asks for. */
static void check_preload(const void *group, const struct node *node,
                          struct diagnostics *diagnostics)
{
    const struct hsts_mapping *mapping = group;
    if (mapping->preload && (!mapping->include_subdomains || mapping->max_age < (int64_t)365 * DAY))
        diagnostics_warning(diagnostics, node->position,
                            "write include_subdomains: on, and a max_age of 365d or more",
                            "no list takes this host: \"preload\" asks for more");
}

static const struct setting_group mapping_group = {
    .name = "hsts",
    .settings = mapping_records,
    .count = sizeof(mapping_records) / sizeof(mapping_records[0]),
    .size = sizeof(struct hsts_mapping),
    .check = check_preload,
    .summary = "What clients are told.",
};

static struct slice write_value(struct arena *arena, const struct hsts_mapping *mapping)
{
    char memory[80];
    struct text text = text_over(memory, sizeof(memory));
    text_add(&text, SLICE("max-age="));
    text_add_number(&text, (uint64_t)(mapping->max_age / SECOND));
    if (mapping->include_subdomains)
        text_add(&text, SLICE("; includeSubDomains"));
    if (mapping->preload)
        text_add(&text, SLICE("; preload"));
    ASSERT(!text_is_cut(&text));
    return arena_copy(arena, text_slice(&text));
}

static bool read_hsts(struct setting_reader *reader, const struct node *node, void *field)
{
    struct hsts_settings *settings = field;
    struct hsts_mapping mapping;
    settings->value = SLICE("");
    if (node_is_word(node, "off") || node_is_word(node, "false"))
        return true;
    bool is_on = node_is_word(node, "on") || node_is_word(node, "true");
    if (!is_on && node->kind != NODE_MAPPING)
        return setting_refuse(reader, "hsts", "on, off or a mapping", "{max_age: 365d}", node);
    bool good = is_on ? setting_read_defaults(reader, &mapping_group, &mapping)
                      : setting_read_mapping(reader, &mapping_group, node, &mapping);
    if (good)
        settings->value = write_value(reader->arena, &mapping);
    return good && settings->value.data;
}

static const struct setting rows[] = {
    {.name = "hsts",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct hsts_settings, value),
     .size = sizeof(struct slice),
     .standard = "off",
     .read = read_hsts,
     .form = "SWITCH | MAPPING",
     .mapping = &mapping_group,
     .scopes = SCOPE_SITE,
     .summary = "Tells clients that came over TLS to come in no other way from now on: on (for a "
                "year), off, or {max_age, include_subdomains, preload}.",
     .example = "on"},
};

const struct setting_group hsts_group = {
    .name = "",
    .settings = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .size = sizeof(struct hsts_settings),
    .summary = "Strict transport security.",
};

/* ---- the stage */

static bool is_wanted(const void *settings)
{
    return ((const struct hsts_settings *)settings)->value.length > 0;
}

/* Never without TLS (RFC 6797 7.2), and only once, for clients obey the first (8.1). Without memory
 * the response goes without it. */
static void on_response(struct exchange *exchange, const void *settings)
{
    if (!exchange_is_secure(exchange))
        return;
    struct fields *fields = &exchange_response_head(exchange)->fields;
    (void)fields_remove_text(fields, STRICT_TRANSPORT_SECURITY);
    (void)fields_add(fields, exchange_arena(exchange), FIELD_OTHER, STRICT_TRANSPORT_SECURITY,
                     ((const struct hsts_settings *)settings)->value);
}

const struct stage hsts_stage = {
    .name = "hsts",
    .group = &hsts_group,
    .is_wanted = is_wanted,
    .on_response = on_response,
};
