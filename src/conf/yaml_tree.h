/* A tree under construction: takes keys, values and the ends of mappings and lists in their order,
 * counts them, and refuses what has no place: duplicate and other keys that are no texts, merge
 * keys, aliases that hold themselves or multiply without end, what lies too deep. */
#pragma once

#include "base/map.h"
#include "conf/yaml.h"

struct yaml_anchor {
    struct slice name;
    struct node *node;
    uint32_t weight; /* nodes in it; 0: not yet at its end */
    uint32_t height; /* mappings and lists in each other */
};

/* A mapping or list that is not yet at its end. */
struct yaml_frame {
    struct node *node;
    struct yaml_anchor *anchor; /* NULL: it has none */
    size_t first;               /* of its children in the stack */
    uint32_t weight, height;
    bool has_key;    /* NODE_MAPPING: `key` waits for its value */
    bool key_is_bad; /* and its value is left out */
    struct node_pair key;
};

struct yaml_tree {
    struct arena *arena; /* of the nodes */
    struct diagnostics *diagnostics;
    struct node *root; /* NULL: there is none yet */
    bool no_memory;    /* all else is then without meaning */
    bool gave_up;      /* something was told after which nothing more can be read */

    uint32_t weight; /* nodes so far, as often as aliases repeat them */
    struct yaml_frame frames[YAML_DEPTH_MAX];
    size_t depth;
    struct node_pair *stack; /* children of all open frames; keys only in mappings */
    size_t stacked, stack_size;
    struct yaml_anchor anchors[YAML_ANCHORS_MAX];
    size_t anchor_count;
    struct map keys; /* to the one copy of each */
};

/* The tree itself is the caller's, and large: not for the stack. */
void yaml_tree_init(struct yaml_tree *tree, struct arena *arena, struct diagnostics *diagnostics);

/* The nodes stay in their arena. */
void yaml_tree_fini(struct yaml_tree *tree);

/* Whether the next scalar is a key. */
bool yaml_tree_awaits_key(const struct yaml_tree *tree);

/* The mapping or list that is open, or NULL. */
const struct node *yaml_tree_open(const struct yaml_tree *tree);

/* The one copy of a key's text. Data is NULL where there was no memory. */
struct slice yaml_tree_key(struct yaml_tree *tree, struct slice key);

/* Adds a scalar. A value stays where it is, in the arena; of a key only the text (of
 * yaml_tree_key) is kept, unless it has an anchor. `anchor` may be NULL, as in the next. */
void yaml_tree_add(struct yaml_tree *tree, struct node *scalar, const char *anchor);

/* Begins a mapping or list, and ends the one that was begun last. */
void yaml_tree_begin(struct yaml_tree *tree, enum node_kind kind, struct position position,
                     const char *anchor);
void yaml_tree_end(struct yaml_tree *tree);

/* Adds once more what has that anchor. */
void yaml_tree_repeat(struct yaml_tree *tree, struct position position, const char *anchor);
