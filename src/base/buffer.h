/* Buffers and spans: how bytes travel without being copied.
 *
 * A buffer is a block of bytes that belongs to one loop, with a plain count of references; it
 * never crosses threads. A span is a stretch of one buffer and holds one reference to it. Bytes
 * arrive in a buffer, the head and each body piece are spans of it, and the buffer goes back to
 * its pool when the last span does.
 *
 *     struct span piece = span_part(&received, 0, 100);   // a second reference
 *     span_skip(&received, 100);                          // the same bytes leave the first one
 *     ... send piece ...
 *     span_clear(&piece);
 */
#pragma once

#include "base/assert.h"
#include "base/pool.h"
#include "base/slice.h"
#include "base/small.h"

enum {
    BUFFER_SMALL = 4096,       /* heads of requests */
    BUFFER_MEDIUM = 16 * 1024, /* heads of responses and what comes with them */
    BUFFER_LARGE = 128 * 1024, /* bodies that keep coming */
    BUFFER_SIZES = 3,
};

struct buffer {
    struct pool *pool; /* NULL: made to measure, from malloc */
    uint32_t references;
    uint32_t capacity; /* bytes in `data` */
    char data[];
};

/* The pools of one loop: for buffers, and for what is small. */
struct buffer_pools {
    struct pool *sizes[BUFFER_SIZES];
    struct small_pools small;
};

/* False: no memory; nothing is left behind. */
bool buffer_pools_init(struct buffer_pools *pools);
void buffer_pools_fini(struct buffer_pools *pools);

/* Of buffers of all sizes, without those that were made to measure. */
struct pool_bytes buffer_pools_measure(const struct buffer_pools *pools);

/* A buffer with room for at least `size` bytes and one reference, which is the caller's. NULL: no
 * memory. */
struct buffer *buffer_new(struct buffer_pools *pools, size_t size);

static inline void buffer_ref(struct buffer *buffer)
{
    ASSERT(buffer->references > 0);
    buffer->references++;
}

/* Of one without references. */
void buffer_free(struct buffer *buffer);

static inline void buffer_unref(struct buffer *buffer)
{
    ASSERT(buffer->references > 0);
    if (--buffer->references == 0)
        buffer_free(buffer);
}

struct span {
    struct buffer *buffer; /* one reference; NULL in an empty span */
    uint32_t offset, length;
};

static inline struct slice span_slice(const struct span *span)
{
    return span->buffer ? slice_of(span->buffer->data + span->offset, span->length) : SLICE("");
}

/* Gives the reference back and leaves an empty span. */
static inline void span_clear(struct span *span)
{
    if (span->buffer)
        buffer_unref(span->buffer);
    *span = (struct span){0};
}

/* A span of a fresh buffer; takes over the caller's reference. */
static inline struct span span_take_buffer(struct buffer *buffer, size_t length)
{
    ASSERT(length <= buffer->capacity);
    if (length > 0)
        return (struct span){buffer, 0, (uint32_t)length};
    buffer_unref(buffer);
    return (struct span){0};
}

/* A further span of the same bytes, with its own reference. */
struct span span_part(const struct span *span, size_t start, size_t length);

/* Takes the first `length` bytes out of the span. Where that is all of it no reference is made:
 * `*span` becomes empty. */
struct span span_cut(struct span *span, size_t length);

/* Moves the span out of `*span`, which becomes empty. */
static inline struct span span_take(struct span *span)
{
    struct span taken = *span;
    *span = (struct span){0};
    return taken;
}

/* Drops the first `count` bytes; a span with nothing left gives its buffer back. */
void span_skip(struct span *span, size_t count);

/* Makes one contiguous span of `*first` and `second`: in place where the first one's buffer has
 * room and nobody else holds it, else in a new buffer. Takes over `second`. False: no memory;
 * `*first` is then as it was and `second` is given back. */
bool span_append(struct span *first, struct span second, struct buffer_pools *pools);
