/* How `proxy`, `redirect`, `respond`, `upstream_host` and `queue_priority` are written. */
#include "exchange/action.h"
#include "base/assert.h"

#include "base/arena.h"
#include "http/field_syntax.h"
#include "http/uri.h"
#include "policy/field_value.h"
#include "policy/route.h"
#include "upstream/commons.h"

/* ---- proxy */

static bool is_name(struct slice text)
{
    return slice_find(text, ':') == text.length && slice_find(text, '/') == text.length;
}

bool proxy_read(struct setting_reader *reader, const struct node *node, void *field)
{
    struct proxy_setting *proxy = field;
    *proxy = (struct proxy_setting){.position = node->position};
    if (node->kind == NODE_SCALAR && slice_is_empty(node->text)) {
        diagnostics_error(reader->diagnostics, node->position,
                          "write proxy: http://127.0.0.1:3000, or the name of an upstream",
                          "proxy names nobody");
        return false;
    }
    if (node->kind == NODE_SCALAR && is_name(node->text)) {
        proxy->upstream = node->text;
        return true;
    }
    return server_list_read(reader, node, &proxy->servers);
}

/* ---- redirect */

static bool read_status(struct setting_reader *reader, const struct node *node, unsigned least,
                        unsigned most, unsigned *ret_status)
{
    ASSERT(least <= most && most <= 999);
    uint64_t status = 0;
    if (node->kind == NODE_SCALAR && slice_to_number(node->text, most, &status) &&
        status >= least) {
        *ret_status = (unsigned)status;
        return true;
    }
    diagnostics_error(
        reader->diagnostics, node->position,
        diagnostics_text(reader->diagnostics, "write a number from %u to %u", least, most),
        "this is no status");
    return false;
}

/* `name` may be the key of a file. Nothing is a text, too, an empty one. */
static bool read_template(struct setting_reader *reader, struct slice name, const struct node *node,
                          const struct template **ret_template)
{
    if (node->kind == NODE_SCALAR && node->anchored)
        return setting_refuse(reader, diagnostics_text(reader->diagnostics, "%.*s", SHOWN(name)),
                              "a text", NULL, node);
    if (node->kind != NODE_SCALAR) {
        diagnostics_error(reader->diagnostics, node->position, "in quotes it is a text",
                          "a text belongs here, not %s", node_kind_words(node));
        return false;
    }
    *ret_template = template_compile(node, TEMPLATE_REQUEST, ROUTE_CAPTURES_MAX, reader->variables,
                                     reader->arena, reader->diagnostics);
    return *ret_template != NULL;
}

/* A template for a field of a message. */
static bool read_field_value(struct setting_reader *reader, struct slice name,
                             const struct node *node, const struct template **ret_template)
{
    return read_template(reader, name, node, ret_template) &&
           field_value_check(*ret_template, node, reader->diagnostics);
}

static bool unknown_key(struct setting_reader *reader, const struct node_pair *pair,
                        const char *const *keys, size_t count, const char *all)
{
    const char *near = did_you_mean(pair->key, keys, count);
    diagnostics_error(reader->diagnostics, pair->key_position,
                      near ? diagnostics_text(reader->diagnostics, "did you mean \"%s\"?", near)
                           : all,
                      "unknown key \"%.*s\"", (int)pair->key.length, pair->key.data);
    return false;
}

/* `301`, or `301 https://example.com/` as others write it. */
static bool refuse_status_before(struct setting_reader *reader, const struct node *node)
{
    struct slice text = node->text,
                 rest = text.length > 3 ? slice_trim(slice_from(text, 3)) : SLICE("");
    rest = rest.length > 0 ? rest : SLICE("…");
    uint64_t status = 0;
    if (text.length < 3 || !slice_to_number(slice_until(text, 3), 399, &status) || status < 300 ||
        (text.length > 3 && text.data[3] != ' '))
        return false;
    diagnostics_error(reader->diagnostics, node->position,
                      diagnostics_text(reader->diagnostics,
                                       "write redirect: {to: \"%.*s\", status: %u}",
                                       (int)rest.length, rest.data, (unsigned)status),
                      "here should be where to; the status has a key of its own");
    return true;
}

