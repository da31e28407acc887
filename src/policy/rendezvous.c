#include "policy/rendezvous.h"

#include "base/assert.h"

#include <math.h>

/* Of splitmix64: each bit of the number changes half of the result's. */
static uint64_t mix(uint64_t number)
{
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9u;
    number = (number ^ (number >> 27)) * 0x94d049bb133111ebu;
    return number ^ (number >> 31);
}

/* How long the server would take to the slot in a race in which its speed is its weight: the
 * quickest one of several is each with the probability that its weight has among theirs. It is
 * -ln(1 - draw) / weight for a draw of 0..1, which is at least draw / weight: so most are told from
 * the best one without a logarithm. */
static double race(double draw, double weight, double best)
{
    return draw < best * weight ? -log1p(-draw) / weight : best;
}

static uint16_t winner_of(uint32_t slot, const struct rendezvous_server *servers,
                          const uint64_t *seeds, uint32_t count)
{
    double best = HUGE_VAL;
    uint16_t winner = 0;
    for (uint32_t i = 0; i < count; i++) {
        double draw = (double)(mix(seeds[i] + slot * 0x9e3779b97f4a7c15u) >> 11) * 0x1p-53;
        double time = race(draw, servers[i].weight, best);
        if (time < best) {
            best = time;
            winner = (uint16_t)i;
        }
    }
    return winner;
}

void rendezvous_fill(uint16_t *slots, const struct rendezvous_server *servers, uint32_t count)
{
    uint64_t seeds[RENDEZVOUS_SERVERS_MAX];
    ASSERT(count > 0 && count <= RENDEZVOUS_SERVERS_MAX);
    for (uint32_t i = 0; i < count; i++)
        seeds[i] = slice_hash(servers[i].name, 0);
    for (uint32_t slot = 0; slot < RENDEZVOUS_SLOTS; slot++)
        slots[slot] = winner_of(slot, servers, seeds, count);
}
