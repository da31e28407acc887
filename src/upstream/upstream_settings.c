/* How `servers:` and `balance:` are written. */
#include "base/arena.h"
#include "base/map.h"
#include "policy/rendezvous.h"
#include "tls/tls_server_settings.h"
#include "upstream/upstream.h"
#include "wire/h2.h"

enum {
    WEIGHT_MAX = 1000,
    MAX_CONNECTIONS_MAX = 1000 * 1000,
    STREAM_WINDOW_MAX = 16 * 1024 * 1024,
};

static bool read_address(struct setting_reader *reader, const struct node *node,
                         struct server_setting *server)
{
    const char *wrong = NULL, *cure = NULL;
    server->position = node->position;
    if (node->kind != NODE_SCALAR) {
        diagnostics_error(reader->diagnostics, node->position,
                          "write it as 10.0.0.1:8080 or {address: 10.0.0.1:8080, weight: 3}",
                          "a server is an address, not %s", node_kind_words(node));
        return false;
    }
    const char *hidden = setting_hidden_cure(node);
    if (hidden) {
        diagnostics_error(reader->diagnostics, node->position, hidden, "a server has no address");
        return false;
    }
    if (server_place_parse(node->text, reader->arena, &server->place, &wrong, &cure))
        return true;
    const char *list = setting_list_cure(reader->diagnostics, node->text);
    diagnostics_error(reader->diagnostics, node->position, list ? list : cure, "%s: \"%.*s\"",
                      wrong, (int)node->text.length, node->text.data);
    return false;
}

/* The key of a followed line is the question: `dns:` or `srv:`, and the place as it would be
 * without (of a service without the port). */
static bool set_followed_key(struct arena *arena, struct server_setting *server)
{
    struct slice key = server->place.key;
    if (server->is_service) {
        key = slice_until(key, slice_find_last(key, ':'));
        server->place.port = 0;
    }
    struct slice parts[] = {server->is_service ? SLICE("dns:srv:") : SLICE("dns:"), key};
    server->place.key = arena_join(arena, parts, 2);
    server->is_followed = true;
    return server->place.key.data != NULL;
}

/* Whether a port is written behind the name. */
static bool has_port(struct slice text)
{
    size_t scheme = slice_find(text, '/');
    return slice_find_last(text, ':') > scheme ||
           (scheme == text.length && slice_find(text, ':') < text.length);
}

static bool read_name(struct setting_reader *reader, const struct node *node,
                      struct server_setting *server)
{
    static const char name_cure[] = "write dns: app.internal:3000, or dns: https://app.internal";
    const char *wrong = NULL, *cure = NULL;
    server->position = node->position;
    if (node->kind != NODE_SCALAR) {
        diagnostics_error(reader->diagnostics, node->position, name_cure,
                          "what is followed is a name, not %s", node_kind_words(node));
        return false;
    }
    if (!server_place_parse(node->text, reader->arena, &server->place, &wrong, &cure)) {
        diagnostics_error(reader->diagnostics, node->position, cure, "%s: \"%.*s\"", wrong,
                          SHOWN(node->text));
        return false;
    }
    if (slice_is_empty(server->place.host)) {
        diagnostics_error(reader->diagnostics, node->position,
                          "write it as a text, or as address: 10.0.0.1:8080",
                          "an address is not followed: \"%.*s\"", SHOWN(node->text));
        return false;
    }
    if (server->is_service && has_port(node->text)) {
        diagnostics_error(reader->diagnostics, node->position,
                          "write srv: off to follow its addresses, or leave the port away",
                          "the port comes from the SRV records: \"%.*s\"", SHOWN(node->text));
        return false;
    }
    return set_followed_key(reader->arena, server);
}

static bool read_weight(struct setting_reader *reader, const struct node *node,
                        struct server_setting *server)
{
    uint64_t weight = 0;
    if (node->kind == NODE_SCALAR && slice_to_number(node->text, WEIGHT_MAX, &weight) &&
        weight > 0) {
        server->weight = (int64_t)weight;
        return true;
    }
    diagnostics_error(reader->diagnostics, node->position, "write a number from 1 to 1000",
                      "this is no weight");
    return false;
}

static const struct setting backup_setting = {
    .name = "backup", .type = SETTING_SWITCH, .size = sizeof(bool)};
static const struct setting srv_setting = {
    .name = "srv", .type = SETTING_SWITCH, .size = sizeof(bool)};
static const struct setting priority_setting = {.name = "priority",
                                                .type = SETTING_NUMBER,
                                                .size = sizeof(int64_t),
                                                .min = 1,
                                                .max = PRIORITY_BACKUP,
                                                .example = "2"};
