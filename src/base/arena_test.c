#include "base/arena.h"

#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CHUNK = 1024 };

static void memory_is_aligned_and_one_behind_the_other(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 1024 * 1024);
    char *first = arena_alloc(&arena, 1);
    char *second = arena_alloc(&arena, 17);
    char *third = arena_alloc(&arena, 1);
    assert_int_equal((uintptr_t)first % _Alignof(max_align_t), 0);
    assert_int_equal(second - first, 16);
    assert_int_equal(third - second, 32);
    arena_fini(&arena);
}

static void cleared_memory_is_clear(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 1024 * 1024);
    char *dirty = arena_alloc(&arena, 100);
    memset(dirty, 'x', 100);
    arena_fini(&arena);
    arena_init(&arena, NULL, 1024 * 1024);
    const char *memory = arena_calloc(&arena, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(memory[i], 0);
    arena_fini(&arena);
}

static void it_may_lie_in_its_own_memory(void **state)
{
    (void)state;
    struct pool *pool = pool_new("chunks", CHUNK, 8);
    struct object {
        char before[24];
        struct arena arena;
        char behind[13];
    };
    struct object *object =
        arena_new_within(pool, 1024 * 1024, sizeof(*object), offsetof(struct object, arena));
    assert_non_null(object);
    struct arena *within = &object->arena;
    memset(object->before, 'x', sizeof(object->before));
    memset(object->behind, 'x', sizeof(object->behind));
    char *first = arena_alloc(within, 1);
    assert_true(first >= (char *)(object + 1) && first < (char *)object + CHUNK);
    assert_int_equal((uintptr_t)first % ARENA_ALIGNMENT, 0);
    for (int i = 0; i < 3; i++)
        assert_non_null(arena_alloc(within, CHUNK / 2));
    assert_int_equal(pool_in_use(pool), 3);
    assert_non_null(arena_alloc(within, 2 * CHUNK));
    assert_null(arena_alloc(within, 1024 * 1024 - 5 * CHUNK));
    arena_fini(within);
    assert_int_equal(pool_in_use(pool), 0);
    pool_free(pool);
}

static void chunks_come_from_the_source_and_go_back(void **state)
{
    (void)state;
    struct pool *pool = pool_new("chunks", CHUNK, 8);
    struct arena arena;
    arena_init(&arena, pool, 1024 * 1024);
    assert_int_equal(pool_in_use(pool), 0);
    for (int i = 0; i < 5; i++)
        assert_non_null(arena_alloc(&arena, CHUNK / 2));
    assert_int_equal(pool_in_use(pool), 5);
    arena_fini(&arena);
    assert_int_equal(pool_in_use(pool), 0);
    pool_free(pool);
}

static void what_is_larger_than_a_chunk_is_made_to_measure(void **state)
{
    (void)state;
    struct pool *pool = pool_new("chunks", CHUNK, 8);
    struct arena arena;
    arena_init(&arena, pool, 1024 * 1024);
    char *memory = arena_alloc(&arena, 10 * CHUNK);
    assert_non_null(memory);
    memset(memory, 'x', 10 * CHUNK);
    assert_int_equal(pool_in_use(pool), 0);
    arena_fini(&arena);
    pool_free(pool);
}

static void the_limit_holds_and_leaves_the_arena_as_it_was(void **state)
{
    (void)state;
    struct pool *pool = pool_new("chunks", CHUNK, 8);
    struct arena arena;
    arena_init(&arena, pool, 2 * CHUNK);
    assert_non_null(arena_alloc(&arena, CHUNK / 2));
    assert_null(arena_alloc(&arena, 2 * CHUNK));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_non_null(arena_alloc(&arena, CHUNK / 2));
    assert_null(arena_alloc(&arena, CHUNK));
    assert_int_equal(arena.used, 2 * CHUNK);
    assert_null(arena_copy(&arena, slice_of("", SIZE_MAX / 2)).data);
    arena_fini(&arena);
    pool_free(pool);
}

