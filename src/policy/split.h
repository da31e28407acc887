/* Which variant of a split a visitor belongs to: of several, each as often as its share says. Who
 * belongs to a variant stays in it while its share grows and no other one's does; then exactly so
 * many come to it as it has gained. Names alone decide, so that the order means nothing, and splits
 * between the same variants agree on everybody. Pure. */
#pragma once

#include "base/slice.h"

enum {
    SPLIT_VARIANTS_MAX = 16,
    SPLIT_WHOLE = 10000, /* all shares together, in hundredths of a percent */
};

struct split_share {
    uint64_t seed;  /* split_seed of the variant's name */
    uint32_t share; /* 0..SPLIT_WHOLE */
};

uint64_t split_seed(struct slice name);

/* The index of the variant. `visitor`: 64 bits that are the visitor's own, or random. At least one
 * share is above 0; those of 0 get nobody. */
uint32_t split_choose(const struct split_share *shares, uint32_t count, uint64_t visitor);