static const struct setting max_connections_setting = {.name = "max_connections",
                                                       .type = SETTING_NUMBER,
                                                       .size = sizeof(int64_t),
                                                       .min = 1,
                                                       .max = MAX_CONNECTIONS_MAX,
                                                       .example = "50"};

static bool read_backup(struct setting_reader *reader, const struct node *node,
                        struct server_setting *server)
{
    bool is_backup = false;
    if (!setting_read(reader, &backup_setting, node, &is_backup))
        return false;
    if (is_backup)
        server->priority = PRIORITY_BACKUP;
    return true;
}

static bool report_unknown(struct setting_reader *reader, const struct node_pair *pair)
{
    static const char *const keys[] = {
        "address", "dns", "srv", "weight", "priority", "backup", "max_connections"};
    const char *near = did_you_mean(pair->key, keys, sizeof(keys) / sizeof(keys[0]));
    if (!near && node_is_braced_address(pair)) {
        setting_refuse_braced(reader->diagnostics, pair);
        return false;
    }
    diagnostics_error(reader->diagnostics, pair->key_position,
                      near ? diagnostics_text(reader->diagnostics, "did you mean \"%s\"?", near)
                           : "a server has: address or dns, srv, weight, priority, backup, "
                             "max_connections",
                      "unknown key \"%.*s\"", (int)pair->key.length, pair->key.data);
    return false;
}

static bool read_pair(struct setting_reader *reader, const struct node_pair *pair,
                      struct server_setting *server)
{
    if (slice_equal(pair->key, SLICE("address")))
        return read_address(reader, pair->value, server);
    if (slice_equal(pair->key, SLICE("dns")) || slice_equal(pair->key, SLICE("srv")))
        return true; /* read_followed has both */
    if (slice_equal(pair->key, SLICE("weight")))
        return read_weight(reader, pair->value, server);
    if (slice_equal(pair->key, SLICE("backup")))
        return read_backup(reader, pair->value, server);
    if (slice_equal(pair->key, SLICE("priority")))
        return setting_read(reader, &priority_setting, pair->value, &server->priority);
    if (slice_equal(pair->key, SLICE("max_connections")))
        return setting_read(reader, &max_connections_setting, pair->value,
                            &server->max_connections);
    return report_unknown(reader, pair);
}

/* What SRV records say by themselves. */
static bool refuse_beside_service(struct setting_reader *reader, const struct node *node)
{
    static const char *const names[] = {"weight", "priority", "backup"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct node *written = node_find(node, slice_from_text(names[i]));
        if (!written)
            continue;
        diagnostics_error(reader->diagnostics, written->position,
                          "take it out; SRV records have a weight and a priority each",
                          "\"%s\" stands beside srv", names[i]);
        return false;
    }
    return true;
}

/* `dns` and `srv`, which say together what is looked up. */
static bool read_followed(struct setting_reader *reader, const struct node *node,
                          struct server_setting *server)
{
    const struct node *name = node_find(node, SLICE("dns"));
    const struct node *srv = node_find(node, SLICE("srv"));
    if (srv && !setting_read(reader, &srv_setting, srv, &server->is_service))
        return false;
    if (srv && !name) {
        diagnostics_error(reader->diagnostics, srv->position,
                          "write {dns: _http._tcp.app.internal, srv: on}",
                          "\"srv\" is for a name that is followed");
        return false;
    }
    if (name && node_find(node, SLICE("address"))) {
        diagnostics_error(reader->diagnostics, name->position,
                          "write one of them; dns is for a name that is followed",
                          "the server has both an address and dns");
        return false;
    }
    if (server->is_service && !refuse_beside_service(reader, node))
        return false;
    return !name || read_name(reader, name, server);
}

static bool read_mapping(struct setting_reader *reader, const struct node *node,
                         struct server_setting *server)
{
    bool good = read_followed(reader, node, server);
    for (uint32_t i = 0; i < node->count; i++)
        good &= read_pair(reader, &node->pairs[i], server);
    const struct node *priority = node_find(node, SLICE("priority"));
    if (priority && node_find(node, SLICE("backup"))) {
        diagnostics_error(reader->diagnostics, priority->position,
                          "write one of them; backup: on is priority: 100",
                          "the server has both a priority and backup");
        good = false;
    }
    if (node_find(node, SLICE("address")) || node_find(node, SLICE("dns")) ||
        node_find(node, SLICE("srv")))
        return good;
    if (node->count > 0 && node_is_braced_address(&node->pairs[0]))
        return false; /* that was told */
    diagnostics_error(reader->diagnostics, node->position, "add address: 10.0.0.1:8080",
                      "the server has no address");
    return false;
}

