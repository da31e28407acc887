#include "exchange/log_settings.h"

#include "exchange/log_settings_int.h"
#include "obs/syslog.h"

/* ---- what both have */

/* A path that can be opened, or a syslog that can be sent to. */
bool log_check_destination(struct setting_reader *reader, const char *name,
                           const struct node *mapping, struct slice to)
{
    const struct node *node = node_find(mapping, SLICE("to"));
    struct position position = node ? node->position : mapping->position;
    struct address address;
    bool is_good = to.length > 0 && slice_find(to, '\0') == to.length;
    if (is_good && (!syslog_is_meant(to) || syslog_address(to, &address)))
        return true;
    if (is_good)
        diagnostics_error(reader->diagnostics, position,
                          "write syslog, \"syslog:unix:/path\" or \"syslog:127.0.0.1:514\" with an "
                          "address and a port",
                          "\"%.*s\" is no address of a syslog", SHOWN(to));
    else
        diagnostics_error(reader->diagnostics, position,
                          "write to: and a file, stdout, stderr or syslog",
                          "the %s log does not say where to", name);
    return false;
}

struct position log_position_of(const struct node *mapping, const char *key)
{
    const struct node *node = node_find(mapping, slice_from_text(key));
    return node ? node->position : mapping->position;
}

/* ---- error */

struct error_mapping {
    int level;
    struct slice to;
};

static const struct setting error_rows[] = {
    {.name = "to",
     .type = SETTING_TEXT,
     .offset = offsetof(struct error_mapping, to),
     .size = sizeof(struct slice),
     .standard = "stderr",
     .summary = "A file, which is appended to, `stdout`, `stderr` or a `syslog`.",
     .example = "/var/log/weir/error.log"},
    {.name = "level",
     .type = SETTING_CHOICE,
     .offset = offsetof(struct error_mapping, level),
     .size = sizeof(int),
     .standard = "notice",
     .choices = log_level_names,
     .summary = "Up to which level is told: `error`, `warning`, `notice` or `debug`.",
     .example = "warning"},
};

static const struct setting_group error_group = {
    .name = "error",
    .settings = error_rows,
    .count = sizeof(error_rows) / sizeof(error_rows[0]),
    .size = sizeof(struct error_mapping),
    .summary = "What goes wrong.",
};

static bool read_error(struct setting_reader *reader, const struct node *node, void *field)
{
    struct error_mapping mapping;
    if (node->kind != NODE_MAPPING)
        return setting_refuse(reader, "error", "a mapping", "{to: stderr, level: warning}", node);
    if (!setting_read_mapping(reader, &error_group, node, &mapping) ||
        !log_check_destination(reader, "error", node, mapping.to))
        return false;
    *(struct error_setting *)field =
        (struct error_setting){.to = mapping.to,
                               .level = (enum log_level)mapping.level,
                               .position = log_position_of(node, "to")};
    return true;
}

struct slice error_setting_to(const struct error_setting *setting)
{
    return setting->to.length ? setting->to : SLICE("stderr");
}

enum log_level error_setting_level(const struct error_setting *setting)
{
    return setting->to.length ? setting->level : LOG_NOTICE;
}

/* ---- the group */

static const struct setting log_rows[] = {
    {.name = "access",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct log_settings, access),
     .size = sizeof(struct access_setting),
     .read = access_setting_read,
     .standard = "off",
     .form = "off | MAPPING",
     .mapping = &access_setting_group,
     .scopes = SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE,
     .summary =
         "A line for each exchange: off, or {format, to, sample, when, hide_query, secrets}.",
     .example = "{format: combined, to: /var/log/weir/access.log}"},
    {.name = "error",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct log_settings, error),
     .size = sizeof(struct error_setting),
     .read = read_error,
     .form = "MAPPING",
     .mapping = &error_group,
     .scopes = SCOPE_TOP,
     .summary = "What goes wrong: {to, level}; otherwise to stderr, at level notice.",
     .example = "{to: /var/log/weir/error.log, level: warning}"},
};

const struct setting_group log_group = {
    .name = "log",
    .settings = log_rows,
    .count = sizeof(log_rows) / sizeof(log_rows[0]),
    .size = sizeof(struct log_settings),
    .summary = "The logs.",
};
