#include "sim/chance.h"

#include "base/assert.h"

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct chance chance_of(uint64_t seed, uint64_t stream)
{
    return (struct chance){mix(seed * 0x9e3779b97f4a7c15u + mix(stream + 1))};
}

uint64_t chance_next(struct chance *chance)
{
    chance->state += 0x9e3779b97f4a7c15u;
    return mix(chance->state);
}

uint64_t chance_below(struct chance *chance, uint64_t count)
{
    ASSERT(count > 0);
    return chance_next(chance) % count;
}

uint64_t chance_between(struct chance *chance, uint64_t least, uint64_t most)
{
    ASSERT(least <= most);
    return least + chance_below(chance, most - least + 1);
}

bool chance_one_in(struct chance *chance, uint64_t count)
{
    return count > 0 && chance_below(chance, count) == 0;
}

uint64_t chance_size(struct chance *chance, uint64_t most)
{
    unsigned bits = 0;
    while (bits < 63 && most >> bits)
        bits++;
    uint64_t mask = ((uint64_t)1 << chance_below(chance, bits + 1)) - 1;
    uint64_t size = chance_next(chance) & mask;
    return size < most ? size : most;
}
