#include "conf/yaml_tree.h"

#include "base/arena.h"
#include "base/assert.h"

#include <stdlib.h>

enum {
    SHARED_KEYS_MAX = 1000,
    FEW_KEYS = 16, /* are compared with each other; more go through a map */
    STACK_FIRST = 256,
};

/* Tells an error after which nothing more can be read. */
#define GIVE_UP(tree, position, cure, ...)                                                         \
    do {                                                                                           \
        (tree)->gave_up = true;                                                                    \
        diagnostics_error((tree)->diagnostics, (position), (cure), __VA_ARGS__);                   \
    } while (0)

static void *allocate(struct yaml_tree *tree, size_t size)
{
    void *memory = arena_calloc(tree->arena, size);
    if (!memory)
        tree->no_memory = true;
    return memory;
}

/* Counts nodes; false: there are too many. */
static bool weigh(struct yaml_tree *tree, struct position position, uint32_t weight)
{
    tree->weight += weight;
    if (tree->depth > 0)
        tree->frames[tree->depth - 1].weight += weight;
    if (tree->weight <= YAML_NODES_MAX)
        return true;
    GIVE_UP(tree, position, weight > 1 ? "use the alias less often" : NULL,
            "the file has more than %d values", YAML_NODES_MAX);
    return false;
}

static bool push(struct yaml_tree *tree, struct node_pair pair)
{
    if (tree->stacked == tree->stack_size) {
        size_t size = tree->stack_size ? 2 * tree->stack_size : STACK_FIRST;
        struct node_pair *grown = realloc(tree->stack, size * sizeof(*grown));
        if (!grown) {
            tree->no_memory = true;
            return false;
        }
        tree->stack = grown;
        tree->stack_size = size;
    }
    tree->stack[tree->stacked++] = pair;
    return true;
}

static void take_key(struct yaml_tree *tree, struct yaml_frame *frame, const struct node *key)
{
    struct diagnostics *diagnostics = tree->diagnostics;
    frame->has_key = true;
    frame->key_is_bad = true;
    frame->key = (struct node_pair){.key_position = key->position};
    if (key->kind != NODE_SCALAR) {
        diagnostics_error(diagnostics, key->position, "in quotes it is a text",
                          "a key must be a text, but here is %s", node_kind_words(key));
    } else if (node_is_word(key, "<<")) {
        diagnostics_error(diagnostics, key->position,
                          "what is the same for many belongs into \"defaults\" or around them",
                          "merge keys (<<) are not read");
    } else if (node_is_nothing(key)) {
        diagnostics_error(diagnostics, key->position,
                          "a text that begins with a colon must be in "
                          "quotes: \":80\"",
                          "there is no key before the colon");
    } else {
        frame->key.key = key->text;
        frame->key_is_bad = false;
    }
}

/* Gives a node its place. */
static void put(struct yaml_tree *tree, struct node *node)
{
    if (tree->depth == 0) {
        tree->root = node;
        return;
    }
    struct yaml_frame *frame = &tree->frames[tree->depth - 1];
    if (frame->node->kind == NODE_SEQUENCE) {
        push(tree, (struct node_pair){.value = node});
    } else if (!frame->has_key) {
        take_key(tree, frame, node);
    } else {
        frame->has_key = false;
        frame->key.value = node;
        if (!frame->key_is_bad)
            push(tree, frame->key);
    }
}

static struct yaml_anchor *find_anchor(struct yaml_tree *tree, struct slice name)
{
    for (size_t i = tree->anchor_count; i-- > 0;) {
        if (slice_equal(tree->anchors[i].name, name))
            return &tree->anchors[i];
    }
    return NULL;
}

/* A name may be given anew: then the later one counts, as YAML says. */
static struct yaml_anchor *new_anchor(struct yaml_tree *tree, const char *name, struct node *node)
{
    if (!name || !node)
        return NULL;
    if (tree->anchor_count == YAML_ANCHORS_MAX) {
        GIVE_UP(tree, node->position, NULL, "there are more than %d anchors", YAML_ANCHORS_MAX);
        return NULL;
    }
    struct yaml_anchor *anchor = &tree->anchors[tree->anchor_count++];
    anchor->node = node;
    anchor->weight = 0;
    anchor->name = arena_copy(tree->arena, slice_from_text(name));
    tree->no_memory |= !anchor->name.data;
    return anchor;
}

static void tell_too_deep(struct yaml_tree *tree, struct position position)
{
    GIVE_UP(tree, position, NULL, "mappings and lists lie more than %d deep in each other",
            YAML_DEPTH_MAX);
}

/* What lies in the open mapping or list is that high. */
static void rise(struct yaml_tree *tree, uint32_t height)
{
    if (tree->depth > 0 && tree->frames[tree->depth - 1].height <= height)
        tree->frames[tree->depth - 1].height = height + 1;
}

void yaml_tree_init(struct yaml_tree *tree, struct arena *arena, struct diagnostics *diagnostics)
{
    memset(tree, 0, sizeof(*tree));
    tree->arena = arena;
    tree->diagnostics = diagnostics;
    map_init(&tree->keys);
}

void yaml_tree_fini(struct yaml_tree *tree)
{
    map_fini(&tree->keys);
    free(tree->stack);
    tree->stack = NULL;
}

const struct node *yaml_tree_open(const struct yaml_tree *tree)
{
    return tree->depth > 0 ? tree->frames[tree->depth - 1].node : NULL;
}

bool yaml_tree_awaits_key(const struct yaml_tree *tree)
{
    const struct node *open = yaml_tree_open(tree);
    return open && open->kind == NODE_MAPPING && !tree->frames[tree->depth - 1].has_key;
}

