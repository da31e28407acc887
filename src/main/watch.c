#include "main/watch.h"

#include "base/assert.h"
#include "sys/open.h"

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
    if (!has_changed || !has_settled || all == watch->tried)
        return false;
    watch->tried = all;
    return true;
}
