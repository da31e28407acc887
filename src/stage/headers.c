#include "stage/headers.h"

#include "base/assert.h"
#include "conf/setting.h"
#include "http/field_syntax.h"
#include "policy/field_value.h"
#include "policy/route.h"

enum operation_kind { OPERATION_REMOVE, OPERATION_SET, OPERATION_ADD };

struct operation {
    enum operation_kind kind;
    enum field_name id;
    struct slice name;
    const struct template *value; /* OPERATION_REMOVE: NULL */
    const struct node *node;      /* of the value */
};

struct operations {
    const struct operation *items;
    uint32_t count;
};

struct headers_settings {
    struct operations request, response;
};

/* ---- how it is written */

/* Whose fields are written: the variables that are known then, and what only another setting may
 * change. */
struct direction {
    const char *name;
    enum template_phase phase;
};

static const struct direction to_server = {"request", TEMPLATE_REQUEST};
static const struct direction to_client = {"response", TEMPLATE_RESPONSE};

/* An operation list that grows in the arena of the configuration. */
struct list {
    struct setting_reader *reader;
    const struct direction *direction;
    struct operation *items;
    uint32_t count, capacity;
};

static bool check_name(const struct list *list, struct slice name, struct position position)
{
    struct diagnostics *diagnostics = list->reader->diagnostics;
    if (!field_name_is_valid(name)) {
        diagnostics_error(diagnostics, position, "letters, digits and \"-\", as in X-Request-Id",
                          "\"%.*s\" cannot be the name of a field", SHOWN(name));
        return false;
    }
    if (!field_name_is_settable(name)) {
        diagnostics_error(diagnostics, position, "leave it away",
                          "%.*s speaks of one connection or of the length of a message, and Weir "
                          "writes it anew on each side",
                          SHOWN(name));
        return false;
    }
    if (list->direction == &to_server && field_name_find(name) == FIELD_HOST) {
        diagnostics_error(diagnostics, position, "write \"upstream_host\" beside \"headers\"",
                          "Host is told to the server by a setting of its own");
        return false;
    }
    return true;
}

static bool append(struct list *list, enum operation_kind kind, struct slice name,
                   const struct node *value)
{
    ASSERT(list->count < list->capacity);
    ASSERT(list->count < list->capacity);
    struct operation operation = {
        .kind = kind, .name = name, .id = field_name_find(name), .node = value};
    if (value) {
        if (value->kind != NODE_SCALAR || node_is_nothing(value))
            return setting_refuse(list->reader,
                                  diagnostics_text(list->reader->diagnostics, "%.*s", SHOWN(name)),
                                  "a text", NULL, value);
        operation.value = template_compile(value, list->direction->phase, ROUTE_CAPTURES_MAX,
                                           list->reader->variables, list->reader->arena,
                                           list->reader->diagnostics);
        if (!operation.value)
            return false;
    }
    list->items[list->count++] = operation;
    return true;
}

static bool append_value(struct list *list, enum operation_kind kind, struct slice name,
                         const struct node *value)
{
    return append(list, kind, name, value) &&
           field_value_check(list->items[list->count - 1].value, value, list->reader->diagnostics);
}

/* `set` and `add`: names with texts; of `add` also with lists of texts. */
static bool read_values(struct list *list, enum operation_kind kind, const struct node *mapping)
{
    const char *name = kind == OPERATION_SET ? "set" : "add";
    if (mapping->kind != NODE_MAPPING)
        return setting_refuse(list->reader, name, "a mapping of names to texts",
                              "{X-Frame-Options: DENY}", mapping);
    bool good = true;
    for (uint32_t i = 0; i < mapping->count; i++) {
        const struct node_pair *pair = &mapping->pairs[i];
        bool is_list = kind == OPERATION_ADD && pair->value->kind == NODE_SEQUENCE;
        uint32_t count = is_list ? pair->value->count : 1;
        bool good_name = check_name(list, pair->key, pair->key_position);
        good &= good_name;
        for (uint32_t j = 0; j < count; j++) {
            const struct node *value = is_list ? pair->value->items[j] : pair->value;
            good &= append_value(list, kind, pair->key, value);
        }
    }
    return good;
}