struct slice yaml_tree_key(struct yaml_tree *tree, struct slice key)
{
    const char *known = map_get(&tree->keys, key);
    if (known)
        return slice_of(known, key.length);
    struct slice copy = arena_copy(tree->arena, key);
    /* The map takes no constants, but nobody writes through it. */
    if (copy.data && tree->keys.count < SHARED_KEYS_MAX)
        (void)map_set(&tree->keys, copy, (char *)(uintptr_t)copy.data);
    return copy;
}

void yaml_tree_add(struct yaml_tree *tree, struct node *scalar, const char *anchor_name)
{
    ASSERT(scalar->kind == NODE_SCALAR);
    ASSERT(!tree->gave_up && !tree->no_memory);
    struct node *node = scalar;
    if (anchor_name && yaml_tree_awaits_key(tree)) {
        node = allocate(tree, sizeof(*node));
        if (!node)
            return;
        *node = *scalar;
    }
    struct yaml_anchor *anchor = new_anchor(tree, anchor_name, node);
    if (anchor)
        anchor->weight = 1;
    if (weigh(tree, node->position, 1))
        put(tree, node);
}

void yaml_tree_begin(struct yaml_tree *tree, enum node_kind kind, struct position position,
                     const char *anchor)
{
    ASSERT(!tree->gave_up && tree->depth <= YAML_DEPTH_MAX);
    if (tree->depth == YAML_DEPTH_MAX) {
        tell_too_deep(tree, position);
        return;
    }
    struct node *node = allocate(tree, sizeof(*node));
    if (!node)
        return;
    node->kind = kind;
    node->position = position;
    tree->frames[tree->depth++] = (struct yaml_frame){.node = node,
                                                      .anchor = new_anchor(tree, anchor, node),
                                                      .first = tree->stacked,
                                                      .height = 1};
}

/* Tells a key that is there twice, with both places. */
static void tell_duplicate(struct yaml_tree *tree, const struct node_pair *first,
                           const struct node_pair *second)
{
    diagnostics_error(tree->diagnostics, second->key_position, "keep one of the two",
                      "the key \"%.*s\" is written twice: already in line %u, column %u",
                      SHOWN(second->key), first->key_position.line, first->key_position.column);
}

static struct node_pair *find_earlier(const struct map *map, struct node_pair *pairs, size_t end,
                                      struct slice key)
{
    if (map->capacity > 0)
        return map_get(map, key);
    for (size_t i = 0; i < end; i++) {
        if (slice_equal(pairs[i].key, key))
            return &pairs[i];
    }
    return NULL;
}

/* Leaves the first of each key; how many are left. */
static size_t drop_duplicates(struct yaml_tree *tree, struct node_pair *pairs, size_t count)
{
    struct map map;
    size_t kept = 0;
    map_init(&map);
    for (size_t i = 0; i < count; i++) {
        const struct node_pair *earlier = find_earlier(&map, pairs, kept, pairs[i].key);
        if (earlier) {
            tell_duplicate(tree, earlier, &pairs[i]);
            continue;
        }
        pairs[kept] = pairs[i];
        if (count > FEW_KEYS && !map_set(&map, pairs[kept].key, &pairs[kept]))
            tree->no_memory = true;
        kept++;
    }
    map_fini(&map);
    return kept;
}

/* Moves the children from the stack into their mapping or list. */
static void take_children(struct yaml_tree *tree, const struct yaml_frame *frame)
{
    struct node *node = frame->node;
    size_t count = tree->stacked - frame->first;
    struct node_pair *children = &tree->stack[frame->first];
    if (node->kind == NODE_MAPPING) {
        count = drop_duplicates(tree, children, count);
        node->pairs = allocate(tree, count * sizeof(*node->pairs));
        if (node->pairs)
            memcpy(node->pairs, children, count * sizeof(*node->pairs));
    } else {
        node->items = allocate(tree, count * sizeof(*node->items));
        for (size_t i = 0; node->items && i < count; i++)
            node->items[i] = children[i].value;
    }
    node->count = tree->no_memory ? 0 : (uint32_t)count;
    tree->stacked = frame->first;
}

void yaml_tree_end(struct yaml_tree *tree)
{
    ASSERT(tree->depth > 0);
    const struct yaml_frame *frame = &tree->frames[--tree->depth];
    ASSERT(frame->first <= tree->stacked);
    if (tree->stacked > frame->first)
        take_children(tree, frame);
    if (frame->anchor) {
        frame->anchor->weight = frame->weight + 1;
        frame->anchor->height = frame->height;
    }
    rise(tree, frame->height);
    if (tree->depth > 0)
        tree->frames[tree->depth - 1].weight += frame->weight;
    if (weigh(tree, frame->node->position, 1))
        put(tree, frame->node);
}

void yaml_tree_repeat(struct yaml_tree *tree, struct position position, const char *anchor_name)
{
    struct slice name = slice_from_text(anchor_name);
    const struct yaml_anchor *anchor = find_anchor(tree, name);
    if (!anchor)
        GIVE_UP(tree, position,
                diagnostics_text(tree->diagnostics,
                                 "if this is a text that begins with a star, put it in quotes: "
                                 "\"*%.*s\"",
                                 SHOWN(name)),
                "\"*%.*s\" is an alias in YAML, but there is no anchor \"&%.*s\"", SHOWN(name),
                SHOWN(name));
    else if (anchor->weight == 0)
        GIVE_UP(tree, position, NULL, "the alias \"*%.*s\" stands inside of what it repeats",
                SHOWN(name));
    else if (tree->depth + anchor->height > YAML_DEPTH_MAX)
        tell_too_deep(tree, position);
    else if (weigh(tree, position, anchor->weight)) {
        rise(tree, anchor->height);
        put(tree, anchor->node);
    }
}
