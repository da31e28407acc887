/* Why a route takes a request, and why each other one of its site does not: for telling people,
 * beside the traffic. Asks the same conditions and the same index as route_find. */
#pragma once

#include "policy/route_condition.h"

/* How the path of a route fits that of the request; the later one goes first. */
enum route_fit {
    ROUTE_FIT_NONE,     /* it does not */
    ROUTE_FIT_LAST,     /* the action of the site itself */
    ROUTE_FIT_ANYWHERE, /* the route has no path */
    ROUTE_FIT_PREFIX,
    ROUTE_FIT_PATTERN,
    ROUTE_FIT_EXACT,
};

struct route_reason {
    const struct route *route;
    enum route_fit fit;
    uint32_t prefix_rank;           /* ROUTE_FIT_PREFIX: larger for the longer one */
    const struct condition *failed; /* the first that does not hold; NULL: all do */
    bool undecided; /* a pattern of its path, or that condition, came to its limit */
    uint32_t condition_count;
    int32_t priority;
    bool takes; /* it is the answer */
};

/* One for each route of the answer's site, as they stand in the file, in the question's arena.
 * NULL: no memory. `answer` is what route_find said. */
struct route_reason *route_reasons(const struct route_table *table,
                                   const struct route_question *question,
                                   const struct route_answer *answer, size_t *ret_count);
