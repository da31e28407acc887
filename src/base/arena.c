#include "base/arena.h"

#include "base/assert.h"
#include "base/pool.h"

#include <stdint.h>
#include <stdlib.h>

enum { DEFAULT_CHUNK_SIZE = 64 * 1024 };

struct arena_chunk {
    struct arena_chunk *older;
    struct pool *source; /* NULL: from malloc */
    _Alignas(max_align_t) char bytes[];
};

struct arena_farewell {
    struct arena_farewell *older;
    void (*say)(void *object);
    void *object;
};

void arena_init(struct arena *arena, struct pool *source, size_t limit)
{
    ASSERT(!source || pool_object_size(source) > sizeof(struct arena_chunk));
    *arena = (struct arena){.source = source, .limit = limit};
}

void arena_fini(struct arena *arena)
{
    for (; arena->farewells; arena->farewells = arena->farewells->older)
        arena->farewells->say(arena->farewells->object);
    while (arena->chunks) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->older;
        if (chunk->source)
            pool_put(chunk->source, chunk);
        else
            free(chunk);
    }
    arena->next = arena->end = NULL;
    arena->used = 0;
}

/* A chunk of at least `size` free bytes; a large one is made to measure. */
static struct arena_chunk *new_chunk(struct arena *arena, size_t size, size_t *ret_total)
{
    struct pool *source = arena->source;
    size_t total = source ? pool_object_size(source) : DEFAULT_CHUNK_SIZE;
    if (total - sizeof(struct arena_chunk) < size) {
        total = sizeof(struct arena_chunk) + size;
        source = NULL;
    }
    if (arena->limit - arena->used < total)
        return NULL;
    struct arena_chunk *chunk = source ? pool_get(source) : malloc(total);
    if (!chunk)
        return NULL;
    chunk->source = source;
    *ret_total = total;
    return chunk;
}

static bool grow(struct arena *arena, size_t size)
{
    size_t total = 0;
    struct arena_chunk *chunk = new_chunk(arena, size, &total);
    if (!chunk)
        return false;
    chunk->older = arena->chunks;
    arena->chunks = chunk;
    arena->used += total;
    arena->next = chunk->bytes;
    arena->end = (char *)chunk + total;
    return true;
}

void *arena_alloc_anew(struct arena *arena, size_t size)
{
    if (size > arena->limit)
        return NULL;
    size_t rounded = (size + ARENA_ALIGNMENT - 1) & ~((size_t)ARENA_ALIGNMENT - 1);
    if (!grow(arena, rounded))
        return NULL;
    void *memory = arena->next;
    arena->next += rounded;
    return memory;
}

void *arena_calloc(struct arena *arena, size_t size)
{
    void *memory = arena_alloc(arena, size);
    return memory ? memset(memory, 0, size) : NULL;
}

void *arena_calloc_lines(struct arena *arena, size_t size)
{
    char *memory = size <= SIZE_MAX - CACHE_LINE ? arena_calloc(arena, size + CACHE_LINE) : NULL;
    return memory ? memory + (-(uintptr_t)memory & (CACHE_LINE - 1)) : NULL;
}

bool arena_on_fini(struct arena *arena, void (*farewell)(void *object), void *object)
{
    struct arena_farewell *entry = arena_alloc(arena, sizeof(*entry));
    if (!entry)
        return false;
    *entry = (struct arena_farewell){arena->farewells, farewell, object};
    arena->farewells = entry;
    return true;
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    return arena_join(arena, &bytes, 1);
}

struct slice arena_join(struct arena *arena, const struct slice *parts, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    char *memory = arena_alloc(arena, length + 1);
    if (!memory)
        return slice_of(NULL, 0);
    char *at = memory;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length)
            memcpy(at, parts[i].data, parts[i].length);
        at += parts[i].length;
    }
    *at = '\0';
    return slice_of(memory, length);
}
