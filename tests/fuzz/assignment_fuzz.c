/* Lines as Cookie fields: what they name is a choice only where they hold its token, and one that
 * is put behind whatever they hold is found. */
#include "base/arena.h"
#include "base/assert.h"
#include "upstream/assignment.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHOICES = 2, ARENA_MAX = 1024 * 1024, INPUT_MAX = 4096 };

static struct assignment *make(struct arena *arena)
{
    static const struct tls_mac key = {.bytes = {1}};
    const struct assignment_settings settings = {.cookie = SLICE("home"), .path = SLICE("/")};
    struct assignment *assignment =
        assignment_new(arena, &settings, &key, SLICE("server"), SLICE("shop"), CHOICES);
    ASSERT(assignment && assignment_add(assignment, SLICE("10.0.0.1:80")) &&
           assignment_add(assignment, SLICE("10.0.0.2:80")));
    return assignment;
}

/* `home=` and the token. */
static struct slice pair_of(const struct assignment *assignment, uint32_t choice,
                            struct arena *arena)
{
    struct slice cookie = assignment_tell(assignment, choice, false, arena);
    ASSERT(cookie.data);
    return slice_until(cookie, slice_find(cookie, ';'));
}

static bool holds(struct slice bytes, struct slice token)
{
    return token.length <= bytes.length &&
           memmem(bytes.data, bytes.length, token.data, token.length) != NULL;
}

static void add(struct fields *fields, struct arena *arena, struct slice line)
{
    ASSERT(fields_add(fields, arena, FIELD_COOKIE, SLICE("Cookie"), line));
}

static void check(struct slice bytes, struct arena *arena)
{
    const struct assignment *assignment = make(arena);
    struct fields fields = {0};
    struct slice rest = bytes, last = slice_of(NULL, 0);
    while (!slice_is_empty(rest)) {
        last = slice_cut(&rest, '\n');
        add(&fields, arena, last);
    }
    int found = assignment_find(assignment, &fields);
    ASSERT(found >= ASSIGNMENT_UNKNOWN && found < CHOICES);
    ASSERT(found < 0 ||
           holds(bytes, slice_from(pair_of(assignment, (uint32_t)found, arena), strlen("home="))));
    struct slice parts[] = {last, SLICE("; "), pair_of(assignment, 0, arena)};
    add(&fields, arena, arena_join(arena, parts, 3));
    int then = assignment_find(assignment, &fields);
    ASSERT(found >= 0 ? then == found : then == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX)
        return 0;
    char *exact = malloc(size ? size : 1); /* so that a byte too far is seen */
    struct arena arena;
    ASSERT(exact);
    if (size)
        memcpy(exact, data, size);
    arena_init(&arena, NULL, ARENA_MAX);
    check(slice_of(exact, size), &arena);
    arena_fini(&arena);
    free(exact);
    return 0;
}
