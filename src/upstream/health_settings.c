#include "upstream/health_settings.h"

#include "base/arena.h"
#include "http/field_syntax.h"
#include "policy/pattern.h"
#include "upstream/upstream_tls.h"
#include "wire/grpc_health.h"

static const char *const type_choices[] = {"http", "grpc", "tcp", "off", NULL};

const char *const health_methods[] = {"GET", "HEAD", "OPTIONS", NULL};

/* ---- the statuses */

static bool read_range(struct slice text, uint64_t *ret_first, uint64_t *ret_last)
{
    bool is_class = text.length == 3 && slice_equal(slice_from(text, 1), SLICE("xx"));
    if (is_class && text.data[0] >= '2' && text.data[0] <= '5') {
        *ret_first = (uint64_t)(text.data[0] - '0') * 100;
        *ret_last = *ret_first + 99;
        return true;
    }
    struct slice last = text, first = slice_cut(&last, '-');
    if (!slice_to_number(first, HEALTH_STATUS_MAX, ret_first))
        return false;
    *ret_last = *ret_first;
    if (first.length < text.length && !slice_to_number(last, HEALTH_STATUS_MAX, ret_last))
        return false;
    return *ret_first >= 200 && *ret_first <= *ret_last;
}

static bool read_statuses(struct setting_reader *reader, const struct node *node,
                          struct health_statuses *statuses)
{
    uint64_t first = 0, last = 0;
    if (node->kind != NODE_SCALAR || !read_range(node->text, &first, &last)) {
        diagnostics_error(reader->diagnostics, node->position,
                          "write 200, 2xx, 200-399 or a list of such, from 200 to 599",
                          "\"expect\" is for statuses");
        return false;
    }
    for (uint64_t status = first; status <= last; status++)
        statuses->bits[status / 64] |= UINT64_C(1) << (status % 64);
    return true;
}

static bool read_expect(struct setting_reader *reader, const struct node *node, void *field)
{
    struct health_statuses statuses = {0};
    bool is_list = node->kind == NODE_SEQUENCE && node->count > 0, good = true;
    for (uint32_t i = 0; i < (is_list ? node->count : 1); i++)
        good &= read_statuses(reader, is_list ? node->items[i] : node, &statuses);
    *(struct health_statuses *)field = statuses;
    return good;
}

/* ---- the body */

static bool read_body(struct setting_reader *reader, const struct node *node, void *field)
{
    struct health_body *body = field;
    *body = (struct health_body){0};
    if (node_is_word(node, "off"))
        return true;
    if (node->kind != NODE_SCALAR || slice_is_empty(node->text))
        return setting_refuse(reader, "body", "a text, a pattern or off", "\"~^ok\"", node);
    if (!slice_starts_with(node->text, SLICE("~"))) {
        body->text = node->text;
        return true;
    }
    body->pattern = pattern_new(node, 1, reader->arena, reader->diagnostics);
    return body->pattern != NULL;
}

/* ---- the fields */

static bool read_header(struct setting_reader *reader, const struct node_pair *pair,
                        struct field *ret_field)
{
    const char *wrong = NULL;
    if (!field_name_is_settable(pair->key))
        wrong = "this cannot be a field of the question";
    else if (field_name_find(pair->key) == FIELD_HOST)
        wrong = "the Host is told by \"host\" beside \"headers\"";
    else if (pair->value->kind != NODE_SCALAR || !field_value_is_valid(pair->value->text))
        wrong = "a field cannot carry this value";
    if (wrong) {
        diagnostics_error(reader->diagnostics, pair->key_position,
                          "for example \"headers: {X-Check: weir}\"", "%s", wrong);
        return false;
    }
    *ret_field = (struct field){
        .id = field_name_find(pair->key), .name = pair->key, .value = pair->value->text};
    return true;
}

static bool read_headers(struct setting_reader *reader, const struct node *node, void *field)
{
    struct health_headers *headers = field;
    *headers = (struct health_headers){0};
    if (node_is_word(node, "off"))
        return true;
    if (node->kind != NODE_MAPPING || node->count == 0)
        return setting_refuse(reader, "headers", "a mapping or off", "{X-Check: weir}", node);
    struct field *items = ARENA_ARRAY(reader->arena, struct field, node->count);
    bool good = items != NULL;
    for (uint32_t i = 0; items && i < node->count; i++)
        good &= read_header(reader, &node->pairs[i], &items[i]);
    *headers = (struct health_headers){items, good ? node->count : 0};
    return good;
}

