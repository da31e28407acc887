#include "policy/hash_index.h"

#include "base/assert.h"

bool hash_index_init(struct hash_index *hashes, struct arena *arena, size_t count)
{
    *hashes = (struct hash_index){0};
    if (count == 0)
        return true;
    ASSERT(count <= UINT32_MAX / 4);
    uint32_t capacity = 4;
    while (capacity < 2 * count)
        capacity *= 2;
    hashes->slots = arena_alloc(arena, capacity * sizeof(struct hash_slot));
    if (!hashes->slots)
        return false;
    memset(hashes->slots, 0xff, capacity * sizeof(struct hash_slot));
    hashes->mask = capacity - 1;
    return true;
}

void hash_index_add(struct hash_index *hashes, uint32_t hash, uint32_t index)
{
    ASSERT(hashes->slots && index != HASH_INDEX_NONE);
    uint32_t at = hash & hashes->mask;
    while (hashes->slots[at].index != HASH_INDEX_NONE)
        at = (at + 1) & hashes->mask;
    hashes->count++;
    hashes->slots[at] = (struct hash_slot){.hash = hash, .index = index};
}

void hash_index_replace(struct hash_index *hashes, uint32_t hash, uint32_t old, uint32_t index)
{
    uint32_t at = hash & hashes->mask;
    while (hashes->slots[at].index != old) {
        ASSERT(hashes->slots[at].index != HASH_INDEX_NONE);
        at = (at + 1) & hashes->mask;
    }
    hashes->slots[at].index = index;
}
