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

/* An index that is there, added with that hash, gives its place to another. */
void hash_index_replace(struct hash_index *hashes, uint32_t hash, uint32_t old, uint32_t index);

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

/* A hash of texts one behind the other, for keys whose beginnings are keys as well. */
static inline uint64_t hash_mix(uint64_t hash)
{
    hash *= 0xd6e8feb86659fd93u;
    return hash ^ hash >> 32;
}

static inline uint64_t hash_start(uint32_t seed)
{
    return hash_mix(0xcbf29ce484222325u ^ seed);
}

/* Eight bytes at once; those that are left over may be read twice. */
static inline uint64_t hash_add(uint64_t hash, struct slice text)
{
    const char *data = text.data;
    size_t left = text.length;
    uint64_t word = 0;
    hash ^= left;
    for (; left >= sizeof(word); left -= sizeof(word), data += sizeof(word)) {
        memcpy(&word, data, sizeof(word));
        hash = hash_mix(hash ^ word);
    }
    uint32_t first, last;
    if (left >= sizeof(first)) {
        memcpy(&first, data, sizeof(first));
        memcpy(&last, data + left - sizeof(last), sizeof(last));
        return hash_mix(hash ^ ((uint64_t)last << 32 | first));
    }
    if (left == 0)
        return hash;
    first = (unsigned char)data[0];
    last = (uint32_t)(unsigned char)data[left / 2] << 8 | (unsigned char)data[left - 1];
    return hash_mix(hash ^ (first << 16 | last));
}

static inline uint32_t hash_finish(uint64_t hash)
{
    return (uint32_t)(hash_mix(hash) >> 32);
}
