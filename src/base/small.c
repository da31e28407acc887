#include "base/small.h"

#include "base/assert.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SPARE_BYTES = 64 * 1024 }; /* of each size are kept unused */

struct small {
    alignas(max_align_t) struct pool *pool; /* NULL: from malloc */
    size_t capacity;                        /* bytes in `data` */
    alignas(max_align_t) char data[];
};

_Static_assert(SMALL_MAX == SMALL_STEP * SMALL_SIZES - sizeof(struct small),
               "the largest size holds what its header says");

/* ---- the pools */

static const char *const NAMES[SMALL_SIZES] = {
    "small_64",  "small_128", "small_192", "small_256", "small_320", "small_384",
    "small_448", "small_512", "small_576", "small_640", "small_704",
};

bool small_pools_init(struct small_pools *pools)
{
    *pools = (struct small_pools){0};
    for (uint32_t i = 0; i < SMALL_SIZES; i++) {
        uint32_t size = (i + 1) * SMALL_STEP;
        pools->sizes[i] = pool_new(NAMES[i], size, SPARE_BYTES / size);
        if (!pools->sizes[i]) {
            small_pools_fini(pools);
            return false;
        }
    }
    return true;
}

void small_pools_fini(struct small_pools *pools)
{
    for (int i = 0; i < SMALL_SIZES; i++)
        pool_free(pools->sizes[i]);
    *pools = (struct small_pools){0};
}

struct pool_bytes small_pools_measure(const struct small_pools *pools)
{
    struct pool_bytes sum = {0};
    for (int i = 0; i < SMALL_SIZES; i++) {
        struct pool_bytes bytes = pool_measure(pools->sizes[i]);
        sum.used += bytes.used;
        sum.spare += bytes.spare;
    }
    return sum;
}

/* ---- blocks */

static struct small *small_of(void *block)
{
    return (struct small *)(void *)((char *)block - offsetof(struct small, data));
}

static void *use(struct small *small, struct pool *pool, size_t all)
{
    if (!small)
        return NULL;
    small->pool = pool;
    small->capacity = all - sizeof(*small);
    return small->data;
}

void *small_new(struct small_pools *pools, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct small))
        return NULL;
    size_t all = sizeof(struct small) + size;
    if (size > SMALL_MAX)
        return use(malloc(all), NULL, all);
    size_t index = (all - 1) / SMALL_STEP;
    return use(pool_get(pools->sizes[index]), pools->sizes[index], (index + 1) * SMALL_STEP);
}

void *small_new_cleared(struct small_pools *pools, size_t size)
{
    void *block = small_new(pools, size);
    if (block)
        memset(block, 0, size);
    return block;
}

void small_free(void *block)
{
    if (!block)
        return;
    struct small *small = small_of(block);
    if (small->pool)
        pool_put(small->pool, small);
    else
        free(small);
}
