/* A configuration in several files is read as if it were one: `sites` and `listen` follow each
 * other, all other mappings are put together key by key, and whatever is written twice is an error
 * with both places. */
#include "base/assert.h"
#include "base/map.h"
#include "conf/configuration_int.h"

struct merging {
    struct loading *loading;
    struct node *const *roots;
    size_t root_count;
    const struct node_pair **found; /* of one key in all roots; room for one of each */
    size_t found_count;
    struct node *result;
};

/* Mappings that become one. */
struct merge {
    struct loading *loading;
    struct node *result; /* with room for all pairs */
    struct map keys;     /* to their pairs in the result */
    bool goes_deeper;    /* mappings under one key become one, too */
};

static void tell_twice(struct loading *loading, const struct node_pair *first,
                       const struct node_pair *second)
{
    struct position place = first->key_position;
    ASSERT(place.source < loading->configuration->source_count);
    const struct source *source = &loading->configuration->sources[place.source];
    loading->failed = true;
    diagnostics_error(loading->diagnostics, second->key_position, "keep one of the two",
                      "\"%.*s\" is written twice: already in %.*s:%u:%u", SHOWN(second->key),
                      SHOWN(source->name), place.line, place.column);
}

static struct node *new_mapping(struct loading *loading, struct position position, size_t room)
{
    struct node *mapping = loading_allocate(loading, sizeof(*mapping));
    struct node_pair *pairs = loading_allocate(loading, (room + 1) * sizeof(*pairs));
    if (!mapping || !pairs)
        return NULL;
    mapping->kind = NODE_MAPPING;
    mapping->position = position;
    mapping->pairs = pairs;
    return mapping;
}

static struct node *merge_two(struct loading *loading, const struct node *first,
                              const struct node *second);

static void merge_pair(struct merge *merge, const struct node_pair *pair)
{
    struct node *result = merge->result;
    struct node_pair *known = map_get(&merge->keys, pair->key);
    if (!known) {
        known = &result->pairs[result->count++];
        *known = *pair;
        merge->loading->failed |= !map_set(&merge->keys, pair->key, known);
    } else if (merge->goes_deeper && known->value->kind == NODE_MAPPING &&
               pair->value->kind == NODE_MAPPING) {
        struct node *both = merge_two(merge->loading, known->value, pair->value);
        known->value = both ? both : known->value;
    } else {
        tell_twice(merge->loading, known, pair);
    }
}

static void merge_pairs(struct merge *merge, const struct node *mapping)
{
    for (uint32_t i = 0; i < mapping->count; i++)
        merge_pair(merge, &mapping->pairs[i]);
}

/* Mappings of one key in two files. Goes as deep as YAML goes. NULL: no memory. */
static struct node *merge_two(struct loading *loading, const struct node *first,
                              const struct node *second)
{
    struct merge merge = {.loading = loading, .goes_deeper = true};
    merge.result = new_mapping(loading, first->position, (size_t)first->count + second->count);
    if (!merge.result)
        return NULL;
    merge_pairs(&merge, first);
    merge_pairs(&merge, second);
    map_fini(&merge.keys);
    return merge.result;
}

/* Finds a key in all roots. */
static void find_all(struct merging *merging, struct slice key)
{
    merging->found_count = 0;
    for (size_t i = 0; i < merging->root_count; i++) {
        const struct node *root = merging->roots[i];
        for (uint32_t j = 0; j < root->count; j++) {
            if (slice_equal(root->pairs[j].key, key))
                merging->found[merging->found_count++] = &root->pairs[j];
        }
    }
    ASSERT(merging->found_count <= merging->root_count);
}

/* Puts what became of the pairs that were found into the result, where the first one stood. */
static void put(struct merging *merging, struct node *value)
{
    struct node *result = merging->result;
    ASSERT(merging->found_count > 0);
    value->position = merging->found[0]->value->position;
    result->pairs[result->count] = *merging->found[0];
    result->pairs[result->count++].value = value;
}

/* Servers alone, as those of one upstream are written. */
static const char *named_cure(const struct merging *merging, const struct node *value)
{
    const struct node *server =
        value->kind == NODE_SEQUENCE && value->count > 0 ? value->items[0] : value;
    if (server->kind != NODE_SCALAR || node_is_nothing(server))
        return "for example \"shop: [10.0.0.1:8080]\"";
    return diagnostics_text(merging->loading->diagnostics,
                            "servers stand below a name of theirs: \"shop: [%.*s]\"",
                            SHOWN(server->text));
}

