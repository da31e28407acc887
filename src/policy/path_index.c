#include "policy/path_index.h"

#include "base/assert.h"
#include "policy/path.h"

/* A cache line, in which most paths fit, too. */
struct path_entry {
    const char *far_text; /* NULL: it is `own_text` */
    uint32_t length;
    uint32_t site;
    uint8_t kind; /* enum test_kind */
    char own_text[CACHE_LINE - 17];
};

_Static_assert(sizeof(struct path_entry) == CACHE_LINE, "an entry is a cache line");

bool path_index_init(struct path_index *paths, struct arena *arena, size_t count)
{
    *paths = (struct path_index){0};
    if (count == 0)
        return true;
    if (count > SIZE_MAX / sizeof(struct path_entry))
        return false;
    paths->entries = arena_calloc_lines(arena, count * sizeof(struct path_entry));
    return paths->entries && hash_index_init(&paths->hashes, arena, count);
}

static struct slice text_of(const struct path_entry *entry)
{
    return slice_of(entry->far_text ? entry->far_text : entry->own_text, entry->length);
}

static uint32_t find(const struct path_index *paths, uint32_t hash, uint32_t site,
                     enum test_kind kind, struct slice text)
{
    uint32_t at = hash, index;
    while ((index = hash_index_next(&paths->hashes, hash, &at)) != HASH_INDEX_NONE) {
        const struct path_entry *entry = &paths->entries[index];
        if (entry->site == site && entry->kind == kind && slice_equal(text_of(entry), text))
            return index;
    }
    return HASH_INDEX_NONE;
}

static struct path_entry make_entry(uint32_t site, enum test_kind kind, struct slice text)
{
    struct path_entry entry = {
        .length = (uint32_t)text.length, .site = site, .kind = (uint8_t)kind};
    if (text.length > sizeof(entry.own_text))
        entry.far_text = text.data;
    else if (text.length > 0)
        memcpy(entry.own_text, text.data, text.length);
    return entry;
}

/* A path is hashed by segments, each with the slash before it; this adds the one at `start`, which
 * ends before the next slash, or with the path. */
static size_t hash_segment(struct slice path, size_t start, uint64_t *hash)
{
    size_t end = start + 1 + slice_find(slice_from(path, start + 1), '/');
    *hash = hash_add(*hash, slice_from(slice_until(path, end), start));
    return end;
}

uint32_t path_index_add(struct path_index *paths, uint32_t site, enum test_kind kind,
                        struct slice text)
{
    ASSERT(text.length <= UINT32_MAX);
    uint64_t state = hash_start(site);
    for (size_t start = 0; start < text.length;)
        start = hash_segment(text, start, &state);
    uint32_t hash = hash_finish(state);
    uint32_t number = find(paths, hash, site, kind, text);
    if (number != HASH_INDEX_NONE)
        return number;
    number = paths->count++;
    paths->entries[number] = make_entry(site, kind, text);
    hash_index_add(&paths->hashes, hash, number);
    return number;
}

/* The last bit stands for all that is deeper. */
static uint64_t depth_bit(uint32_t segments)
{
    return (uint64_t)1 << (segments < 63 ? segments : 63);
}

void path_shapes_add(struct path_shapes *shapes, enum test_kind kind, struct slice text)
{
    if (kind == TEST_PREFIX)
        shapes->prefixes |= depth_bit(path_depth(text));
    else
        shapes->has_exact = true;
}

void path_index_find(const struct path_index *paths, uint32_t site,
                     const struct path_shapes *shapes, struct slice path,
                     struct path_hits *ret_hits)
{
    ASSERT(path.length > 0 && path.data[0] == '/');
    uint64_t state = hash_start(site);
    size_t end = 0;
    ret_hits->prefix_count = 0;
    for (uint32_t segments = 0;; segments++) {
        if (segments <= PATH_SEGMENTS_MAX && shapes->prefixes & depth_bit(segments)) {
            uint32_t number =
                find(paths, hash_finish(state), site, TEST_PREFIX, slice_until(path, end));
            if (number != HASH_INDEX_NONE)
                ret_hits->prefixes[ret_hits->prefix_count++] = number;
        }
        if (path.length - end <= 1) /* all of it, but for a slash at its end */
            break;
        end = hash_segment(path, end, &state);
    }
    if (end < path.length)
        (void)hash_segment(path, end, &state);
    ret_hits->exact = shapes->has_exact ? find(paths, hash_finish(state), site, TEST_EQUAL, path)
                                        : HASH_INDEX_NONE;
}
