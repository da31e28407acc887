#include "base/buffer.h"

#include "base/assert.h"
#include "base/pool.h"

#include <stdlib.h>

static const struct {
    const char *name;
    uint32_t capacity;
    uint32_t idle_max;
} SIZES[BUFFER_SIZES] = {
    {"buffer_small", BUFFER_SMALL, 512},
    {"buffer_medium", BUFFER_MEDIUM, 128},
    {"buffer_large", BUFFER_LARGE, 16},
};

bool buffer_pools_init(struct buffer_pools *pools)
{
    *pools = (struct buffer_pools){0};
    for (int i = 0; i < BUFFER_SIZES; i++) {
        size_t size = sizeof(struct buffer) + SIZES[i].capacity;
        pools->sizes[i] = pool_new(SIZES[i].name, size, SIZES[i].idle_max);
        if (!pools->sizes[i]) {
            buffer_pools_fini(pools);
            return false;
        }
    }
    if (small_pools_init(&pools->small))
        return true;
    buffer_pools_fini(pools);
    return false;
}

void buffer_pools_fini(struct buffer_pools *pools)
{
    for (int i = 0; i < BUFFER_SIZES; i++)
        pool_free(pools->sizes[i]);
    small_pools_fini(&pools->small);
    *pools = (struct buffer_pools){0};
}

struct pool_bytes buffer_pools_measure(const struct buffer_pools *pools)
{
    struct pool_bytes sum = {0};
    for (int i = 0; i < BUFFER_SIZES; i++) {
        struct pool_bytes bytes = pool_measure(pools->sizes[i]);
        sum.used += bytes.used;
        sum.spare += bytes.spare;
    }
    return sum;
}

static struct pool *fitting_pool(struct buffer_pools *pools, size_t size, size_t *ret_capacity)
{
    for (int i = 0; i < BUFFER_SIZES; i++) {
        if (size <= SIZES[i].capacity) {
            *ret_capacity = SIZES[i].capacity;
            return pools->sizes[i];
        }
    }
    *ret_capacity = size;
    return NULL;
}

struct buffer *buffer_new(struct buffer_pools *pools, size_t size)
{
    ASSERT(size <= UINT32_MAX / 2);
    size_t capacity = 0;
    struct pool *pool = fitting_pool(pools, size, &capacity);
    struct buffer *buffer = pool ? pool_get(pool) : malloc(sizeof(*buffer) + capacity);
    if (!buffer)
        return NULL;
    buffer->pool = pool;
    buffer->references = 1;
    buffer->capacity = (uint32_t)capacity;
    return buffer;
}

void buffer_free(struct buffer *buffer)
{
    if (buffer->pool)
        pool_put(buffer->pool, buffer);
    else
        free(buffer);
}

struct span span_part(const struct span *span, size_t start, size_t length)
{
    ASSERT(start <= span->length && length <= span->length - start);
    if (length == 0)
        return (struct span){0};
    buffer_ref(span->buffer);
    return (struct span){span->buffer, span->offset + (uint32_t)start, (uint32_t)length};
}

struct span span_cut(struct span *span, size_t length)
{
    ASSERT(length <= span->length);
    if (length == span->length)
        return span_take(span);
    struct span first = span_part(span, 0, length);
    span->offset += (uint32_t)length;
    span->length -= (uint32_t)length;
    return first;
}

void span_skip(struct span *span, size_t count)
{
    ASSERT(count <= span->length);
    span->offset += (uint32_t)count;
    span->length -= (uint32_t)count;
    if (span->length == 0)
        span_clear(span);
}

/* Whether `count` bytes may be written behind the span: nobody else holds the buffer. */
static bool has_room(const struct span *span, size_t count)
{
    const struct buffer *buffer = span->buffer;
    return buffer->references == 1 && buffer->capacity - span->offset - span->length >= count;
}

bool span_append(struct span *first, struct span second, struct buffer_pools *pools)
{
    if (!first->buffer) {
        *first = second;
        return true;
    }
    size_t total = (size_t)first->length + second.length;
    struct buffer *target = first->buffer;
    uint32_t offset = first->offset;
    if (!has_room(first, second.length)) {
        target = buffer_new(pools, total + total / 2);
        offset = 0;
    }
    if (!target) {
        span_clear(&second);
        return false;
    }
    if (target != first->buffer) {
        memcpy(target->data, span_slice(first).data, first->length);
        buffer_unref(first->buffer);
    }
    memcpy(target->data + offset + first->length, span_slice(&second).data, second.length);
    span_clear(&second);
    *first = (struct span){target, offset, (uint32_t)total};
    return true;
}
