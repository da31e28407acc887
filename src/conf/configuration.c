/* From files to scopes: what stands where, and who inherits from whom. */
#include "conf/configuration.h"

#include "base/assert.h"
#include "conf/configuration_int.h"

#include <stdlib.h>

enum { MEMORY_MAX = 1 << 30 };

/* A mapping with one key, for what is written in a short form. NULL: no memory. */
static struct node *long_form(struct loading *loading, const char *key, struct node *value)
{
    struct node *mapping = loading_allocate(loading, sizeof(*mapping));
    struct node_pair *pair = loading_allocate(loading, sizeof(*pair));
    if (!mapping || !pair)
        return NULL;
    ASSERT(value->kind != NODE_MAPPING);
    *pair = (struct node_pair){slice_from_text(key), value->position, value};
    mapping->kind = NODE_MAPPING;
    mapping->position = value->position;
    mapping->count = 1;
    mapping->pairs = pair;
    return mapping;
}

static struct node *list_of_one(struct loading *loading, struct node *item)
{
    struct node *list = loading_allocate(loading, sizeof(*list));
    struct node **items = loading_allocate(loading, sizeof(*items));
    if (!list || !items)
        return NULL;
    items[0] = item;
    list->kind = NODE_SEQUENCE;
    list->position = item->position;
    list->count = 1;
    list->items = items;
    return list;
}

static void load_listeners(struct loading *loading, const struct node *list)
{
    struct configuration *configuration = loading->configuration;
    size_t count = list ? list->count : 0;
    ASSERT(!list || list->kind == NODE_SEQUENCE);
    configuration->listeners = loading_allocate(loading, (count + 1) * sizeof(struct scope *));
    for (size_t i = 0; configuration->listeners && i < count; i++) {
        struct node *item = list->items[i];
        if (item->kind == NODE_SEQUENCE || node_is_nothing(item)) {
            refuse_kind(loading, item, "an entry of \"listen\"", "an address or a mapping",
                        "for example \":80\" or {address: \":8443\", tls: on}");
            continue;
        }
        if (item->kind == NODE_SCALAR)
            item = long_form(loading, "address", item);
        struct scope *scope =
            item ? scope_new(loading, SCOPE_LISTENER, item, configuration->top) : NULL;
        if (scope)
            configuration->listeners[configuration->listener_count++] = scope;
    }
}

/* What `proxy` tells from an address by its looks. */
static bool is_upstream_name(struct slice name)
{
    for (size_t i = 0; i < name.length; i++) {
        char c = ascii_lower(name.data[i]);
        if (!ascii_is_digit(c) && (c < 'a' || c > 'z') && (i == 0 || !strchr("_-.", c)))
            return false;
    }
    return name.length > 0;
}

static struct scope *load_upstream(struct loading *loading, const struct node_pair *pair)
{
    struct node *node = pair->value;
    if (!is_upstream_name(pair->key)) {
        loading->failed = true;
        diagnostics_error(loading->diagnostics, pair->key_position,
                          "letters and digits, then also \"-\", \"_\" and \".\"",
                          "\"%.*s\" cannot be the name of an upstream", SHOWN(pair->key));
        return NULL;
    }
    if (node_is_nothing(node)) {
        refuse_kind(loading, node, "an upstream", "",
                    "for example \"shop: [10.0.0.1:8080, 10.0.0.2:8080]\"");
        return NULL;
    }
    if (node->kind == NODE_SCALAR)
        node = list_of_one(loading, node);
    if (node && node->kind == NODE_SEQUENCE)
        node = long_form(loading, "servers", node);
    struct scope *scope =
        node ? scope_new(loading, SCOPE_UPSTREAM, node, loading->configuration->upstream_defaults)
             : NULL;
    if (scope)
        scope->name = pair->key;
    return scope;
}

static void load_upstreams(struct loading *loading, const struct node *mapping)
{
    struct configuration *configuration = loading->configuration;
    size_t count = mapping ? mapping->count : 0;
    ASSERT(!mapping || mapping->kind == NODE_MAPPING);
    configuration->upstreams = loading_allocate(loading, (count + 1) * sizeof(struct scope *));
    for (size_t i = 0; configuration->upstreams && i < count; i++) {
        struct scope *scope = load_upstream(loading, &mapping->pairs[i]);
        if (scope)
            configuration->upstreams[configuration->upstream_count++] = scope;
    }
}