static bool read_panic(struct setting_reader *reader, const struct node *node, void *field)
{
    uint32_t percent = 0;
    bool good = node_is_word(node, "off") || (node_is_percent(node, 100, &percent) && percent > 0);
    *(uint32_t *)field = percent;
    if (!good)
        diagnostics_error(reader->diagnostics, node->position,
                          "for example \"panic: 50%\", or off for never",
                          "\"panic\" is from 1%% to 100%%");
    return good;
}

/* ---- the group */

#define HEALTH_RECORD(...) SETTING_ROW(struct health_settings, __VA_ARGS__)
static const struct setting health_settings[] = {
    HEALTH_SETTINGS(HEALTH_RECORD){
        .name = "type",
        .type = SETTING_CHOICE,
        .offset = offsetof(struct health_settings, type),
        .size = sizeof(int),
        .standard = "http",
        .choices = type_choices,
        .scopes = SCOPE_UPSTREAM,
        .summary =
            "How a server is asked: http, with a request; grpc, by its health service; tcp, by "
            "connecting; or off.",
        .example = "tcp"},
    {.name = "method",
     .type = SETTING_CHOICE,
     .offset = offsetof(struct health_settings, method),
     .size = sizeof(int),
     .standard = "GET",
     .choices = health_methods,
     .scopes = SCOPE_UPSTREAM,
     .summary = "The method of the request.",
     .example = "HEAD"},
    {.name = "headers",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct health_settings, headers),
     .size = sizeof(struct health_headers),
     .read = read_headers,
     .form = "off | {*: TEXT}",
     .scopes = SCOPE_UPSTREAM,
     .summary = "Fields of the request.",
     .example = "{X-Check: weir}"},
    {.name = "expect",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct health_settings, expect),
     .size = sizeof(struct health_statuses),
     .read = read_expect,
     .standard = "200-399",
     .form = "TEXT | [TEXT]",
     .scopes = SCOPE_UPSTREAM,
     .summary = "The statuses with which a server that works answers: 200, 2xx, 200-399 or a list.",
     .example = "[200, 204]"},
    {.name = "body",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct health_settings, body),
     .size = sizeof(struct health_body),
     .read = read_body,
     .form = "off | TEXT",
     .scopes = SCOPE_UPSTREAM,
     .summary = "What the first 64 KiB of the answer's body hold: a text, or a pattern behind ~.",
     .example = "\"~^ok\""},
    {.name = "panic",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct health_settings, panic),
     .size = sizeof(uint32_t),
     .read = read_panic,
     .standard = "10%",
     .form = "off | PERCENT",
     .scopes = SCOPE_UPSTREAM,
     .summary = "With less of the servers up, or none, those that are down are used as well; off: "
                "never.",
     .example = "50%"},
};

/* ---- what does not fit together */

static void refuse_written(const struct node *mapping, const char *name, const char *cure,
                           const char *what, struct diagnostics *diagnostics)
{
    const struct node *written = node_find(mapping, slice_from_text(name));
    if (written)
        diagnostics_error(diagnostics, written->position, cure, "%s", what);
}

static bool is_target(struct slice path)
{
    for (size_t i = 0; i < path.length; i++) {
        if (path.data[i] <= ' ' || path.data[i] > '~' || path.data[i] == '#')
            return false;
    }
    return path.data[0] == '/';
}