/* The upstreams of all files, whose names differ; what is not a mapping is told. */
static void merge_upstreams(struct merging *merging)
{
    struct merge merge = {.loading = merging->loading};
    size_t room = 0;
    find_all(merging, SLICE("upstreams"));
    for (size_t i = 0; i < merging->found_count; i++)
        room += merging->found[i]->value->count;
    if (merging->found_count > 0)
        merge.result = new_mapping(merging->loading, (struct position){0}, room);
    for (size_t i = 0; merge.result && i < merging->found_count; i++) {
        const struct node *value = merging->found[i]->value;
        if (value->kind == NODE_MAPPING)
            merge_pairs(&merge, value);
        else
            refuse_kind(merging->loading, value, "\"upstreams\"", "a mapping of names",
                        named_cure(merging, value));
    }
    map_fini(&merge.keys);
    if (merge.result)
        put(merging, merge.result);
}

/* `listen: ":80"` is a list of one. */
static bool is_item(const struct node *value, bool takes_one)
{
    return takes_one && value->kind != NODE_SEQUENCE && !node_is_nothing(value);
}

static void refuse_list(struct merging *merging, const struct node_pair *pair, bool takes_one)
{
    refuse_kind(merging->loading, pair->value, takes_one ? "\"listen\"" : "\"sites\"", "a list",
                takes_one ? "for example \"listen: [\":80\"]\""
                          : "begin each site with a dash: \"- host: example.com\"");
}

/* All items in one list; `takes_one`: what is no list may be an item. */
static void merge_list(struct merging *merging, struct slice key, bool takes_one)
{
    size_t room = 0;
    find_all(merging, key);
    if (merging->found_count == 0)
        return;
    for (size_t i = 0; i < merging->found_count; i++)
        room += (size_t)merging->found[i]->value->count + 1;
    struct node *list = loading_allocate(merging->loading, sizeof(*list));
    struct node **items = loading_allocate(merging->loading, room * sizeof(*items));
    if (!list || !items)
        return;
    list->kind = NODE_SEQUENCE;
    list->items = items;
    for (size_t i = 0; i < merging->found_count; i++) {
        const struct node_pair *pair = merging->found[i];
        if (is_item(pair->value, takes_one))
            items[list->count++] = pair->value;
        else if (pair->value->kind != NODE_SEQUENCE)
            refuse_list(merging, pair, takes_one);
        for (uint32_t j = 0; pair->value->kind == NODE_SEQUENCE && j < pair->value->count; j++)
            items[list->count++] = pair->value->items[j];
    }
    put(merging, list);
}

static bool has_rule_of_its_own(struct slice key)
{
    static const char *const keys[] = {"include", "listen", "upstreams", "sites"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        if (slice_equal(key, slice_from_text(keys[i])))
            return true;
    }
    return false;
}

/* All other keys. */
static void merge_settings(struct merging *merging)
{
    struct merge merge = {
        .loading = merging->loading, .result = merging->result, .goes_deeper = true};
    for (size_t i = 0; i < merging->root_count; i++) {
        const struct node *root = merging->roots[i];
        for (uint32_t j = 0; j < root->count; j++) {
            if (!has_rule_of_its_own(root->pairs[j].key))
                merge_pair(&merge, &root->pairs[j]);
        }
    }
    map_fini(&merge.keys);
}

struct node *merge_roots(struct loading *loading, struct node *const *roots, size_t count)
{
    ASSERT(count > 0);
    struct merging merging = {.loading = loading, .roots = roots, .root_count = count};
    size_t room = 0;
    for (size_t i = 0; i < count; i++)
        room += roots[i]->count;
    merging.found = loading_allocate(loading, count * sizeof(*merging.found));
    merging.result = new_mapping(loading, roots[0]->position, room);
    if (!merging.found || !merging.result)
        return NULL;
    merge_settings(&merging);
    merge_list(&merging, SLICE("listen"), true);
    merge_upstreams(&merging);
    merge_list(&merging, SLICE("sites"), false);
    return merging.result;
}
