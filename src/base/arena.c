#include "base/arena.h"

#include "base/assert.h"
#include "base/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1; older C libraries lack the name */
#endif

enum {
    DEFAULT_CHUNK_SIZE = 64 * 1024,
    HUGE_CHUNK_SIZE = 2 * 1024 * 1024,  /* a huge page of x86-64, and of ARM with pages of 4 KiB */
    HUGE_FROM = 4 * DEFAULT_CHUNK_SIZE, /* bytes that an arena has before its chunks are large */
};

struct arena_chunk {
    struct arena_chunk *older;
    struct pool *source; /* NULL: from malloc */
    size_t size;         /* in bytes, with this head */
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

/* Memory that begins at a multiple of its size: a mapping twice as long, cut at both ends. Its own
 * mapping, and not malloc's, because what is freed between two that stay would not go back. */
static void *map_huge_chunk(void)
{
    const size_t reserved = 2 * HUGE_CHUNK_SIZE;
    char *start = mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)start & (HUGE_CHUNK_SIZE - 1);
    if (before)
        munmap(start, before);
    munmap(start + before + HUGE_CHUNK_SIZE, HUGE_CHUNK_SIZE - before);
    return start + before;
}

static void free_chunk(struct arena_chunk *chunk)
{
    if (chunk->source)
        pool_put(chunk->source, chunk);
    else if (chunk->size == HUGE_CHUNK_SIZE)
        munmap(chunk, chunk->size);
    else
        free(chunk);
}

void arena_fini(struct arena *arena)
{
    for (; arena->farewells; arena->farewells = arena->farewells->older)
        arena->farewells->say(arena->farewells->object);
    struct arena_chunk *chunk = arena->chunks;
    arena->chunks = NULL;
    arena->next = arena->end = arena->spare = arena->spare_end = NULL;
    arena->used = 0;
    while (chunk) {
        struct arena_chunk *older = chunk->older;
        free_chunk(chunk);
        chunk = older;
    }
}

/* What a chunk of at least `size` bytes measures in all. Those of an arena that grows large are
 * huge pages, for arena_settle; what is not used of them is never touched. */
static size_t chunk_size(const struct arena *arena, size_t size)
{
    size_t needed = sizeof(struct arena_chunk) + size;
    size_t usual = arena->source ? pool_object_size(arena->source) : DEFAULT_CHUNK_SIZE;
    bool large = !arena->source && (arena->used >= HUGE_FROM || needed > usual);
    if (large && needed <= HUGE_CHUNK_SIZE && arena->limit - arena->used >= HUGE_CHUNK_SIZE)
        return HUGE_CHUNK_SIZE;
    return needed > usual ? needed : usual;
}

/* A chunk of at least `size` free bytes; a large one is made to measure. */
static struct arena_chunk *new_chunk(struct arena *arena, size_t size)
{
    size_t total = chunk_size(arena, size);
    if (arena->limit - arena->used < total)
        return NULL;
    struct pool *source = NULL;
    struct arena_chunk *chunk = NULL;
    if (arena->source && total == pool_object_size(arena->source))
        chunk = pool_get(source = arena->source);
    else if (total == HUGE_CHUNK_SIZE)
        chunk = map_huge_chunk();
    else
        chunk = malloc(total);
    if (!chunk)
        return NULL;
    chunk->source = source;
    chunk->size = total;
    return chunk;
}

static char *end_of(struct arena_chunk *chunk)
{
    return (char *)chunk + chunk->size;
}

void *arena_new_within(struct pool *source, size_t limit, size_t size, size_t at)
{
    const size_t total = pool_object_size(source);
    ASSERT(sizeof(struct arena_chunk) + size + ARENA_ALIGNMENT <= total && total <= limit);
    ASSERT(at + sizeof(struct arena) <= size && at % _Alignof(struct arena) == 0);
    struct arena_chunk *chunk = pool_get(source);
    if (!chunk)
        return NULL;
    *chunk = (struct arena_chunk){.source = source, .size = total};
    struct arena *arena = (struct arena *)(void *)(chunk->bytes + at);
    *arena = (struct arena){
        .chunks = chunk,
        .next = chunk->bytes + arena_rounded(size),
        .end = end_of(chunk),
        .source = source,
        .limit = limit,
        .used = total,
    };
    return chunk->bytes;
}

/* From what a chunk had left when another one took its place. */
static void *alloc_spare(struct arena *arena, size_t size)
{
    if (size > (size_t)(arena->spare_end - arena->spare))
        return NULL;
    char *memory = arena->spare;
    arena->spare += size;
    return memory;
}

/* Of what is free here and there, the two largest pieces are kept. */
static void add_free(struct arena *arena, char *next, char *end)
{
    if (end - next > arena->end - arena->next) {
        char *old_next = arena->next, *old_end = arena->end;
        arena->next = next;
        arena->end = end;
        next = old_next;
        end = old_end;
    }
    if (end - next > arena->spare_end - arena->spare) {
        arena->spare = next;
        arena->spare_end = end;
    }
}

void *arena_alloc_anew(struct arena *arena, size_t size)
{
    if (size > arena->limit)
        return NULL;
    size_t rounded = arena_rounded(size);
    void *memory = alloc_spare(arena, rounded);
    if (memory)
        return memory;
    struct arena_chunk *chunk = new_chunk(arena, rounded);
    if (!chunk)
        return NULL;
    chunk->older = arena->chunks;
    arena->chunks = chunk;
    arena->used += chunk->size;
    add_free(arena, chunk->bytes + rounded, end_of(chunk));
    return chunk->bytes;
}

static size_t unused(const struct arena *arena, struct arena_chunk *chunk)
{
    if (arena->end == end_of(chunk))
        return (size_t)(arena->end - arena->next);
    return arena->spare_end == end_of(chunk) ? (size_t)(arena->spare_end - arena->spare) : 0;
}

void arena_settle(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->chunks; chunk; chunk = chunk->older) {
        /* What was never touched of it becomes resident, too. */
        if (chunk->size == HUGE_CHUNK_SIZE && unused(arena, chunk) < HUGE_CHUNK_SIZE / 4)
            madvise(chunk, chunk->size, MADV_COLLAPSE);
    }
}

void *arena_calloc(struct arena *arena, size_t size)
{
    void *memory = arena_alloc(arena, size);
    return memory ? memset(memory, 0, size) : NULL;
}

void *arena_calloc_lines(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - 2 * CACHE_LINE)
        return NULL;
    size = arena_rounded(size);
    /* In the chunk that is filled it is known how far the next line is. */
    size_t gap = -(uintptr_t)arena->next & (CACHE_LINE - 1);
    size_t room = (size_t)(arena->end - arena->next);
    if (room < CACHE_LINE || room - gap < size)
        gap = CACHE_LINE;
    char *memory = arena_calloc(arena, size + gap);
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