/* `{uri}`, as Caddy has it: no URL has braces. */
static bool refuse_brace(struct setting_reader *reader, const struct node *node)
{
    for (size_t i = 0; i < node->text.length; i++) {
        bool is_variable = i > 0 && node->text.data[i - 1] == '$';
        if (node->text.data[i] != '{' || is_variable)
            continue;
        diagnostics_error(reader->diagnostics, node_position_at(node, i),
                          "a variable is written $target or ${host}, a brace itself %7B",
                          "a URL has no braces");
        return true;
    }
    return false;
}

static bool read_target(struct setting_reader *reader, struct slice name, const struct node *node,
                        struct redirect_setting *redirect)
{
    struct slice constant;
    if (!read_field_value(reader, name, node, &redirect->to) ||
        refuse_status_before(reader, node) || refuse_brace(reader, node))
        return false;
    redirect->names_host = reference_names_host(node->text);
    if (!template_is_constant(redirect->to, &constant) || slice_trim(constant).length > 0)
        return true;
    diagnostics_error(reader->diagnostics, node->position, "write it as https://example.com$target",
                      "the redirect does not say where to");
    return false;
}

static bool read_redirect(struct setting_reader *reader, const struct node *node, void *field)
{
    static const char *const keys[] = {"to", "status"};
    struct redirect_setting *redirect = field;
    *redirect = (struct redirect_setting){.status = 302};
    if (node->kind == NODE_SCALAR)
        return read_target(reader, SLICE("redirect"), node, redirect);
    bool good = true;
    for (uint32_t i = 0; i < node->count && node->kind == NODE_MAPPING; i++) {
        const struct node_pair *pair = &node->pairs[i];
        if (slice_equal(pair->key, SLICE("to")))
            good &= read_target(reader, pair->key, pair->value, redirect);
        else if (slice_equal(pair->key, SLICE("status")))
            good &= read_status(reader, pair->value, 300, 399, &redirect->status);
        else
            good &= unknown_key(reader, pair, keys, 2, "\"redirect\" has: to, status");
    }
    if (good && !redirect->to) {
        diagnostics_error(reader->diagnostics, node->position,
                          "write redirect: https://example.com$target, or {to: …, status: 308}",
                          "the redirect does not say where to");
        return false;
    }
    return good;
}

/* ---- respond */

static bool read_fields(struct setting_reader *reader, const struct node *node,
                        struct respond_setting *respond)
{
    if (node->kind != NODE_MAPPING) {
        diagnostics_error(reader->diagnostics, node->position,
                          "write headers: {Content-Type: text/plain}",
                          "headers are names with values, not %s", node_kind_words(node));
        return false;
    }
    respond->fields = arena_calloc(reader->arena, node->count * sizeof(*respond->fields));
    bool good = respond->fields != NULL;
    for (uint32_t i = 0; good && i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        if (!field_name_is_settable(pair->key)) {
            diagnostics_error(reader->diagnostics, pair->key_position,
                              "leave it away: Weir writes the fields of framing itself",
                              "\"%.*s\" cannot be set", (int)pair->key.length, pair->key.data);
            good = false;
            continue;
        }
        respond->fields[respond->field_count].name = pair->key;
        good &= read_field_value(reader, pair->key, pair->value,
                                 &respond->fields[respond->field_count].value);
        respond->field_count++;
    }
    return good;
}

static bool read_respond(struct setting_reader *reader, const struct node *node, void *field)
{
    static const char *const keys[] = {"status", "body", "headers"};
    struct respond_setting *respond = field;
    *respond = (struct respond_setting){.status = 200};
    if (node->kind == NODE_SCALAR && node->text.length > 0 && !ascii_is_digit(node->text.data[0])) {
        diagnostics_error(reader->diagnostics, node->position,
                          "write a number from 200 to 599, or respond: {body: …} for a text",
                          "this is no status");
        return false;
    }
    if (node->kind != NODE_MAPPING)
        return read_status(reader, node, 200, 599, &respond->status);
    bool good = true;
    for (uint32_t i = 0; i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        if (slice_equal(pair->key, SLICE("status")))
            good &= read_status(reader, pair->value, 200, 599, &respond->status);
        else if (slice_equal(pair->key, SLICE("body")))
            good &= read_template(reader, pair->key, pair->value, &respond->body);
        else if (slice_equal(pair->key, SLICE("headers")))
            good &= read_fields(reader, pair->value, respond);
        else
            good &= unknown_key(reader, pair, keys, 3, "\"respond\" has: status, body, headers");
    }
    return good;
}

/* ---- upstream_host */

