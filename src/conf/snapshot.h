/* A snapshot: one whole configuration, checked, compiled and immutable, with everything that the
 * loops need of it. It consists of parts, each built and freed by the room that uses it: the route
 * table, the upstreams, the listeners. What lives (connections, server state, counters) is not in
 * it but in registries, and is named by stable keys. Counted by whole loops, not by exchanges;
 * any thread may read it. */
#pragma once

#include "conf/configuration.h"

#include <stdatomic.h>

enum { SNAPSHOT_PARTS_MAX = 16 };

struct snapshot;

struct snapshot_part {
    const char *name;
    /* Builds the part from the configuration; parts that stand before it in the table are already
     * there. Errors are told to the diagnostics. `live` is the registry that the part refers to
     * (main/ hands it in), or NULL. A part that told errors and is still fit to be asked by those
     * behind it is returned, so that they tell theirs too. NULL: it is not, or no memory. */
    void *(*build)(struct snapshot *snapshot, struct diagnostics *diagnostics);
    void (*free)(void *part);
};

struct snapshot {
    atomic_uint references;
    struct configuration *configuration; /* owned */
    const struct snapshot_part *const *parts;
    size_t part_count;
    void *built[SNAPSHOT_PARTS_MAX];
    void *live; /* what outlives snapshots: registries, for the parts; not owned */
};

/* Takes over the configuration where it succeeds; where it does not, the caller still has it, so
 * that the errors can be shown with their lines. NULL: a part told errors, or there is no memory.
 * The caller has one reference. */
struct snapshot *snapshot_new(struct configuration *configuration,
                              const struct snapshot_part *const *parts, size_t part_count,
                              void *live, struct diagnostics *diagnostics);

/* Whether there are more references than the caller's own. */
bool snapshot_is_used_by_others(const struct snapshot *snapshot);

void snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot);

/* What the part built; the part must be in the table. */
void *snapshot_get(const struct snapshot *snapshot, const struct snapshot_part *part);
