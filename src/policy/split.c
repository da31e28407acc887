#include "policy/split.h"

#include "base/assert.h"

#include <math.h>

/* Of splitmix64: each bit of the number changes half of the result's. */
static uint64_t mix(uint64_t number)
{
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9u;
    number = (number ^ (number >> 27)) * 0x94d049bb133111ebu;
    return number ^ (number >> 31);
}

uint64_t split_seed(struct slice name)
{
    return slice_hash(name, 0x5eed);
}

/* A race, as in rendezvous.c: how long each variant takes to the visitor is exponential, and its
 * share is its speed; the quickest one wins. Whose share grows gets quicker with everybody. */
uint32_t split_choose(const struct split_share *shares, uint32_t count, uint64_t visitor)
{
    ASSERT(count > 0 && count <= SPLIT_VARIANTS_MAX);
    double best = HUGE_VAL;
    uint32_t winner = count;
    for (uint32_t i = 0; i < count; i++) {
        if (shares[i].share == 0)
            continue;
        double draw = (double)(mix(shares[i].seed ^ mix(visitor)) >> 11) * 0x1p-53;
        double time = -log1p(-draw) / shares[i].share;
        if (time < best || winner == count) {
            best = time;
            winner = i;
        }
    }
    ASSERT(winner < count);
    return winner;
}
