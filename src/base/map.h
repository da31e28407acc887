/* A map from texts to pointers: open addressing, grows by doubling, never shrinks. Keys are
 * borrowed and must live as long as they are in it. One thread at a time while it is changed; any
 * number may read. */
#pragma once

#include "base/slice.h"

struct map_entry {
    struct slice key;
    uint64_t hash;
    void *value; /* NULL: the entry is free */
};

struct map {
    struct map_entry *entries;
    size_t count, capacity; /* capacity is a power of two, or 0 */
};

static inline void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_fini(struct map *map);

/* NULL where the key is not there. */
void *map_get(const struct map *map, struct slice key);

/* Sets the value of a key; `value` is not NULL. False: no memory. */
bool map_set(struct map *map, struct slice key, void *value);

/* Takes the key out, where it is there. */
void map_remove(struct map *map, struct slice key);
