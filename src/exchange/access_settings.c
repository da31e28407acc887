#include "exchange/access_settings.h"

#include "base/arena.h"
#include "exchange/access_settings_int.h"
#include "exchange/log_settings_int.h"

#define EXAMPLE        "{format: combined, to: /var/log/weir/access.log}"
#define FORMAT_EXAMPLE "\"$client_ip $method $target $status $time.total\""

enum { SECRETS_HIDDEN, SECRETS_SHOWN };

/* ---- format */

static const char *const formats[] = {"common", "combined", "json", NULL};

static bool read_field(struct setting_reader *reader, const struct node_pair *pair,
                       struct access_field *field)
{
    if (pair->value->kind != NODE_SCALAR)
        return setting_refuse(reader, "json", "a text for each key", "{status: $status}",
                              pair->value);
    if (pair->key.length == 0 || pair->key.length > ACCESS_KEY_MAX) {
        diagnostics_error(reader->diagnostics, pair->key_position, NULL, "a key has 1 to %d bytes",
                          ACCESS_KEY_MAX);
        return false;
    }
    field->key = pair->key;
    field->value = template_compile(pair->value, TEMPLATE_END, 0, reader->variables, reader->arena,
                                    reader->diagnostics);
    return field->value != NULL;
}

static bool read_fields(struct setting_reader *reader, const struct node *node,
                        struct access_format_setting *format)
{
    const struct node *json = node_find(node, SLICE("json"));
    if (!json || node->count != 1 || json->kind != NODE_MAPPING || json->count == 0 ||
        json->count > ACCESS_FIELDS_MAX) {
        diagnostics_error(reader->diagnostics, node->position,
                          "for example \"format: {json: {client: $client_ip, status: $status}}\"",
                          "a format of one's own is a text, or json: with 1 to %d keys",
                          ACCESS_FIELDS_MAX);
        return false;
    }
    struct access_field *fields = ARENA_ARRAY(reader->arena, struct access_field, json->count);
    bool good = fields != NULL;
    for (uint32_t i = 0; fields && i < json->count; i++)
        good &= read_field(reader, &json->pairs[i], &fields[i]);
    *format = (struct access_format_setting){
        .kind = ACCESS_FIELDS, .fields = fields, .field_count = json->count};
    return good;
}

static bool read_text_format(struct setting_reader *reader, const struct node *node,
                             struct access_format_setting *format)
{
    struct slice constant;
    format->kind = ACCESS_TEXT;
    format->text = template_compile(node, TEMPLATE_END, 0, reader->variables, reader->arena,
                                    reader->diagnostics);
    if (!format->text || !template_is_constant(format->text, &constant))
        return format->text != NULL;
    const char *meant = did_you_mean(node->text, formats, 3);
    diagnostics_error(reader->diagnostics, node->position,
                      meant ? diagnostics_text(reader->diagnostics, "did you mean \"%s\"?", meant)
                            : "for example \"format: " FORMAT_EXAMPLE "\"",
                      "\"format\" is common, combined, json or a text with variables, not \"%.*s\"",
                      SHOWN(node->text));
    return false;
}

static bool read_format(struct setting_reader *reader, const struct node *node, void *field)
{
    static const enum access_format kinds[] = {ACCESS_COMMON, ACCESS_COMBINED, ACCESS_JSON};
    struct access_format_setting *format = field;
    *format = (struct access_format_setting){0};
    if (node->kind == NODE_MAPPING)
        return read_fields(reader, node, format);
    if (node->kind != NODE_SCALAR || node_is_nothing(node))
        return setting_refuse(reader, "format", "common, combined, json or a text with variables",
                              FORMAT_EXAMPLE, node);
    for (size_t i = 0; formats[i]; i++) {
        if (slice_equal(node->text, slice_from_text(formats[i])))
            format->kind = kinds[i];
    }
    return format->kind != ACCESS_OFF || read_text_format(reader, node, format);
}

/* ---- hide_query */

static bool read_hidden(struct setting_reader *reader, const struct node *node, void *field)
{
    struct hidden_names *hidden = field;
    struct slice *names = NULL;
    size_t count = 0;
    *hidden = (struct hidden_names){0};
    if (node_is_word(node, "off"))
        return true;
    if (!setting_read_texts(reader, "hide_query", "[token, password]", node, &names, &count))
        return false;
    *hidden = (struct hidden_names){.items = names, .count = (uint32_t)count};
    return true;
}

/* ---- the mapping */

static const char *const secrets_choices[] = {"hidden", "shown", NULL};

