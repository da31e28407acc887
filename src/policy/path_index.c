#include "policy/path_index.h"

#include "base/assert.h"

struct path_entry {
    const char *text;
    uint32_t length;
    uint32_t site;
    uint32_t number;
    enum test_kind kind;
};

bool path_index_init(struct path_index *paths, struct arena *arena, size_t count)
{
    *paths = (struct path_index){0};
    if (count == 0)
        return true;
    paths->entries = ARENA_ARRAY(arena, struct path_entry, count);
    return paths->entries && hash_index_init(&paths->hashes, arena, count);
}

static uint32_t find(const struct path_index *paths, uint32_t hash, uint32_t site,
                     enum test_kind kind, struct slice text)
{
    uint32_t at = hash, index;
    while ((index = hash_index_next(&paths->hashes, hash, &at)) != HASH_INDEX_NONE) {
        const struct path_entry *entry = &paths->entries[index];
        if (entry->site == site && entry->kind == kind &&
            slice_equal(slice_of(entry->text, entry->length), text))
            return entry->number;
    }
    return HASH_INDEX_NONE;
}

uint32_t path_index_add(struct path_index *paths, uint32_t site, enum test_kind kind,
                        struct slice text, uint32_t fresh)
{
    ASSERT(text.length <= UINT32_MAX && fresh != HASH_INDEX_NONE);
    uint64_t state = hash_start(site);
    for (size_t i = 0; i < text.length; i++)
        state = hash_step(state, text.data[i]);
    uint32_t hash = hash_finish(state);
    uint32_t number = find(paths, hash, site, kind, text);
    if (number != HASH_INDEX_NONE)
        return number;
    paths->entries[paths->count] = (struct path_entry){.text = text.data,
                                                       .length = (uint32_t)text.length,
                                                       .site = site,
                                                       .number = fresh,
                                                       .kind = kind};
    hash_index_add(&paths->hashes, hash, paths->count++);
    return fresh;
}

void path_index_find(const struct path_index *paths, uint32_t site, uint32_t depth,
                     struct slice path, struct path_hits *ret_hits)
{
    ASSERT(depth <= PATH_SEGMENTS_MAX && path.length > 0 && path.data[0] == '/');
    uint64_t state = hash_start(site);
    uint32_t segments = 0;
    ret_hits->prefix_count = 0;
    for (size_t i = 0; i <= path.length; i++) {
        bool is_end = i == path.length;
        /* `/a/` ends behind a slash, where the prefix `/a` was met already. */
        bool is_boundary = is_end ? path.data[i - 1] != '/' : path.data[i] == '/';
        if (is_boundary && segments++ <= depth) {
            uint32_t number =
                find(paths, hash_finish(state), site, TEST_PREFIX, slice_until(path, i));
            if (number != HASH_INDEX_NONE)
                ret_hits->prefixes[ret_hits->prefix_count++] = number;
        }
        if (!is_end)
            state = hash_step(state, path.data[i]);
    }
    ret_hits->exact = find(paths, hash_finish(state), site, TEST_EQUAL, path);
}
