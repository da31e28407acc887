/* A configuration as it was understood: every scope of the file with its settings, inherited and
 * checked. Made from bytes; opens nothing. What serves traffic is compiled from it (snapshot.h).
 * Immutable once loaded; any thread may read it. */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "conf/diagnostics.h"
#include "conf/setting.h"

enum { GROUPS_MAX = 32 };

struct settings_slot;

/* A mapping of settings, where it stands. There are many, so it is small: only groups of which
 * something was written here have a slot here (scope_group finds the right one). */
struct scope {
    enum scope_kind kind;
    uint32_t own_groups;        /* bit per group of the vocabulary: has a slot in `slots` */
    const struct node *node;    /* the mapping in the file; for positions */
    struct slice name;          /* SCOPE_UPSTREAM: its name */
    const struct scope *parent; /* whose settings it inherits; NULL at the top */
    struct scope **children;    /* SCOPE_TOP: sites; SCOPE_SITE and SCOPE_ROUTE: routes */
    uint32_t child_count;
    const struct settings_slot **slots; /* in the order of the groups */
};

/* What is built in: the tables of main/. */
struct vocabulary {
    const struct setting_group *const *groups;
    size_t group_count;
    const struct variable_table *variables;
};

/* The reason of a reader for a file of more than YAML_SIZE_MAX bytes: this very text, because there
 * is other advice for it than for what cannot be read. */
extern const char configuration_file_is_large[];

/* How the loader gets at what it may not open itself. Functions may be NULL: then there is no such
 * thing. */
struct configuration_reader {
    void *context;
    /* The bytes of a file that `include` names, allocated in `arena`; false: cannot be read, with
     * the reason in `*ret_reason`. */
    bool (*read_file)(void *context, struct slice path, struct arena *arena,
                      struct slice *ret_bytes, const char **ret_reason);
    /* The paths that a pattern (with `*`, `?` or `[`) stands for, sorted; there may be none. */
    bool (*expand_glob)(void *context, struct slice pattern, struct arena *arena,
                        struct slice **ret_paths, size_t *ret_count);
    /* The same of what may change while it is served; NULL: they are read as all others. */
    bool (*read_watched)(void *context, struct slice path, struct arena *arena,
                         struct slice *ret_bytes, const char **ret_reason);
    bool (*expand_watched)(void *context, struct slice pattern, struct arena *arena,
                           struct slice **ret_paths, size_t *ret_count);
    /* The value of an environment variable, or NULL. */
    const char *(*environment)(void *context, const char *name);
};

struct configuration {
    struct arena arena; /* of everything here */
    const struct vocabulary *vocabulary;
    struct source *sources;
    size_t source_count;
    struct scope *top;               /* its children are the sites */
    struct scope *defaults;          /* parent of the sites */
    struct scope *upstream_defaults; /* parent of the upstreams, also of those without a name */
    struct scope **upstreams;        /* those with a name; names differ */
    uint32_t upstream_count;
    struct scope **listeners; /* of the top's `listen`; those of sites are read by their group */
    uint32_t listener_count;  /* 0: nothing was written */
    const struct settings_slot **standards; /* per group: all defaults */
    struct map *shared_files;               /* by path, for setting_share_file: struct slice */
};

/* Reads, checks and inherits. All errors and warnings go to the diagnostics; a configuration with
 * errors is still returned, so that they can be shown with their lines, but only one without is
 * built from. `name` (as the user gave it; what it includes is relative to it) and `bytes` are
 * copied. NULL: no memory. */
struct configuration *configuration_load(struct slice name, struct slice bytes,
                                         const struct vocabulary *vocabulary,
                                         const struct configuration_reader *reader,
                                         struct diagnostics *diagnostics);

/* NULL is accepted. */
void configuration_free(struct configuration *configuration);

/* The group's struct as it holds in that scope; never NULL for a group of the vocabulary. Walks
 * outwards: for building a snapshot, not for every exchange. */
const void *scope_group(const struct configuration *configuration, const struct scope *scope,
                        const struct setting_group *group);

/* The value of a setting as it was written (in that scope or around it); NULL: it has its
 * default. */
const struct node *scope_source(const struct configuration *configuration,
                                const struct scope *scope, const struct setting_group *group,
                                const char *setting);
