#include "policy/path_meet.h"

#include "base/arena.h"
#include "base/assert.h"

/* What two tests have in common. */
struct common {
    const struct test *test; /* the narrower one; NULL: nothing */
    bool restricted;         /* it takes more than both do */
};

static struct common if_taken(const struct test *by, const struct test *exact)
{
    switch (path_test_match(by, exact->text)) {
    case MATCH_YES:
        return (struct common){.test = exact};
    case MATCH_NO:
        return (struct common){.test = NULL};
    case MATCH_UNDECIDED:
        break;
    }
    return (struct common){.test = exact, .restricted = true};
}

static bool is_below(struct slice prefix, struct slice outer)
{
    return slice_is_empty(outer) || path_has_prefix(prefix, outer);
}

/* A pattern wins over a prefix among routes, so it stays the test. */
static struct common of_pattern(const struct test *pattern, const struct test *other)
{
    struct slice literal = pattern_literal_prefix(pattern->pattern);
    struct slice text =
        other->kind == TEST_PREFIX ? other->text : pattern_literal_prefix(other->pattern);
    if (!slice_starts_with(literal, text) && !slice_starts_with(text, literal))
        return (struct common){.test = NULL};
    bool is_inside = other->kind == TEST_PREFIX && literal.length > text.length &&
                     path_has_prefix(literal, text);
    return (struct common){.test = pattern, .restricted = !is_inside};
}

static struct common meet(const struct test *outer, const struct test *inner)
{
    if (inner->kind == TEST_EQUAL)
        return if_taken(outer, inner);
    if (outer->kind == TEST_EQUAL)
        return if_taken(inner, outer);
    if (inner->kind == TEST_PATTERN)
        return of_pattern(inner, outer);
    if (outer->kind == TEST_PATTERN)
        return of_pattern(outer, inner);
    if (is_below(inner->text, outer->text))
        return (struct common){.test = inner};
    return (struct common){.test = is_below(outer->text, inner->text) ? outer : NULL};
}

bool path_meet(const struct path_tests *outer, const struct path_tests *inner, struct arena *arena,
               struct path_tests *ret_tests, bool *ret_empty)
{
    *ret_empty = false;
    if (outer->count == 0 || inner->count == 0) {
        *ret_tests = outer->count == 0 ? *inner : *outer;
        ret_tests->restricted = false;
        return true;
    }
    struct test *tests = ARENA_ARRAY(arena, struct test, (size_t)outer->count * inner->count);
    if (!tests)
        return false;
    *ret_tests = (struct path_tests){.items = tests};
    for (uint32_t i = 0; i < inner->count; i++) {
        for (uint32_t o = 0; o < outer->count; o++) {
            struct common common = meet(&outer->items[o], &inner->items[i]);
            if (!common.test)
                continue;
            tests[ret_tests->count++] = *common.test;
            ret_tests->restricted |= common.restricted;
        }
    }
    *ret_empty = ret_tests->count == 0;
    return true;
}
