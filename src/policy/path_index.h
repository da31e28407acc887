/* Numbers the paths of all sites, from 0 on: exact paths and prefixes by whole segments in one
 * table. A question hashes its path once, from its beginning, so that each prefix that may fit
 * is met on the way; it costs the same for ten paths and ten thousand. Built once, then immutable.
 */
#pragma once

#include "policy/hash_index.h"
#include "policy/route_settings.h"

struct path_entry;

/* Of one site, what is not worth looking for among its paths. Starts as zeroes. */
struct path_shapes {
    uint64_t prefixes; /* a bit for each number of segments that a prefix of it has */
    bool has_exact;
};

void path_shapes_add(struct path_shapes *shapes, enum test_kind kind, struct slice text);

struct path_index {
    struct path_entry *entries;
    uint32_t count;
    struct hash_index hashes;
};

/* For at most `count` paths. False: no memory. */
bool path_index_init(struct path_index *paths, struct arena *arena, size_t count);

/* The number of a path of a site, which is the next one where it is new. `kind` is TEST_EQUAL or
 * TEST_PREFIX. The text is kept. */
uint32_t path_index_add(struct path_index *paths, uint32_t site, enum test_kind kind,
                        struct slice text);

/* What fits a path: the number of the exact one, or HASH_INDEX_NONE, and those of the prefixes from
 * the shortest to the longest. */
struct path_hits {
    uint32_t exact;
    uint32_t prefix_count;
    uint32_t prefixes[PATH_SEGMENTS_MAX + 1];
};

/* Fills `ret_hits`. The path is collapsed and begins with a slash. `shapes` is what the site's
 * paths were added to. */
void path_index_find(const struct path_index *paths, uint32_t site,
                     const struct path_shapes *shapes, struct slice path,
                     struct path_hits *ret_hits);
