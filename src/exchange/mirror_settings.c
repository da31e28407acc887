#include "exchange/mirror.h"

#include "exchange/split_settings.h"
#include "policy/split.h"

static bool read_to(struct setting_reader *reader, const struct node *node, void *field)
{
    struct proxy_setting *to = field;
    *to = (struct proxy_setting){.position = node->position};
    return node_is_word(node, "off") || proxy_read(reader, node, field);
}

static bool read_share(struct setting_reader *reader, const struct node *node, void *field)
{
    if (node->kind == NODE_SCALAR && split_read_share(node->text, field))
        return true;
    diagnostics_error(reader->diagnostics, node->position, "write it as 10% or 0.25%, at most 100%",
                      "this is no share of the requests");
    return false;
}

#define MIRROR_RECORD(...) SETTING_ROW(struct mirror_settings, __VA_ARGS__)
static const struct setting settings[] = {
    {.name = "to",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct mirror_settings, to),
     .size = sizeof(struct proxy_setting),
     .standard = "off",
     .read = read_to,
     .form = "off | " SERVER_LIST_FORM,
     .scopes = MIRROR_SCOPES,
     .summary = "Who gets copies of the requests: the name of an upstream, an address or a list of "
                "them; off: nobody.",
     .example = "shadow"},
    {.name = "share",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct mirror_settings, share),
     .size = sizeof(uint32_t),
     .standard = "100%",
     .read = read_share,
     .form = "PERCENT",
     .scopes = MIRROR_SCOPES,
     .summary = "How many of the requests are copied, by chance.",
     .example = "5%"},
    MIRROR_SETTINGS(MIRROR_RECORD)};

static void check_mirror(const void *group, const struct node *node,
                         struct diagnostics *diagnostics)
{
    const struct mirror_settings *own = group;
    if (node_find(node, SLICE("to")) || own->to.servers.count > 0 || own->to.upstream.length > 0)
        return;
    diagnostics_warning(diagnostics, node->position, "add to: and the name of an upstream",
                        "\"mirror\" does not say who gets the copies");
}

const struct setting_group mirror_group = {
    .name = "mirror",
    .settings = settings,
    .count = sizeof(settings) / sizeof(settings[0]),
    .size = sizeof(struct mirror_settings),
    .summary = "Copies requests to another upstream, whose answers are thrown away.",
    .check = check_mirror,
};