/* Sites or routes, in their list. Goes as deep as YAML goes. */
static void load_children(struct loading *loading, enum scope_kind kind, const struct node *list,
                          struct scope *parent, struct scope *inherits_from)
{
    bool is_site = kind == SCOPE_SITE;
    ASSERT(is_site || kind == SCOPE_ROUTE);
    if (!list)
        return;
    if (list->kind != NODE_SEQUENCE) {
        refuse_kind(loading, list, "\"routes\"", "a list",
                    "begin each route with a dash: \"- path: /api/*\"");
        return;
    }
    parent->children = loading_allocate(loading, (list->count + 1) * sizeof(struct scope *));
    for (uint32_t i = 0; parent->children && i < list->count; i++) {
        const struct node *item = list->items[i];
        if (item->kind != NODE_MAPPING) {
            refuse_kind(loading, item, is_site ? "a site" : "a route", "a mapping",
                        is_site ? "for example \"- host: example.com\""
                                : "for example \"- path: /api/*\"");
            continue;
        }
        struct scope *scope = scope_new(loading, kind, item, inherits_from);
        if (!scope)
            return;
        parent->children[parent->child_count++] = scope;
        load_children(loading, SCOPE_ROUTE, node_find(item, SLICE("routes")), scope, scope);
    }
}

/* The mapping under a key, or NULL; something else is told. */
static const struct node *find_mapping(struct loading *loading, const struct node *around,
                                       const char *key)
{
    const struct node *node = node_find(around, slice_from_text(key));
    if (!node || node->kind == NODE_MAPPING)
        return node;
    refuse_kind(loading, node, diagnostics_text(loading->diagnostics, "\"%s\"", key), "a mapping",
                NULL);
    return NULL;
}

static bool load_scopes(struct loading *loading, const struct node *root)
{
    struct configuration *configuration = loading->configuration;
    const struct node *defaults = find_mapping(loading, root, "defaults");
    const struct node *upstream = find_mapping(loading, defaults, "upstream");
    configuration->top = scope_new(loading, SCOPE_TOP, root, NULL);
    configuration->defaults = scope_new(loading, SCOPE_DEFAULTS, defaults, configuration->top);
    configuration->upstream_defaults =
        scope_new(loading, SCOPE_UPSTREAM_DEFAULTS, upstream, configuration->top);
    if (!configuration->top || !configuration->defaults || !configuration->upstream_defaults)
        return false;
    load_listeners(loading, node_find(root, SLICE("listen")));
    load_upstreams(loading, node_find(root, SLICE("upstreams")));
    load_children(loading, SCOPE_SITE, node_find(root, SLICE("sites")), configuration->top,
                  configuration->defaults);
    return true;
}

static void free_map(void *map)
{
    map_fini(map);
}

/* NULL: no memory. */
static struct map *make_map(struct arena *arena)
{
    struct map *map = ARENA_NEW(arena, struct map);
    if (!map || !arena_on_fini(arena, free_map, map))
        return NULL;
    map_init(map);
    return map;
}

struct configuration *configuration_load(struct slice name, struct slice bytes,
                                         const struct vocabulary *vocabulary,
                                         const struct configuration_reader *reader,
                                         struct diagnostics *diagnostics)
{
    struct configuration *configuration = calloc(1, sizeof(*configuration));
    if (!configuration)
        return NULL;
    arena_init(&configuration->arena, NULL, MEMORY_MAX);
    configuration->shared_files = make_map(&configuration->arena);
    configuration->vocabulary = vocabulary;
    struct loading loading = {
        .configuration = configuration, .with = reader, .diagnostics = diagnostics};
    size_t errors = diagnostics_errors(diagnostics);
    ASSERT(vocabulary->group_count <= GROUPS_MAX);
    const struct node *root = include_read(&loading, name, bytes);
    bool good = configuration->shared_files && scope_make_standards(&loading) &&
                load_scopes(&loading, root);
    bool nothing_told = diagnostics_errors(diagnostics) == errors;
    if (!good || (nothing_told && (loading.failed || !root))) {
        configuration_free(configuration);
        return NULL;
    }
    return configuration;
}

void configuration_free(struct configuration *configuration)
{
    if (!configuration)
        return;
    arena_fini(&configuration->arena);
    free(configuration);
}
