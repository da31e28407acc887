/* The tree of a configuration file: YAML without YAML's guesses. Every scalar keeps its text, every
 * node its place. Nodes live in the arena of the configuration. Immutable once read. */
#pragma once

#include "base/slice.h"

/* A place in a source. Lines and columns count from 1; columns count characters, not bytes. */
struct position {
    uint16_t source; /* index in the configuration's sources */
    uint32_t line, column;
};

enum node_kind { NODE_SCALAR, NODE_MAPPING, NODE_SEQUENCE };

struct node_pair;

/* A stretch of a scalar's text, in bytes, that came from the environment. */
struct node_stretch {
    uint32_t start, end;
    struct slice reference; /* what stands in the file for it: `${env.NAME:-default}` */
};

struct node {
    struct position position;
    enum node_kind kind : 8;
    bool quoted;           /* NODE_SCALAR: in quotes or a block; a bare empty scalar is "nothing" */
    bool verbatim;         /* NODE_SCALAR: the text stands on one line of the file, byte for byte */
    bool commented;        /* NODE_SCALAR: nothing is here but a comment */
    bool anchored;         /* NODE_SCALAR: nothing is here but an anchor */
    bool tight;            /* NODE_SCALAR: it is a key's, and no space was behind the colon */
    uint32_t count;        /* of pairs or items; 0 in a scalar */
    union {                /* the text of a mapping or a sequence is empty */
        struct slice text; /* NODE_SCALAR: with the environment put in */
        struct node_pair *pairs; /* NODE_MAPPING, in the file's order; keys differ */
        struct node **items;     /* NODE_SEQUENCE */
    };
    /* NODE_SCALAR: what came from the environment, in order, ended by an empty stretch; no template
     * looks for variables there. NULL: nothing. */
    const struct node_stretch *environment;
};

struct node_pair {
    struct slice key;
    struct position key_position;
    struct node *value;
};

/* The value of a key, or NULL; also where the node is no mapping (or NULL). */
const struct node *node_find(const struct node *mapping, struct slice key);

/* Whether both say the same, wherever they stand: the same values, lists in the same order,
 * mappings with the same keys. */
bool node_equal(const struct node *a, const struct node *b);

/* Whether it is a bare empty scalar: `key:` and nothing behind it. */
bool node_is_nothing(const struct node *node);

/* Whether the pair is the address of a server that stands in braces, where YAML makes a key of it:
 * `{app:3000}`, `{10.0.0.1:80}`, `{http://app}`. */
bool node_is_braced_address(const struct node_pair *pair);

/* Whether it is this word, without quotes. */
bool node_is_word(const struct node *node, const char *word);

/* Whether it is a whole number of percent such as `20%`, up to `max`. */
bool node_is_percent(const struct node *node, uint32_t max, uint32_t *ret_percent);

/* The place of a byte of a scalar's text, as near as is known. */
struct position node_position_at(const struct node *scalar, size_t offset);

/* `a text`, `an empty list`, `a mapping`, `nothing` and the like: what the file has here, for error
 * messages. */
const char *node_kind_words(const struct node *node);
