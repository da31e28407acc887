/* A pool of objects of one size. What is given back is handed out next (it is still in the cache).
 * Objects are not cleared. A pool keeps at most a given number of idle objects and gives the rest
 * back to the system, so that a burst does not stay resident. One thread at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct pool;

/* `object_size` in bytes, at least that of a pointer; `idle_max` objects are kept when unused.
 * NULL: no memory. `name` is for metrics and must outlive the pool. */
struct pool *pool_new(const char *name, size_t object_size, uint32_t idle_max);

/* All objects must have come back. NULL is accepted. */
void pool_free(struct pool *pool);

/* An object, not cleared; NULL: no memory. */
void *pool_get(struct pool *pool);

/* Gives an object of this pool back. */
void pool_put(struct pool *pool, void *object);

size_t pool_object_size(const struct pool *pool);

/* How many objects are in use. */
uint32_t pool_in_use(const struct pool *pool);

/* Bytes of objects in use, and of those that are kept unused. */
struct pool_bytes {
    size_t used, spare;
};

struct pool_bytes pool_measure(const struct pool *pool);