static void check_health(const void *group, const struct node *node,
                         struct diagnostics *diagnostics)
{
    const struct health_settings *settings = group;
    if (!slice_is_empty(settings->path) && !is_target(settings->path))
        refuse_written(node, "path", "write path: /healthz",
                       "\"path\" begins with a slash, and has no spaces and nothing that would "
                       "have to be escaped",
                       diagnostics);
    if (!slice_is_empty(settings->host) && !field_value_is_valid(settings->host))
        refuse_written(node, "host", "write host: app.internal", "this can be no Host",
                       diagnostics);
    if (settings->service.length > GRPC_HEALTH_SERVICE_MAX)
        refuse_written(node, "service", "write its full name, as in service: shop.Orders",
                       "\"service\" has at most 1024 bytes", diagnostics);
    bool wants_body = settings->body.pattern || !slice_is_empty(settings->body.text);
    if (wants_body && strcmp(health_methods[settings->method], "HEAD") == 0)
        refuse_written(node, node_find(node, SLICE("body")) ? "body" : "method",
                       "write method: GET, or take body out", "an answer to HEAD has no body",
                       diagnostics);
}

const struct setting_group health_group = {
    .name = "health",
    .settings = health_settings,
    .count = sizeof(health_settings) / sizeof(health_settings[0]),
    .size = sizeof(struct health_settings),
    .summary = "How servers are asked, beside the traffic, whether they work.",
    .check = check_health,
};

/* gRPC is HTTP/2, which a server that is written otherwise speaks at another port, if at all. The
 * same holds for those to which a line that is followed leads. */
static void check_grpc(const struct upstream *upstream, const struct scope *scope,
                       struct diagnostics *diagnostics)
{
    const struct health_settings *settings = upstream->health;
    const struct node *mapping = node_find(scope->node, SLICE("health"));
    const struct node *at = mapping ? mapping : scope->node;
    for (size_t i = 0; settings->port == 0 && i < upstream->lines->count; i++) {
        const struct server_place *place = &upstream->lines->items[i].place;
        if (upstream_tls_offers_h2(upstream, place))
            continue;
        diagnostics_error(diagnostics, at->position,
                          "write h2c:// or h2:// in its address, or the port where it speaks gRPC",
                          "gRPC is HTTP/2, and %.*s is spoken to in HTTP/1.1", SHOWN(place->key));
        return;
    }
}

static void warn_of_idle(const struct node *mapping, const char *name, const char *cure,
                         const char *what, struct diagnostics *diagnostics)
{
    const struct node *written = node_find(mapping, slice_from_text(name));
    if (written && !node_is_word(written, "off"))
        diagnostics_warning(diagnostics, written->position, cure, "%s", what);
}

/* What stands beside a type that does not look at it. */
static void warn_of_others(const struct health_settings *settings, const struct node *mapping,
                           struct diagnostics *diagnostics)
{
    static const char *const of_http[] = {"path", "method", "expect", "body"};
    for (size_t i = 0; settings->type == HEALTH_GRPC && i < sizeof(of_http) / sizeof(*of_http); i++)
        warn_of_idle(mapping, of_http[i], "write type: http, or take it out",
                     "with type: grpc nothing but the health service is asked", diagnostics);
    if (settings->type == HEALTH_TCP && !slice_is_empty(settings->path))
        warn_of_idle(mapping, "path", "write type: http, or take path out",
                     "with type: tcp no path is asked for", diagnostics);
    if (settings->type != HEALTH_GRPC)
        warn_of_idle(mapping, "service", "write type: grpc, or take service out",
                     "a service is asked for with type: grpc alone", diagnostics);
}

void health_check_upstream(const struct upstream *upstream, const struct scope *scope,
                           struct diagnostics *diagnostics)
{
    const struct health_settings *settings = upstream->health;
    const struct node *mapping = node_find(scope->node, SLICE("health"));
    if (mapping && mapping->count > 0 && !health_is_checked(settings) &&
        settings->type != HEALTH_OFF)
        diagnostics_warning(diagnostics, mapping->position,
                            "add path: /healthz, or type: tcp to connect alone",
                            "without a path no server is asked whether it works");
    warn_of_others(settings, mapping, diagnostics);
    if (settings->type == HEALTH_GRPC)
        check_grpc(upstream, scope, diagnostics);
    for (uint32_t i = 0; settings->port > 0 && i < upstream->count; i++) {
        const struct server *server = upstream->members[i].server;
        if (slice_starts_with(server->key, SLICE("unix:")))
            diagnostics_error(
                diagnostics, scope->node->position, "give such servers an upstream of their own",
                "\"health.port\" is for servers with ports, and %.*s has none", SHOWN(server->key));
    }
}
