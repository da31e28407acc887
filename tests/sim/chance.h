/* Chance that repeats: a small generator, one for each thing that draws, so that one more draw here
 * changes nothing there. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

/* Another `stream` of the same seed gives other numbers. */
struct chance chance_of(uint64_t seed, uint64_t stream);

uint64_t chance_next(struct chance *chance);

/* 0 to `count` - 1; `count` > 0. */
uint64_t chance_below(struct chance *chance, uint64_t count);

/* `least` to `most`, both included. */
uint64_t chance_between(struct chance *chance, uint64_t least, uint64_t most);

/* True once in `count` times; never where `count` is 0. */
bool chance_one_in(struct chance *chance, uint64_t count);

/* 0 to `most`, small numbers as likely as large ones: every length of digits is. */
uint64_t chance_size(struct chance *chance, uint64_t most);
