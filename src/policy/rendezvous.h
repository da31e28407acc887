/* Which server a key leads to: a table of slots, of which each belongs to the server that has the
 * highest score for it (rendezvous hashing, with weights). A server that goes leaves its slots to
 * all others by their weights, one that comes takes its share from each, and nothing else moves.
 * Names alone decide, so that the order of servers means nothing and several Weirs agree. Pure. */
#pragma once

#include "base/slice.h"

enum {
    RENDEZVOUS_SLOTS = 1 << 16,
    RENDEZVOUS_SERVERS_MAX = 4096, /* beyond, shares would be too uneven, and filling too slow */
    RENDEZVOUS_ATTEMPTS = 16,
};

struct rendezvous_server {
    struct slice name;
    uint32_t weight;
};

/* Writes the index of a server into each of RENDEZVOUS_SLOTS slots. O(slots * count). */
void rendezvous_fill(uint16_t *slots, const struct rendezvous_server *servers, uint32_t count);

/* The slot of a key, given its slice_hash, in the first attempt (0) and, where the server cannot be
 * asked, in the next ones: so its keys go to all others. */
static inline uint32_t rendezvous_slot(uint64_t key, unsigned attempt)
{
    uint64_t mixed = (key ^ (attempt * 0x9e3779b97f4a7c15u)) * 0xbf58476d1ce4e5b9u;
    return (uint32_t)((mixed ^ (mixed >> 29)) * 0x94d049bb133111ebu >> 48);
}