static bool read_names(struct list *list, const struct node *node)
{
    bool is_list = node->kind == NODE_SEQUENCE && node->count > 0;
    uint32_t count = is_list ? node->count : 1;
    bool good = true;
    for (uint32_t i = 0; i < count; i++) {
        const struct node *item = is_list ? node->items[i] : node;
        if (item->kind != NODE_SCALAR || node_is_nothing(item))
            good = setting_refuse(list->reader, "remove", "a name or a list of names",
                                  "[Server, X-Powered-By]", item);
        else
            good &= check_name(list, item->text, item->position) &&
                    append(list, OPERATION_REMOVE, item->text, NULL);
    }
    return good;
}

static uint32_t count_values(const struct node *mapping)
{
    uint32_t count = 1;
    for (uint32_t i = 0; mapping && mapping->kind == NODE_MAPPING && i < mapping->count; i++) {
        const struct node *value = mapping->pairs[i].value;
        count += value->kind == NODE_SEQUENCE ? value->count : 1;
    }
    return count;
}

static bool check_keys(struct setting_reader *reader, const struct node *mapping)
{
    static const char *const keys[] = {"set", "add", "remove"};
    bool good = true;
    for (uint32_t i = 0; i < mapping->count; i++) {
        const struct node_pair *pair = &mapping->pairs[i];
        bool known = false;
        for (size_t k = 0; k < 3; k++)
            known |= slice_equal(pair->key, slice_from_text(keys[k]));
        if (known)
            continue;
        const char *meant = did_you_mean(pair->key, keys, 3);
        diagnostics_error(reader->diagnostics, pair->key_position,
                          meant
                              ? diagnostics_text(reader->diagnostics, "did you mean \"%s\"?", meant)
                              : "write \"set\", \"add\" or \"remove\"",
                          "unknown key \"%.*s\"", SHOWN(pair->key));
        good = false;
    }
    return good;
}

/* What a scope around asks for comes first. In one mapping the order is remove, set, add, however
 * it is written. */
static bool read_operations(struct setting_reader *reader, const struct direction *direction,
                            const struct node *node, struct operations *ret_operations)
{
    const struct operations none = {.count = 0},
                            *around = reader->inherited ? reader->inherited : &none;
    if (node_is_word(node, "off")) {
        *ret_operations = none;
        return true;
    }
    if (node->kind != NODE_MAPPING)
        return setting_refuse(reader, direction->name, "a mapping with set, add or remove",
                              "{set: {X-Frame-Options: DENY}}", node);
    const struct node *remove = node_find(node, SLICE("remove"));
    const struct node *set = node_find(node, SLICE("set")), *add = node_find(node, SLICE("add"));
    uint32_t removals = remove && remove->kind == NODE_SEQUENCE ? remove->count : 1;
    struct list list = {.reader = reader,
                        .direction = direction,
                        .capacity =
                            around->count + removals + count_values(set) + count_values(add)};
    list.items = ARENA_ARRAY(reader->arena, struct operation, list.capacity);
    if (!list.items || !check_keys(reader, node))
        return false;
    for (; list.count < around->count; list.count++)
        list.items[list.count] = around->items[list.count];
    bool good = !remove || read_names(&list, remove);
    good &= !set || read_values(&list, OPERATION_SET, set);
    good &= !add || read_values(&list, OPERATION_ADD, add);
    *ret_operations = (struct operations){.items = list.items, .count = list.count};
    return good;
}

static bool read_request(struct setting_reader *reader, const struct node *node, void *field)
{
    return read_operations(reader, &to_server, node, field);
}

static bool read_response(struct setting_reader *reader, const struct node *node, void *field)
{
    return read_operations(reader, &to_client, node, field);
}

static const struct setting records[] = {
    {
        .name = "request",
        .type = SETTING_CUSTOM,
        .offset = offsetof(struct headers_settings, request),
        .size = sizeof(struct operations),
        .read = read_request,
        .standard = "off",
        .form =
            "off | {set: {*: TEMPLATE}, add: {*: TEMPLATE | [TEMPLATE]}, remove: TEXT | [TEXT]}",
        .phase = TEMPLATE_REQUEST,
        .scopes = SCOPE_SITE | SCOPE_ROUTE,
        .summary = "Fields to remove from the request, to set and to add, before it goes to a "
                   "server; adds to what the scopes around ask for, off takes that back.",
        .example = "{set: {X-Client: $client_ip}, remove: X-Debug}",
    },
    {
        .name = "response",
        .type = SETTING_CUSTOM,
        .offset = offsetof(struct headers_settings, response),
        .size = sizeof(struct operations),
        .read = read_response,
        .standard = "off",
        .form =
            "off | {set: {*: TEMPLATE}, add: {*: TEMPLATE | [TEMPLATE]}, remove: TEXT | [TEXT]}",
        .phase = TEMPLATE_RESPONSE,
        .scopes = SCOPE_SITE | SCOPE_ROUTE,
        .summary = "Fields to remove from the response, to set and to add, before it goes to the "
                   "client; adds to what the scopes around ask for, off takes that back.",
        .example = "{set: {X-Frame-Options: DENY}, remove: [Server, X-Powered-By]}",
    },
};