static bool read_upstream_host(struct setting_reader *reader, const struct node *node, void *field)
{
    struct upstream_host_setting *host = field;
    *host = (struct upstream_host_setting){.kind = UPSTREAM_HOST_TEXT};
    if (node->kind == NODE_SCALAR && slice_equal(node->text, SLICE("server"))) {
        host->kind = UPSTREAM_HOST_SERVER;
        return true;
    }
    if (node->kind == NODE_SCALAR && slice_equal(node->text, SLICE("off"))) {
        host->kind = UPSTREAM_HOST_CLIENT;
        return true;
    }
    if (!read_template(reader, SLICE("upstream_host"), node, &host->text))
        return false;
    struct slice constant, name;
    uint16_t port = 0;
    if (!template_is_constant(host->text, &constant) || authority_parse(constant, &name, &port))
        return true;
    diagnostics_error(reader->diagnostics, node->position,
                      "for example app.internal, app.internal:8080, server, or off",
                      "this is no host");
    return false;
}

/* ---- queue_priority */

static bool read_queue_priority(struct setting_reader *reader, const struct node *node, void *field)
{
    struct queue_priority_setting *own = field;
    struct slice constant;
    uint64_t priority = 0;
    *own = (struct queue_priority_setting){.priority = QUEUE_PRIORITY_NORMAL};
    if (node->kind == NODE_SCALAR && slice_to_number(node->text, QUEUE_PRIORITIES, &priority) &&
        priority > 0) {
        own->priority = (unsigned)priority;
        return true;
    }
    if (!read_template(reader, SLICE("queue_priority"), node, &own->text))
        return false;
    if (!template_is_constant(own->text, &constant))
        return true;
    diagnostics_error(
        reader->diagnostics, node->position, "for example 1, or \"$request.header.X-Priority\"",
        "a priority is a number from 1 to %d, or a variable that gives one", QUEUE_PRIORITIES);
    return false;
}

enum { ACTIONS = SCOPE_SITE | SCOPE_ROUTE };

#define ACTION_ROW(field, reads, form_, summary_, example_)                                        \
    {                                                                                              \
        .name = #field, .type = SETTING_CUSTOM, .offset = offsetof(struct action_settings, field), \
        .size = sizeof(((struct action_settings *)0)->field), .read = reads, .form = form_,        \
        .scopes = ACTIONS, .single = true, .action = true, .summary = summary_,                    \
        .example = example_                                                                        \
    }

static const struct setting settings[] = {
    ACTION_ROW(proxy, proxy_read, SERVER_LIST_FORM,
               "Asks a server: an address, a list of them, or the name of an upstream.",
               "http://127.0.0.1:3000"),
    ACTION_ROW(split, split_read, SPLIT_FORM,
               "Asks one of several upstreams, each of them for its share of the visitors.",
               "{stable: 90%, canary: 10%}"),
    ACTION_ROW(redirect, read_redirect, "TEMPLATE | {to: TEMPLATE, status: 300..399}",
               "Sends the client elsewhere: a text (status 302) or {to, status}.",
               "{to: \"https://example.com$target\", status: 308}"),
    ACTION_ROW(respond, read_respond,
               "200..599 | {status: 200..599, body: TEMPLATE, headers: {*: TEMPLATE}}",
               "Answers by itself: a status, or {status, body, headers}.",
               "{status: 200, body: \"hello $client_ip\"}"),
    {.name = "upstream_host",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct action_settings, upstream_host),
     .size = sizeof(struct upstream_host_setting),
     .standard = "off",
     .read = read_upstream_host,
     .form = "server | off | TEMPLATE",
     .scopes = SCOPE_TOP | ACTIONS,
     .summary = "The Host that a server sees: `server` for its own address, or a text; off for "
                "what the client sent.",
     .example = "server"},
    {.name = "queue_priority",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct action_settings, queue_priority),
     .size = sizeof(struct queue_priority_setting),
     .standard = "5",
     .read = read_queue_priority,
     .form = "1..9 | TEMPLATE",
     .scopes = SCOPE_TOP | ACTIONS,
     .summary = "Where requests stand in the queue of an upstream: those of 1 before those of 9; a "
                "number, or a text with variables that gives one, or else 5.",
     .example = "1"},
};

const struct setting_group action_group = {
    .name = "",
    .settings = settings,
    .count = sizeof(settings) / sizeof(settings[0]),
    .size = sizeof(struct action_settings),
    .summary = "What a site or route does with the requests that it takes.",
};
