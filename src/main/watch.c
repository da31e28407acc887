#include "main/watch.h"

#include "base/assert.h"
#include "sys/clock.h"
#include "sys/open.h"

enum { LOOK_SHARE = 100 }; /* looks take no more than one in so many parts of the time */

/* No stamp of a whole is 0. */
static uint64_t stamp_of_names(const char *pattern)
{
    struct arena arena;
    struct slice *names;
    size_t count;
    uint64_t stamp = 1;
    arena_init(&arena, NULL, KEPT_BYTES_MAX);
    bool good = sys_opener_direct()->expand(sys_opener_direct(), pattern, &arena, &names, &count);
    for (size_t i = 0; good && i < count; i++)
        stamp = slice_hash(names[i], stamp);
    arena_fini(&arena);
    return stamp;
}

uint64_t watch_stamp(enum kept_kind kind, const char *name)
{
    ASSERT(kind == KEPT_FILE || kind == KEPT_NAMES);
    return kind == KEPT_FILE ? sys_file_stamp(name) : stamp_of_names(name);
}

bool watch_look(struct watch *watch, const struct kept_files *served)
{
    struct kept_walk walk = {0};
    const struct kept *kept;
    bool has_changed = false;
    uint64_t all = 0;
    while ((kept = kept_files_next(served, &walk))) {
        if (!kept->is_watched)
            continue;
        uint64_t stamp = watch_stamp(walk.kind, walk.name.data);
        has_changed |= stamp != kept->stamp;
        all = slice_hash(slice_of((const char *)&stamp, sizeof(stamp)), all);
    }
    bool has_settled = all == watch->seen;
    watch->seen = all;
    watch->settles = has_changed && !has_settled;
    if (!has_changed || !has_settled || all == watch->tried)
        return false;
    watch->tried = all;
    return true;
}

bool watch_look_paced(struct watch *watch, const struct kept_files *served)
{
    if (sys_monotonic_ns() < watch->due && !watch->settles)
        return false;
    /* By the clock on the wall, a busy machine would let minutes pass between two looks. */
    uint64_t before = sys_cpu_ns();
    bool has_changed = watch_look(watch, served);
    watch->due = sys_monotonic_ns() + (sys_cpu_ns() - before) * LOOK_SHARE;
    return has_changed;
}
