#include "base/map.h"

#include "base/assert.h"

#include <stdlib.h>

enum { CAPACITY_FIRST = 16 };

void map_fini(struct map *map)
{
    free(map->entries);
    map_init(map);
}

/* The entry of the key, or the free one where it belongs. There is always a free one. */
static struct map_entry *find(const struct map *map, struct slice key, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_entry *entry = &map->entries[i];
        if (!entry->value || (entry->hash == hash && slice_equal(entry->key, key)))
            return entry;
    }
}

void *map_get(const struct map *map, struct slice key)
{
    return map->capacity ? find(map, key, slice_hash(key, 0))->value : NULL;
}

static bool grow(struct map *map)
{
    struct map bigger = {.count = map->count,
                         .capacity = map->capacity ? map->capacity * 2 : CAPACITY_FIRST};
    bigger.entries = calloc(bigger.capacity, sizeof(*bigger.entries));
    if (!bigger.entries)
        return false;
    for (size_t i = 0; i < map->capacity; i++) {
        const struct map_entry *entry = &map->entries[i];
        if (entry->value)
            *find(&bigger, entry->key, entry->hash) = *entry;
    }
    free(map->entries);
    *map = bigger;
    return true;
}

bool map_set(struct map *map, struct slice key, void *value)
{
    ASSERT(value);
    if (map->count * 2 >= map->capacity && !grow(map))
        return false;
    uint64_t hash = slice_hash(key, 0);
    struct map_entry *entry = find(map, key, hash);
    if (!entry->value)
        map->count++;
    *entry = (struct map_entry){key, hash, value};
    return true;
}
