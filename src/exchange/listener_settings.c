/* How `listen` and `trusted_proxies` are written. */
#include "exchange/listener_settings.h"

#include "exchange/plan.h"

static bool read_address(struct setting_reader *reader, const struct node *node, void *field)
{
    if (node->kind == NODE_SCALAR && address_parse(node->text, field))
        return true;
    diagnostics_error(reader->diagnostics, node->position,
                      "write it as :80, 127.0.0.1:8080, \"[::1]:80\" or unix:/run/weir.sock",
                      "this is no address to listen on");
    return false;
}

static const struct setting listener_settings[] = {
    {.name = "address",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct listener_settings, address),
     .size = sizeof(struct address),
     .read = read_address,
     .scopes = SCOPE_LISTENER,
     .single = true,
     .summary = "Where clients connect.",
     .example = "\":8080\""},
};

const struct setting_group listener_group = {
    .name = "",
    .settings = listener_settings,
    .count = sizeof(listener_settings) / sizeof(listener_settings[0]),
    .size = sizeof(struct listener_settings),
    .summary = "An address on which clients connect.",
};

static bool read_ranges(struct setting_reader *reader, const struct node *node, void *field)
{
    return ip_ranges_read(reader, "trusted_proxies", node, field);
}

static const struct setting proxies_settings[] = {
    {.name = "trusted_proxies",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct proxies_settings, trusted),
     .size = sizeof(struct ip_ranges),
     .read = read_ranges,
     .scopes = SCOPE_TOP,
     .summary = "Whose X-Forwarded-For, -Proto, -Host and Forwarded are believed: addresses, "
                "ranges, or `unix` for peers on Unix sockets.",
     .example = "[10.0.0.0/8, unix]"},
};

const struct setting_group proxies_group = {
    .name = "",
    .settings = proxies_settings,
    .count = sizeof(proxies_settings) / sizeof(proxies_settings[0]),
    .size = sizeof(struct proxies_settings),
    .summary = "The proxies in front of Weir.",
};
