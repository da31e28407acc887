/* Bytes of YAML (or JSON) to a tree with places: libyaml's events, our own rules. What has no place
 * in a configuration is refused with words of our own: tags, merge keys, several documents, keys
 * that are no texts, aliases that hold themselves or multiply without end. */
#pragma once

#include "conf/diagnostics.h"
#include "conf/environment.h"

struct arena;

enum {
    YAML_SIZE_MAX = 16 << 20, /* bytes in a file */
    YAML_DEPTH_MAX = 64,      /* mappings and lists in each other */
    YAML_NODES_MAX = 2000000, /* counted as often as aliases repeat them */
    YAML_ANCHORS_MAX = 1000,
};

struct yaml_reader {
    struct arena *arena; /* of the tree and its texts */
    struct diagnostics *diagnostics;
    struct environment environment;
};

/* Reads one source, which is number `index` of the configuration. An empty file is an empty
 * mapping. NULL: it cannot be read as YAML at all, which was told; smaller errors are told and what
 * they are about is left out. `*ret_no_memory`. */
struct node *yaml_read(const struct yaml_reader *reader, const struct source *source,
                       uint16_t index, bool *ret_no_memory);
