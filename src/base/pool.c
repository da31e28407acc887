#include "base/pool.h"

#include "base/assert.h"

#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)0)
#endif

struct idle_object {
    struct idle_object *next;
};

struct pool {
    const char *name;
    size_t object_size;
    struct idle_object *idle;
    uint32_t idle_count, idle_max;
    uint32_t in_use;
};

struct pool *pool_new(const char *name, size_t object_size, uint32_t idle_max)
{
    ASSERT(object_size >= sizeof(struct idle_object));
    struct pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return NULL;
    *pool = (struct pool){.name = name, .object_size = object_size, .idle_max = idle_max};
    return pool;
}

/* The link of an idle object stays readable; the rest of it is poisoned, so that a use after the
 * object was given back is found. */
static struct idle_object *take_idle(struct pool *pool)
{
    struct idle_object *object = pool->idle;
    pool->idle = object->next;
    pool->idle_count--;
    ASAN_UNPOISON_MEMORY_REGION(object, pool->object_size);
    return object;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    ASSERT(pool->in_use == 0);
    while (pool->idle)
        free(take_idle(pool));
    free(pool);
}

void *pool_get(struct pool *pool)
{
    void *object = pool->idle ? take_idle(pool) : malloc(pool->object_size);
    if (object)
        pool->in_use++;
    return object;
}

void pool_put(struct pool *pool, void *object)
{
    ASSERT(pool->in_use > 0);
    pool->in_use--;
    if (pool->idle_count == pool->idle_max) {
        free(object);
        return;
    }
    struct idle_object *idle = object;
    idle->next = pool->idle;
    pool->idle = idle;
    pool->idle_count++;
    ASAN_POISON_MEMORY_REGION((char *)object + sizeof(*idle), pool->object_size - sizeof(*idle));
}

size_t pool_object_size(const struct pool *pool)
{
    return pool->object_size;
}

uint32_t pool_in_use(const struct pool *pool)
{
    return pool->in_use;
}

struct pool_bytes pool_measure(const struct pool *pool)
{
    return (struct pool_bytes){.used = pool->in_use * pool->object_size,
                               .spare = pool->idle_count * pool->object_size};
}
