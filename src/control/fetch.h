/* A fetch: one question over HTTP/1.1 beside the traffic, to whoever an URL names, and what is
 * answered. Over a connection of its own, which is then closed; redirects are not followed. Pulled,
 * as a probe is (upstream/probe.h): nothing is called back but `on_news`. Belongs to one loop. */
#pragma once

#include "base/slice.h"
#include "upstream/server.h"

struct loop;
struct fetch;

enum fetch_verdict {
    FETCH_WAIT, /* news will come */
    FETCH_DONE, /* there is an answer with status 200 */
    FETCH_FAILED,
};

enum fetch_problem {
    FETCH_GOOD,
    FETCH_NO_MEMORY, /* or descriptors */
    FETCH_UNRESOLVED,
    FETCH_REFUSED,
    FETCH_UNREACHABLE,
    FETCH_LATE,
    FETCH_CLOSED,
    FETCH_MALFORMED,
    FETCH_STATUS,
    FETCH_TOO_LARGE,
    FETCH_PROBLEMS
};

/* `it refuses connections`; a static text. */
const char *fetch_words(enum fetch_problem problem);

/* Where an URL leads. */
struct fetch_place {
    struct server_place server;
    struct slice authority; /* for Host */
    struct slice target;    /* path and query, at least `/` */
};

/* Reads an URL with http://; all is kept in the arena. False: it is none, it names a user, or no
 * memory. */
bool fetch_place_parse(struct slice url, struct arena *arena, struct fetch_place *ret_place);

/* Texts are copied. */
struct fetch_order {
    struct server_registry *servers;
    const struct server *server; /* outlives the fetch */
    struct slice authority, target;
    struct slice type, body; /* of a POST; an empty body: it is a GET */
    size_t answer_max;       /* bytes */
    uint64_t timeout_ms;     /* in all, the look-up of a name included */
    uint32_t first_address;  /* with which of its addresses to begin: another one the next time */
    void (*on_news)(void *owner); /* run it again */
    void *owner;
};

/* Not yet asked. NULL: no memory. */
struct fetch *fetch_new(struct loop *loop, const struct fetch_order *order);

/* Asks, or goes on; after anything but FETCH_WAIT it is only to be freed. */
enum fetch_verdict fetch_run(struct fetch *fetch);

/* After FETCH_DONE, until it is freed. */
struct slice fetch_answer(const struct fetch *fetch);

/* After FETCH_FAILED: of what; and the status, where there is one. */
enum fetch_problem fetch_problem(const struct fetch *fetch, unsigned *ret_status);

/* Closes its connection. It may be in the middle; no news comes any more. */
void fetch_free(struct fetch *fetch);