static bool read_server(struct setting_reader *reader, const struct node *node,
                        struct server_setting *server)
{
    *server = (struct server_setting){.weight = 1, .priority = 1};
    return node->kind == NODE_MAPPING ? read_mapping(reader, node, server)
                                      : read_address(reader, node, server);
}

/* Notes the server among those that were `seen`. False: it was, or there is no memory. */
static bool report_twice(struct setting_reader *reader, struct map *seen,
                         struct server_setting *server)
{
    if (!map_get(seen, server->place.key))
        return map_set(seen, server->place.key, server);
    diagnostics_error(reader->diagnostics, server->position,
                      "write it once, with weight: 2 if it shall get twice as much",
                      "the server stands in the list twice");
    return false;
}

bool server_list_read(struct setting_reader *reader, const struct node *node, void *field)
{
    struct server_list *list = field;
    bool is_list = node->kind == NODE_SEQUENCE;
    size_t count = is_list ? node->count : 1;
    *list = (struct server_list){.items = ARENA_ARRAY(reader->arena, struct server_setting, count)};
    if (count > UPSTREAM_SERVERS_MAX) {
        diagnostics_error(reader->diagnostics, node->position, "spread them over several upstreams",
                          "there are more than %d servers", UPSTREAM_SERVERS_MAX);
        return false;
    }
    if (count == 0 || !list->items) {
        diagnostics_error(reader->diagnostics, node->position, "name at least one server",
                          "there are no servers");
        return false;
    }
    bool good = true;
    struct map seen;
    map_init(&seen);
    for (size_t i = 0; i < count; i++) {
        const struct node *item = is_list ? node->items[i] : node;
        struct server_setting *server = &list->items[list->count];
        if (read_server(reader, item, server) && report_twice(reader, &seen, server))
            list->count++;
        else
            good = false;
        if (server->place.is_tls && !list->authorities.data)
            list->authorities = tls_read_system_authorities(reader);
    }
    map_fini(&seen);
    return good;
}

static bool read_load_limit(struct setting_reader *reader, const struct node *node, void *field)
{
    uint32_t percent = 0;
    bool good =
        node_is_word(node, "off") || (node_is_percent(node, 1000, &percent) && percent > 100);
    *(uint32_t *)field = percent;
    if (!good)
        diagnostics_error(reader->diagnostics, node->position,
                          "for example \"hash_load_limit: 150%\", or off for no limit",
                          "\"hash_load_limit\" is more than 100%% and at most 1000%%");
    return good;
}

static bool read_fallback_below(struct setting_reader *reader, const struct node *node, void *field)
{
    uint32_t percent = 0;
    bool good = node_is_word(node, "off") || (node_is_percent(node, 100, &percent) && percent > 0);
    *(uint32_t *)field = percent;
    if (!good)
        diagnostics_error(reader->diagnostics, node->position,
                          "for example \"fallback_below: 50%\", or off",
                          "\"fallback_below\" is a share of servers, from 1%% to 100%%");
    return good;
}

static const char *const proxy_protocol_choices[] = {"off", "v1", "v2", NULL};

