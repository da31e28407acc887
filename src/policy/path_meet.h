/* Which paths an inner route takes inside of an outer one. */
#pragma once

#include "policy/route_condition.h"

/* Tests of a path; `restricted` where what passes them must still meet the conditions of both. */
struct path_tests {
    const struct test *items; /* count 0: every path */
    uint32_t count;
    bool restricted;
};

/* The narrowest tests that take every path which both take; patterns are compiled. Without any
 * common path, `*ret_empty` is set. False: no memory. */
bool path_meet(const struct path_tests *outer, const struct path_tests *inner, struct arena *arena,
               struct path_tests *ret_tests, bool *ret_empty);
