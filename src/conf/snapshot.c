#include "conf/snapshot.h"

#include "base/assert.h"

#include <stdlib.h>

/* In the opposite order of building: later parts may refer to earlier ones. */
static void free_parts(struct snapshot *snapshot)
{
    for (size_t i = snapshot->part_count; i-- > 0;) {
        if (snapshot->built[i] && snapshot->parts[i]->free)
            snapshot->parts[i]->free(snapshot->built[i]);
        snapshot->built[i] = NULL;
    }
}

struct snapshot *snapshot_new(struct configuration *configuration,
                              const struct snapshot_part *const *parts, size_t part_count,
                              void *live, struct diagnostics *diagnostics)
{
    ASSERT(part_count <= SNAPSHOT_PARTS_MAX);
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot)
        return NULL;
    atomic_init(&snapshot->references, 1);
    snapshot->configuration = configuration;
    snapshot->parts = parts;
    snapshot->part_count = part_count;
    snapshot->live = live;
    bool complete = true;
    for (size_t i = 0; complete && i < part_count; i++) {
        snapshot->built[i] = parts[i]->build(snapshot, diagnostics);
        complete = snapshot->built[i] != NULL;
    }
    if (complete && diagnostics_errors(diagnostics) == 0)
        return snapshot;
    free_parts(snapshot);
    free(snapshot);
    return NULL;
}

bool snapshot_is_used_by_others(const struct snapshot *snapshot)
{
    return atomic_load_explicit(&snapshot->references, memory_order_acquire) > 1;
}

void snapshot_ref(struct snapshot *snapshot)
{
    unsigned before = atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    ASSERT(before > 0);
}

void snapshot_unref(struct snapshot *snapshot)
{
    unsigned before = atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel);
    ASSERT(before > 0);
    if (before > 1)
        return;
    free_parts(snapshot);
    configuration_free(snapshot->configuration);
    free(snapshot);
}

void *snapshot_get(const struct snapshot *snapshot, const struct snapshot_part *part)
{
    for (size_t i = 0; i < snapshot->part_count; i++) {
        if (snapshot->parts[i] == part)
            return snapshot->built[i];
    }
    UNREACHABLE();
}
