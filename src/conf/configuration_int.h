/* What the files of conf/ share while a configuration is loaded: files (include.c), which
 * become one (merge.c), scopes (scope.c), and the words for keys that have no place
 * (unknown_key.c). */
#pragma once

#include "conf/configuration.h"

enum {
    SOURCES_MAX = 20000,
    INCLUDE_DEPTH_MAX = 8,
    STRUCTURE_KEYS = 7,
};

struct loading {
    struct configuration *configuration;
    const struct configuration_reader *with;
    struct diagnostics *diagnostics;
    bool failed; /* something was wrong; where nothing was told, memory was short */
};

/* The settings of a group in one scope. */
struct settings_slot {
    uint32_t written;                      /* bit per setting: here or around */
    const struct settings_slot *heritable; /* what inner scopes get: without what is single */
    _Alignas(max_align_t) char group[];    /* the group's struct */
};

/* Cleared memory of the configuration's arena, or NULL with `failed` set. */
void *loading_allocate(struct loading *loading, size_t size);

/* Reads the file with all that it includes and puts them together: one mapping, in which `sites`
 * and `listen`, where they are, are lists. NULL: a file cannot be read, which was told, or there is
 * no memory. */
struct node *include_read(struct loading *loading, struct slice name, struct slice bytes);

/* `path` as seen from where `file` lies. Data is NULL: no memory. */
struct slice path_beside(struct arena *arena, struct slice file, struct slice path);

/* Puts the mappings of at least one file together, in their order. NULL: no memory. */
struct node *merge_roots(struct loading *loading, struct node *const *roots, size_t count);

/* Keys that are no settings but hold the file together. */
struct structure_key {
    const char *name;
    unsigned scopes;
    const char *form; /* schema_form.h */
    const char *summary;
};
extern const struct structure_key structure_keys[STRUCTURE_KEYS];

/* The slots of all groups with nothing but defaults. False: no memory. */
bool scope_make_standards(struct loading *loading);

/* A scope with the settings that its mapping writes. NULL: no memory. `node` may be NULL: nothing
 * is written. */
struct scope *scope_new(struct loading *loading, enum scope_kind kind, const struct node *node,
                        const struct scope *parent);

bool scope_permits(enum scope_kind kind, const struct setting *setting);
bool scope_permits_group(enum scope_kind kind, const struct setting_group *group);

/* `in a site`, `at the top`. */
const char *scope_words(enum scope_kind kind);

/* `in a site or in a route`, for a set of kinds. */
void scope_print_places(struct text *text, unsigned scopes);

/* Tells a key that has no place in the scope, and where it has one or what was meant. */
void unknown_key(struct loading *loading, enum scope_kind kind, const struct node_pair *pair);

/* The same for a key inside of a group's mapping. */
void unknown_key_in_group(struct loading *loading, enum scope_kind kind,
                          const struct setting_group *group, const struct node_pair *pair);

/* Tells that here should be a mapping, list or text called `name`. */
void refuse_kind(struct loading *loading, const struct node *node, const char *name,
                 const char *wanted, const char *cure);