static const struct setting access_rows[] = {
    {.name = "format",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct access_setting, format),
     .size = sizeof(struct access_format_setting),
     .read = read_format,
     .form = "common | combined | json | TEMPLATE | {json: {*: TEMPLATE}}",
     .phase = TEMPLATE_END,
     .summary = "How a line looks: `common`, `combined` (the default), `json`, a text with "
                "variables, or `{json: {KEY: text with variables}}`.",
     .example = "json"},
    {.name = "to",
     .type = SETTING_TEXT,
     .offset = offsetof(struct access_setting, to),
     .size = sizeof(struct slice),
     .summary = "A file, which is appended to, `stdout`, `stderr` or a `syslog`.",
     .example = "/var/log/weir/access.log"},
    {.name = "sample",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct access_setting, sample),
     .size = sizeof(uint64_t),
     .read = access_read_sample,
     .form = "off | PERCENT",
     .summary = "Which share of the exchanges has a line, chosen by their ids; what failed with "
                "5xx always has one.",
     .example = "10%"},
    {.name = "when",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct access_setting, when),
     .size = sizeof(const struct access_when *),
     .read = access_read_when,
     .form = "off | MAPPING | [MAPPING]",
     .mapping = &access_when_group,
     .summary = "Only exchanges that ended like this; of a list, like one of these.",
     .example = "{status: [5xx, 404]}"},
    {.name = "hide_query",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct access_setting, hidden),
     .size = sizeof(struct hidden_names),
     .read = read_hidden,
     .form = "off | TEXT | [TEXT]",
     .summary = "Parameters of a query whose values are not written down; otherwise token, "
                "password and their like.",
     .example = "[token, password, session]"},
    {.name = "secrets",
     .type = SETTING_CHOICE,
     .offset = offsetof(struct access_setting, secrets),
     .size = sizeof(int),
     .standard = "hidden",
     .choices = secrets_choices,
     .summary = "Whether a format may name fields and cookies that are secrets: `hidden` or "
                "`shown`.",
     .example = "shown"},
};

const struct setting_group access_setting_group = {
    .name = "access",
    .settings = access_rows,
    .count = sizeof(access_rows) / sizeof(access_rows[0]),
    .size = sizeof(struct access_setting),
    .summary = "A line for each exchange.",
};

/* ---- secrets */

static bool is_secret(const struct template_part *part)
{
    static const char *const fields[] = {"authorization", "cookie", "proxy-authorization",
                                         "set-cookie"};
    if (!part->variable)
        return false;
    struct slice name = slice_from_text(part->variable->name);
    if (slice_equal(name, SLICE("cookie.")))
        return true;
    bool is_field = slice_ends_with(name, SLICE(".header."));
    for (size_t i = 0; is_field && i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (slice_equal_fold(part->text, slice_from_text(fields[i])))
            return true;
    }
    return false;
}

static bool refuse_secrets(struct setting_reader *reader, const struct template *template,
                           struct position position)
{
    for (uint32_t i = 0; i < template_part_count(template); i++) {
        struct template_part part = template_part(template, i);
        if (!is_secret(&part))
            continue;
        diagnostics_error(reader->diagnostics, position,
                          "leave it away, or write secrets: shown beside the format",
                          "$%s%.*s would write a secret into the log", part.variable->name,
                          SHOWN(part.text));
        return false;
    }
    return true;
}

static bool check_secrets(struct setting_reader *reader, const struct node *node,
                          const struct access_setting *setting)
{
    struct position position = log_position_of(node, "format");
    bool good = true;
    if (setting->secrets == SECRETS_SHOWN)
        return true;
    if (setting->format.text)
        good = refuse_secrets(reader, setting->format.text, position);
    for (uint32_t i = 0; i < setting->format.field_count; i++)
        good &= refuse_secrets(reader, setting->format.fields[i].value, position);
    return good;
}

/* ---- */

static bool is_written(const struct node *node, const char *key)
{
    return node_find(node, slice_from_text(key)) != NULL;
}

static void inherit(const struct node *node, const struct access_setting *around,
                    struct access_setting *setting)
{
    if (!is_written(node, "format"))
        setting->format = around->format;
    if (!is_written(node, "to")) {
        setting->to = around->to;
        setting->position = around->position;
    }
    if (!is_written(node, "sample"))
        setting->sample = around->sample;
    if (!is_written(node, "when"))
        setting->when = around->when;
    if (!is_written(node, "hide_query"))
        setting->hidden = around->hidden;
    if (!is_written(node, "secrets"))
        setting->secrets = around->secrets;
}

static bool read_mapping(struct setting_reader *reader, const struct node *node,
                         struct access_setting *ret_setting)
{
    static const struct access_setting standard = {.format = {.kind = ACCESS_COMBINED},
                                                   .sample = ACCESS_SAMPLE_ALL};
    const struct access_setting *around = reader->inherited;
    struct access_setting setting, first = standard;
    first.hidden = hidden_names_standard;
    first.position = log_position_of(node, "to");
    if (!setting_read_mapping(reader, &access_setting_group, node, &setting))
        return false;
    setting.position = first.position;
    inherit(node, around && around->format.kind != ACCESS_OFF ? around : &first, &setting);
    if (!log_check_destination(reader, "access", node, setting.to) ||
        !check_secrets(reader, node, &setting))
        return false;
    *ret_setting = setting;
    return true;
}

bool access_setting_read(struct setting_reader *reader, const struct node *node, void *field)
{
    struct access_setting *setting = field;
    if (node_is_word(node, "off")) {
        *setting = (struct access_setting){.format = {.kind = ACCESS_OFF}};
        return true;
    }
    if (node->kind == NODE_MAPPING)
        return read_mapping(reader, node, setting);
    return setting_refuse(reader, "access", "off or a mapping", EXAMPLE, node);
}
