/* From hashes to indexes of a table that lies elsewhere: open addressing, built once for a known
 * number of entries, half full at most. It keeps the hash beside the index, so that a question that
 * finds nothing touches one cache line. Lives in an arena. */
#pragma once

#include "base/arena.h"

struct hash_slot {
    uint32_t hash, index; /* HASH_INDEX_NONE: free */
};

#define HASH_INDEX_NONE UINT32_MAX

struct hash_index {
    struct hash_slot *slots; /* NULL where there are no entries */
    uint32_t mask, count;
};

/* For at most `count` entries. False: no memory. */
bool hash_index_init(struct hash_index *hashes, struct arena *arena, size_t count);

void hash_index_add(struct hash_index *hashes, uint32_t hash, uint32_t index);

/* A walk over the entries of one hash, in the order in which they came:
 *
 *     uint32_t at = hash, index;
 *     while ((index = hash_index_next(&hashes, hash, &at)) != HASH_INDEX_NONE)
 */
static inline uint32_t hash_index_next(const struct hash_index *hashes, uint32_t hash, uint32_t *at)
{
    if (!hashes->slots)
        return HASH_INDEX_NONE;
    for (;;) {
        const struct hash_slot *slot = &hashes->slots[(*at)++ & hashes->mask];
        if (slot->index == HASH_INDEX_NONE || slot->hash == hash)
            return slot->index;
    }
}

/* FNV-1a step by step, for keys whose beginnings are keys as well. */
static inline uint64_t hash_step(uint64_t hash, char byte)
{
    return (hash ^ (unsigned char)byte) * 0x100000001b3u;
}

static inline uint64_t hash_start(uint64_t seed)
{
    return (0xcbf29ce484222325u ^ seed) * 0x100000001b3u;
}

static inline uint32_t hash_finish(uint64_t hash)
{
    hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93u;
    return (uint32_t)(hash >> 32);
}