static const struct setting settings[] = {
    {.name = "servers",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct upstream_settings, servers),
     .size = sizeof(struct server_list),
     .read = server_list_read,
     .form = SERVER_LIST_FORM,
     .scopes = SCOPE_UPSTREAM,
     .single = true,
     .summary = "The servers of the upstream: addresses, {address, weight, priority, backup, "
                "max_connections}, or {dns, srv} for a name whose servers come and go.",
     .example = "[10.0.0.1:8080, {address: 10.0.0.2:8080, weight: 3}, {dns: app.internal:3000}]"},
    {.name = "balance",
     .type = SETTING_CHOICE,
     .offset = offsetof(struct upstream_settings, balance),
     .size = sizeof(int),
     .standard = "round_robin",
     .choices = balance_names,
     .scopes = SCOPE_UPSTREAM,
     .summary = "How the next server is chosen.",
     .example = "least_connections"},
    {.name = "hash",
     .type = SETTING_TEMPLATE,
     .offset = offsetof(struct upstream_settings, hash),
     .size = sizeof(const struct template *),
     .standard = "$client_ip",
     .phase = TEMPLATE_REQUEST,
     .scopes = SCOPE_UPSTREAM,
     .summary = "What balance: hash chooses by: requests of which it is the same go to one server.",
     .example = "$cookie.session"},
    {.name = "hash_load_limit",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct upstream_settings, hash_load_limit),
     .size = sizeof(uint32_t),
     .read = read_load_limit,
     .form = "off | PERCENT",
     .scopes = SCOPE_UPSTREAM,
     .summary = "How many calls at once balance: hash gives a server, in percent of its part of "
                "all; what is above goes on to another one.",
     .example = "150%"},
    {.name = "fallback_below",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct upstream_settings, fallback_below),
     .size = sizeof(uint32_t),
     .standard = "off",
     .read = read_fallback_below,
     .form = "off | PERCENT",
     .scopes = SCOPE_UPSTREAM,
     .summary = "With less of the servers of a priority up, those of the next one are asked as "
                "well; off: only where none of them can be.",
     .example = "50%"},
    {.name = "slow_start",
     .type = SETTING_DURATION,
     .offset = offsetof(struct upstream_settings, slow_start),
     .size = sizeof(int64_t),
     .standard = "off",
     .max = HOUR,
     .scopes = SCOPE_UPSTREAM,
     .summary = "How long a server that comes, or comes back, takes to get its whole share.",
     .example = "30s"},
    {.name = "proxy_protocol",
     .type = SETTING_CHOICE,
     .offset = offsetof(struct upstream_settings, proxy_protocol),
     .size = sizeof(int),
     .standard = "off",
     .choices = proxy_protocol_choices,
     .scopes = SCOPE_UPSTREAM,
     .summary = "Whether connections begin with a header of the PROXY protocol that tells of the "
                "client: off, v1 or v2. Each is then for one request.",
     .example = "v2"},
    {.name = "stream_window",
     .type = SETTING_SIZE,
     .offset = offsetof(struct upstream_settings, stream_window),
     .size = sizeof(int64_t),
     .standard = "512KiB",
     .min = H2_WINDOW_LEAST,
     .max = STREAM_WINDOW_MAX,
     .scopes = SCOPE_UPSTREAM,
     .summary = "How many bytes of each response a server of HTTP/2 may send ahead.",
     .example = "2MiB"},
};

static void check_hash(const struct upstream_settings *own, const struct node *node,
                       struct diagnostics *diagnostics)
{
    static const char cure[] = "write balance: hash, too, or take it out";
    static const char *const names[] = {"hash", "hash_load_limit"};
    const struct node *hash = node_find(node, SLICE("hash"));
    struct slice text;
    /* Beside a `balance` that is written out they may stand for nothing: so `weir check
     * --effective` writes them. */
    bool is_forgotten = own->balance != BALANCE_HASH && !node_find(node, SLICE("balance"));
    for (size_t i = 0; is_forgotten && i < 2; i++) {
        const struct node *written = node_find(node, slice_from_text(names[i]));
        if (written)
            diagnostics_warning(diagnostics, written->position, cure,
                                "\"%s\" is for balance: hash, which is not chosen here", names[i]);
    }
    if (hash && template_is_constant(own->hash, &text))
        diagnostics_error(diagnostics, hash->position,
                          "write what differs: $client_ip, $host$target, $cookie.session",
                          "a text without variables leads every request to one server");
    if (hash && own->hash && template_captures(own->hash) > 0)
        diagnostics_error(diagnostics, hash->position, "write $path, or what else the request has",
                          "captures are of the path of a route, and an upstream has none");
    if (own->balance == BALANCE_HASH && own->servers.count > RENDEZVOUS_SERVERS_MAX)
        diagnostics_error(diagnostics, node->position, "spread them over several upstreams",
                          "balance: hash takes at most %d servers", RENDEZVOUS_SERVERS_MAX);
}

static void check_slow_start(const struct upstream_settings *own, const struct node *node,
                             struct diagnostics *diagnostics)
{
    const struct node *written = node_find(node, SLICE("slow_start"));
    if (written && own->slow_start > 0 && !balance_takes_weights((enum balance)own->balance))
        diagnostics_warning(
            diagnostics, written->position, "take it out, or choose by turns, load or chance",
            "\"slow_start\" does nothing with balance: %s", balance_names[own->balance]);
}

static void check_upstream(const void *group, const struct node *node,
                           struct diagnostics *diagnostics)
{
    if (node->kind != NODE_MAPPING)
        return;
    check_hash(group, node, diagnostics);
    check_slow_start(group, node, diagnostics);
}

const struct setting_group upstream_group = {
    .name = "",
    .settings = settings,
    .count = sizeof(settings) / sizeof(settings[0]),
    .size = sizeof(struct upstream_settings),
    .summary = "A named group of servers that do the same job.",
    .check = check_upstream,
};
