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

/* Whether an entry that belongs at `home` and lies at `at` may move to `hole`: it would still be
 * found from its home on, without a free entry in between. */
static bool may_move(size_t home, size_t hole, size_t at, size_t mask)
{
    return ((at - home) & mask) >= ((at - hole) & mask);
}

/* Those behind it that were pushed away by it move up, so that no mark has to stay in its place. */
void map_remove(struct map *map, struct slice key)
{
    struct map_entry *entry = map->capacity ? find(map, key, slice_hash(key, 0)) : NULL;
    if (!entry || !entry->value)
        return;
    size_t mask = map->capacity - 1, hole = (size_t)(entry - map->entries);
    for (size_t at = (hole + 1) & mask; map->entries[at].value; at = (at + 1) & mask) {
        if (!may_move(map->entries[at].hash & mask, hole, at, mask))
            continue;
        map->entries[hole] = map->entries[at];
        hole = at;
    }
    map->entries[hole] = (struct map_entry){0};
    map->count--;
}
