/* Memory as from malloc, for who asks for many small blocks and soon gives them back: they come
 * from pools of a few sizes, and what is larger from malloc. A block knows where it came
 * from. One thread at a time. */
#pragma once

#include "base/pool.h"

#include <stdbool.h>

enum {
    SMALL_STEP = 64, /* bytes by which the sizes differ, with what a block knows of itself */
    SMALL_SIZES = 11,
    SMALL_MAX = SMALL_STEP * SMALL_SIZES - 16, /* of a block; what is larger comes from malloc */
};

struct small_pools {
    struct pool *sizes[SMALL_SIZES];
};

/* False: no memory; nothing is left behind. */
bool small_pools_init(struct small_pools *pools);

/* All blocks must have come back. */
void small_pools_fini(struct small_pools *pools);

/* Of all sizes, without what was too large for them. */
struct pool_bytes small_pools_measure(const struct small_pools *pools);

/* A block of at least that size, aligned for anything, not cleared; NULL: no memory. */
void *small_new(struct small_pools *pools, size_t size);

/* The same, of zeros. */
void *small_new_cleared(struct small_pools *pools, size_t size);

/* NULL is accepted. */
void small_free(void *block);
