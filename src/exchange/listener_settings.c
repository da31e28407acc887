/* How `listen` and `trusted_proxies` are written. */
#include "exchange/listener_settings.h"

#include "exchange/plan.h"

static bool read_address(struct setting_reader *reader, const struct node *node, void *field)
{
    if (node->kind == NODE_SCALAR && address_parse(node->text, field))
        return true;
    struct slice text = node->kind == NODE_SCALAR ? node->text : SLICE("");
    diagnostics_error(reader->diagnostics, node->position,
                      setting_listen_cure(reader->diagnostics, text),
                      "this is no address to listen on");
    return false;
}

static bool read_proxy_protocol(struct setting_reader *reader, const struct node *node, void *field)
{
    struct proxy_protocol_setting *setting = field;
    *setting = (struct proxy_protocol_setting){0};
    setting->required = !node_is_word(node, "off") && !node_is_word(node, "false");
    if (!setting->required || node_is_word(node, "on") || node_is_word(node, "true"))
        return true;
    return ip_ranges_read(reader, "proxy_protocol", node, &setting->from);
}

static bool read_tls(struct setting_reader *reader, const struct node *node, void *field)
{
    bool on = node_is_word(node, "on") || node_is_word(node, "true");
    if (!on && !node_is_word(node, "off") && !node_is_word(node, "false"))
        return setting_refuse(reader, "tls", "on or off (certificates stand in sites)", "on", node);
    *(enum listener_tls *)field = on ? LISTENER_TLS_ON : LISTENER_TLS_OFF;
    return true;
}

static const struct setting listener_settings[] = {
    {.name = "address",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct listener_settings, address),
     .size = sizeof(struct address),
     .read = read_address,
     .form = "ADDRESS",
     .scopes = SCOPE_LISTENER,
     .single = true,
     .summary = "Where clients connect.",
     .example = "\":8080\""},
    {.name = "proxy_protocol",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct listener_settings, proxy_protocol),
     .size = sizeof(struct proxy_protocol_setting),
     .read = read_proxy_protocol,
     .standard = "off",
     .form = "SWITCH | TEXT | [TEXT]",
     .scopes = SCOPE_LISTENER,
     .summary = "Whether each connection begins with a header of the PROXY protocol, version 1 or "
                "2: off, on, or whose connections are taken (addresses, ranges, `unix`).",
     .example = "[10.0.0.0/8]"},
    {.name = "tls",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct listener_settings, tls),
     .size = sizeof(enum listener_tls),
     .read = read_tls,
     .form = "SWITCH",
     .scopes = SCOPE_LISTENER,
     .summary = "Whether TLS is spoken there: on or off; where nothing is said, at port 443.",
     .example = "on"},
    {.name = "http2",
     .type = SETTING_SWITCH,
     .offset = offsetof(struct listener_settings, http2),
     .size = sizeof(bool),
     .standard = "on",
     .scopes = SCOPE_LISTENER,
     .summary = "Whether HTTP/2 is offered to clients that come over TLS.",
     .example = "off"},
    {.name = "h2c",
     .type = SETTING_SWITCH,
     .offset = offsetof(struct listener_settings, h2c),
     .size = sizeof(bool),
     .standard = "off",
     .scopes = SCOPE_LISTENER,
     .summary = "Whether HTTP/2 is spoken, beside HTTP/1, with clients that come without TLS and "
                "begin with it (prior knowledge).",
     .example = "on"},
};

/* Over TLS a client says itself what it speaks. */
static void check_listener(const void *group, const struct node *node,
                           struct diagnostics *diagnostics)
{
    const struct listener_settings *settings = group;
    const struct node *written = node_find(node, SLICE("h2c"));
    if (written && settings->h2c && settings->tls == LISTENER_TLS_ON)
        diagnostics_error(diagnostics, written->position,
                          "leave it away: over TLS, HTTP/2 is offered to everybody",
                          "\"h2c\" is HTTP/2 without TLS, but this address speaks TLS");
}

const struct setting_group listener_group = {
    .name = "",
    .settings = listener_settings,
    .count = sizeof(listener_settings) / sizeof(listener_settings[0]),
    .size = sizeof(struct listener_settings),
    .check = check_listener,
    .summary = "An address on which clients connect.",
};

static bool read_ranges(struct setting_reader *reader, const struct node *node, void *field)
{
    return ip_ranges_read(reader, "trusted_proxies", node, field);
}

/* Then whoever connects may say that he is anybody: for conditions, logs and limits. */
static void warn_of_everybody(const void *group, const struct node *node,
                              struct diagnostics *diagnostics)
{
    const struct ip_ranges *trusted = &((const struct proxies_settings *)group)->trusted;
    const struct node *written = node_find(node, SLICE("trusted_proxies"));
    for (size_t i = 0; written && i < trusted->count; i++) {
        if (trusted->items[i].bits == 0)
            diagnostics_warning(diagnostics, written->position,
                                "name the addresses of the proxies that stand in front",
                                "everybody is believed about which client he is");
    }
}

static const struct setting proxies_settings[] = {
    {.name = "trusted_proxies",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct proxies_settings, trusted),
     .size = sizeof(struct ip_ranges),
     .read = read_ranges,
     .form = "TEXT | [TEXT]",
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
    .check = warn_of_everybody,
    .summary = "The proxies in front of Weir.",
};
