/* An arena hands out memory that all goes at once. An exchange has one, a snapshot has one. What
 * is in it is never freed by hand. Chunks come from a chunk source (a loop's pool) or, without
 * one, from malloc, and large ones from the kernel. One thread at a time. */
#pragma once

#include "base/slice.h"

#include <stddef.h>

enum { ARENA_ALIGNMENT = _Alignof(max_align_t), CACHE_LINE = 64 };

struct pool;
struct arena_chunk;
struct arena_farewell;

struct arena {
    struct arena_chunk *chunks;       /* the newest first; all go with the arena */
    struct arena_farewell *farewells; /* the newest first; NULL: none */
    char *next, *end;                 /* what is free in the chunk that is filled, */
    char *spare, *spare_end;          /* and in one that was filled before */
    struct pool *source;              /* chunks of the ordinary size; NULL: malloc */
    size_t limit, used;               /* bytes in chunks, at most and now */
};

/* `source` must outlive the arena, and its objects are the chunks; NULL takes them from malloc.
 * `limit` is what the chunks may hold in all, in bytes. */
void arena_init(struct arena *arena, struct pool *source, size_t limit);

/* The first object of a new arena, `size` bytes that are not cleared, in which the arena lies
 * itself, `at` bytes from the beginning. An object of `source` has to have room for it. NULL: no
 * memory. */
void *arena_new_within(struct pool *source, size_t limit, size_t size, size_t at);

/* Gives everything back. The arena may be initialised anew; or it lay in its own memory, and is no
 * more. */
void arena_fini(struct arena *arena);

static inline size_t arena_rounded(size_t size)
{
    return (size + ARENA_ALIGNMENT - 1) & ~((size_t)ARENA_ALIGNMENT - 1);
}

/* arena_alloc where that chunk has no room. */
void *arena_alloc_anew(struct arena *arena, size_t size);

/* Memory for `size` bytes, aligned for any type, not cleared. NULL: the limit is reached or there
 * is no memory; the arena is then as it was. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded = arena_rounded(size);
    if (rounded < size || rounded > (size_t)(arena->end - arena->next))
        return arena_alloc_anew(arena, size);
    void *memory = arena->next;
    arena->next += rounded;
    return memory;
}

/* The same, cleared. */
void *arena_calloc(struct arena *arena, size_t size);

/* For a large arena that will be read for long: asks the kernel to hold its full chunks in huge
 * pages, so that reading here and there among megabytes finds its way with fewer misses of the
 * address cache. What a chunk has unused is then resident, too: nearly full ones alone are asked
 * for. Where the kernel can't it changes nothing. */
void arena_settle(struct arena *arena);

/* Has `farewell(object)` called when the arena goes, before its memory does; the last one asked for
 * is the first called. For what a library owns but lives as long as the arena. False: no memory. */
bool arena_on_fini(struct arena *arena, void (*farewell)(void *object), void *object);

/* A copy of the bytes, with a NUL behind them that the slice does not count. The slice's data is
 * NULL where there was no memory. */
struct slice arena_copy(struct arena *arena, struct slice bytes);

/* `count` slices one behind the other. Data is NULL where there was no memory. */
struct slice arena_join(struct arena *arena, const struct slice *parts, size_t count);

/* Cleared memory that begins a cache line: for what is looked up among very many, and should be
 * fetched in one piece. */
void *arena_calloc_lines(struct arena *arena, size_t size);

/* One cleared object of `type`, or an array of them. */
#define ARENA_NEW(arena, type)          ((type *)arena_calloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_calloc((arena), sizeof(type) * (count)))