const struct setting_group headers_group = {
    .name = "headers",
    .settings = records,
    .count = sizeof(records) / sizeof(records[0]),
    .size = sizeof(struct headers_settings),
    .summary = "Fields that are changed on the way.",
};

/* ---- what it does */

static void take_away(struct fields *fields, const struct operation *operation)
{
    if (operation->kind != OPERATION_ADD)
        (void)(operation->id ? fields_remove(fields, operation->id)
                             : fields_remove_text(fields, operation->name));
}

/* A value into which a peer brought bytes that no field may carry (RFC 9110 5.5) is not written:
 * nothing that a peer sends can end a field and begin another. Nor is an empty one, as in a field
 * made of a variable that is not there. What was there before a `set` goes all the same. False: no
 * memory. */
static bool apply(struct exchange *exchange, struct fields *fields,
                  const struct operation *operation)
{
    ASSERT(operation->name.length > 0 && (operation->kind == OPERATION_REMOVE || operation->value));
    struct slice value = SLICE("");
    if (operation->kind != OPERATION_REMOVE)
        value = slice_trim(exchange_expand(exchange, operation->value));
    if (!value.data)
        return false;
    take_away(fields, operation);
    if (slice_is_empty(value) || !field_value_is_valid(value))
        return true;
    return fields_add(fields, exchange_arena(exchange), operation->id, operation->name, value);
}

static bool apply_all(struct exchange *exchange, struct fields *fields,
                      const struct operations *operations)
{
    for (uint32_t i = 0; i < operations->count; i++) {
        if (!apply(exchange, fields, &operations->items[i]))
            return false;
    }
    return true;
}

static bool is_wanted(const void *settings)
{
    const struct headers_settings *headers = settings;
    return headers->request.count + headers->response.count > 0;
}

static bool check_captures(const struct operations *operations,
                           const struct stage_compiler *compiler)
{
    bool good = true;
    for (uint32_t i = 0; i < operations->count; i++) {
        const struct operation *operation = &operations->items[i];
        if (operation->value)
            good &= route_check_captures(compiler->route, operation->value,
                                         operation->node->position, compiler->diagnostics);
    }
    return good;
}

static const void *compile(const void *settings, const struct stage_compiler *compiler)
{
    const struct headers_settings *headers = settings;
    bool good = check_captures(&headers->request, compiler);
    good &= check_captures(&headers->response, compiler);
    return good ? headers : NULL;
}

static enum stage_verdict on_request(struct exchange *exchange, const void *settings)
{
    const struct headers_settings *headers = settings;
    if (apply_all(exchange, &exchange_request_head(exchange)->fields, &headers->request))
        return STAGE_GO_ON;
    exchange_refuse(exchange, ERROR_OUT_OF_MEMORY);
    return STAGE_ANSWER;
}

static void take_all_away(struct fields *trailers, const struct operations *operations)
{
    for (uint32_t i = 0; i < operations->count; i++)
        take_away(trailers, &operations->items[i]);
}

/* Many applications take a trailer for a field of the head, where nobody but us may have set it. */
static void on_request_trailers(struct fields *trailers, const void *settings)
{
    const struct headers_settings *headers = settings;
    take_all_away(trailers, &headers->request);
}

/* Without memory for the rest the response goes without it. */
static void on_response(struct exchange *exchange, const void *settings)
{
    const struct headers_settings *headers = settings;
    (void)apply_all(exchange, &exchange_response_head(exchange)->fields, &headers->response);
}

static void on_response_trailers(struct fields *trailers, const void *settings)
{
    const struct headers_settings *headers = settings;
    take_all_away(trailers, &headers->response);
}

const struct stage headers_stage = {
    .name = "headers",
    .group = &headers_group,
    .is_wanted = is_wanted,
    .compile = compile,
    .on_request = on_request,
    .on_request_trailers = on_request_trailers,
    .on_response = on_response,
    .on_response_trailers = on_response_trailers,
};
