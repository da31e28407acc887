/* How an exchange keeps its client with the server that the client was given to
 * (upstream/sticky.h): what the request says of it leads the call, and the answer says what became
 * of it. One loop. */
#pragma once

#include "base/cold.h"

struct exchange;
struct server;

#define STICKINGS(S)                                                                               \
    S(FIRST, "first")     /* the client belongs nowhere yet */                                     \
    S(KEPT, "kept")       /* it was asked where it belongs */                                      \
    S(MOVED, "moved")     /* elsewhere, for that server could not be asked */                      \
    S(UNKNOWN, "unknown") /* its cookie is none of ours, or of a server that is gone */

enum sticking {
#define STICKING_ENUM(name, word) STICKING_##name,
    STICKINGS(STICKING_ENUM)
#undef STICKING_ENUM
        STICKING_COUNT,
    STICKING_NONE = STICKING_COUNT /* nobody sticks to servers of this upstream */
};

/* One word for each; empty for STICKING_NONE. */
extern const char *const sticking_words[];

/* Before the call to a route's upstream that is led by the request is started. */
COLD void sticking_lead(struct exchange *exchange);

/* When the head of the final response is there: it is counted, and a client that belongs to another
 * server from now on is told so by a cookie; without memory it is not. */
COLD void sticking_answer(struct exchange *exchange);

/* What became of it when that server is asked, or would be; NULL: none was. */
enum sticking sticking_outcome(const struct exchange *exchange, const struct server *server);