static void a_large_arena_keeps_its_contents_when_it_settles(void **state)
{
    (void)state;
    enum { OBJECTS = 60000, ARRAY = 600 * 1024 };
    struct arena arena;
    arena_init(&arena, NULL, SIZE_MAX / 2);
    char *array = arena_calloc_lines(&arena, ARRAY);
    memset(array, 'a', ARRAY);
    uint64_t **objects = malloc(OBJECTS * sizeof(*objects));
    for (uint64_t i = 0; i < OBJECTS; i++) {
        objects[i] = arena_alloc(&arena, 100);
        *objects[i] = i;
    }
    arena_settle(&arena);
    arena_settle(&arena);
    assert_int_equal(array[0], 'a');
    assert_int_equal(array[ARRAY - 1], 'a');
    for (uint64_t i = 0; i < OBJECTS; i++)
        assert_int_equal(*objects[i], i);
    assert_non_null(arena_alloc(&arena, 100));
    free(objects);
    arena_fini(&arena);
}

static void lines_begin_where_they_should_and_do_not_overlap(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, SIZE_MAX / 2);
    char *before = NULL;
    size_t length = 0;
    for (size_t size = 1; size < 3000; size += 7) {
        (void)arena_alloc(&arena, size % 50);
        char *lines = arena_calloc_lines(&arena, size);
        assert_int_equal((uintptr_t)lines % CACHE_LINE, 0);
        for (size_t i = 0; i < length; i++)
            assert_int_equal(before[i], 'x');
        memset(lines, 'x', size);
        before = lines;
        length = size;
    }
    assert_null(arena_calloc_lines(&arena, SIZE_MAX - 10));
    arena_fini(&arena);
}

static void a_limit_below_a_large_chunk_can_be_used_up(void **state)
{
    (void)state;
    enum { LIMIT = 1024 * 1024, OBJECT = 64 * 1024 };
    struct arena arena;
    arena_init(&arena, NULL, LIMIT);
    size_t count = 0;
    while (arena_alloc(&arena, OBJECT))
        count++;
    assert_in_range(count, LIMIT / OBJECT - 1, LIMIT / OBJECT);
    assert_in_range(arena.used, count * OBJECT, LIMIT);
    arena_fini(&arena);
}

static void copies_end_in_a_nul_that_is_not_counted(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 1024 * 1024);
    struct slice copy = arena_copy(&arena, SLICE("abc"));
    assert_int_equal(copy.length, 3);
    assert_string_equal(copy.data, "abc");
    const struct slice parts[] = {SLICE("a"), {NULL, 0}, SLICE("bc")};
    assert_string_equal(arena_join(&arena, parts, 3).data, "abc");
    struct slice empty = arena_copy(&arena, slice_of(NULL, 0));
    assert_int_equal(empty.length, 0);
    assert_string_equal(empty.data, "");
    arena_fini(&arena);
}

/* Appends its digit to the number that was told so far. */
static int told;

static void tell(void *object)
{
    told = told * 10 + *(const int *)object;
}

static void farewells_come_in_turn_from_the_last_on(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 1024 * 1024);
    told = 0;
    for (int i = 1; i <= 3; i++) {
        int *object = arena_alloc(&arena, sizeof(*object));
        *object = i;
        assert_true(arena_on_fini(&arena, tell, object));
    }
    assert_int_equal(told, 0);
    arena_fini(&arena);
    assert_int_equal(told, 321);
}

static void an_arena_may_begin_anew(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 1024 * 1024);
    arena_fini(&arena);
    arena_fini(&arena);
    arena_init(&arena, NULL, 1024 * 1024);
    assert_non_null(arena_alloc(&arena, 1));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_one_behind_the_other),
        cmocka_unit_test(cleared_memory_is_clear),
        cmocka_unit_test(it_may_lie_in_its_own_memory),
        cmocka_unit_test(chunks_come_from_the_source_and_go_back),
        cmocka_unit_test(what_is_larger_than_a_chunk_is_made_to_measure),
        cmocka_unit_test(the_limit_holds_and_leaves_the_arena_as_it_was),
        cmocka_unit_test(a_large_arena_keeps_its_contents_when_it_settles),
        cmocka_unit_test(lines_begin_where_they_should_and_do_not_overlap),
        cmocka_unit_test(a_limit_below_a_large_chunk_can_be_used_up),
        cmocka_unit_test(copies_end_in_a_nul_that_is_not_counted),
        cmocka_unit_test(farewells_come_in_turn_from_the_last_on),
        cmocka_unit_test(an_arena_may_begin_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
