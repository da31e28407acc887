/* Bytes as an estate: what is taken from it is left again, and taken from there as the same. */
#include "base/assert.h"
#include "main/inheritance.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 64 * 1024 * 1024 };

struct state {
    struct opening opening;
    struct upgrade upgrade;
    struct crew crew;
    struct service service;
};

static struct inheritance begin(struct state *state)
{
    upgrade_init(&state->upgrade, NULL);
    opening_init(&state->opening, &state->upgrade);
    crew_init(&state->crew);
    state->service = (struct service){0};
    return (struct inheritance){NULL, &state->opening, &state->upgrade, &state->crew,
                                &state->service};
}

/* What is left of it, in `arena`. */
static struct slice write_again(const struct inheritance *inheritance, struct arena *arena)
{
    struct slice bytes;
    int file = inheritance_write(inheritance);
    ASSERT(file >= 0);
    ASSERT(sys_read_opened(file, ARENA_MAX / 2, arena, &bytes) == 0);
    sys_close(file);
    return bytes;
}

static void check_again(struct slice first, struct arena *arena)
{
    static struct state state; /* none of its descriptors is open */
    struct inheritance inheritance = begin(&state);
    ASSERT(inheritance_read_bytes(&inheritance, first));
    ASSERT(write_again(&inheritance, arena).length == first.length); /* in any order */
    opening_fini(&state.opening, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct state state;
    struct arena arena;
    char *exact = malloc(size ? size : 1); /* so that a byte too far is seen */
    ASSERT(exact);
    if (size)
        memcpy(exact, data, size);
    arena_init(&arena, NULL, ARENA_MAX);
    struct inheritance inheritance = begin(&state);
    if (inheritance_read_bytes(&inheritance, slice_of(exact, size)))
        check_again(write_again(&inheritance, &arena), &arena);
    opening_fini(&state.opening, false);
    arena_fini(&arena);
    free(exact);
    return 0;
}
