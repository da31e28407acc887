/* How a server stands in an upstream: whether it is down by its health checks, what whoever runs
 * Weir has told it (drained, disabled, another weight), and since when it is there. Outside every
 * snapshot, by the names of both, so that a reload changes nothing of it. Stays until the registry
 * goes.
 *
 * Loops read the atomics; only the control loop writes, and all else here is its own. */
#pragma once

#include "policy/health.h"
#include "upstream/server.h"

/* What it was told. */
enum standing_order {
    STANDING_ENABLED,
    STANDING_DRAINED,  /* nobody new is sent there, but who belongs there */
    STANDING_DISABLED, /* nobody is sent there, and it is not checked */
};

/* What the configuration says of it. */
struct standing_line {
    int32_t weight;
    uint8_t priority;
    uint32_t max_connections;
};

struct patient;

struct standing {
    struct slice upstream;
    struct server *server;
    struct standing *older; /* of the same server */
    uint32_t references;    /* members of snapshots; behind the registry's lock */

    atomic_uint order;      /* enum standing_order */
    atomic_uint weight;     /* that it was told; 0: none */
    atomic_bool is_down;    /* by its checks */
    _Atomic uint64_t since; /* milliseconds of the monotonic clock: when it last came, or was up or
                               enabled again; 0: it was there from the beginning */

    /* The control loop's own. */
    struct standing_line line; /* as of the last snapshot that names it */
    uint64_t seen;             /* the number of that snapshot; 0: none was published */
    struct health_score score;
    struct patient *patient; /* of health.c; NULL: it is not probed */
    unsigned problem;        /* of the last probe: enum probe_problem */
    unsigned problem_status; /* and what it answered; 0: nothing */
    unsigned problem_tls;    /* and enum error_code, where TLS failed */
    uint64_t probe_took;     /* milliseconds; of the last that passed; 0: none did */
    uint64_t probe_due;      /* milliseconds of the monotonic clock; 0: not known yet */
    uint64_t passed, failed; /* probes */
};

/* The one of those names; made where it is new. It is named once more, which is given back with
 * standing_unref. NULL: no memory. Any thread. */
struct standing *standing_get(struct server_registry *registry, struct server *server,
                              struct slice upstream);

/* Named once less; gone when nobody names it: the server, which somebody still names, stands there
 * as if it had never been told anything. Any thread. */
void standing_unref(struct server_registry *registry, struct standing *standing);

static inline enum standing_order standing_order_of(const struct standing *standing)
{
    return (enum standing_order)atomic_load_explicit(&standing->order, memory_order_relaxed);
}

static inline bool standing_is_down(const struct standing *standing)
{
    return atomic_load_explicit(&standing->is_down, memory_order_relaxed);
}

/* The weight that it was told, else that which the configuration says. */
static inline uint32_t standing_weight(const struct standing *standing, int32_t written)
{
    uint32_t told = atomic_load_explicit(&standing->weight, memory_order_relaxed);
    return told > 0 ? told : (uint32_t)written;
}

/* Whether the server is set aside in some upstream: down, drained or disabled. To be asked before
 * anything of a standing is looked at, where that would cost. */
static inline bool server_is_set_aside(const struct server *server)
{
    return atomic_load_explicit(&server->set_aside, memory_order_relaxed) > 0;
}

/* ---- the control loop */

/* Its checks say that it is down, or up again from `now_ms` on. */
void standing_set_down(struct server_registry *registry, struct standing *standing, bool is_down,
                       uint64_t now_ms);

/* It was told. */
void standing_set_order(struct server_registry *registry, struct standing *standing,
                        enum standing_order order, uint64_t now_ms);

/* The same; 0: the one that is written. */
void standing_set_weight(struct server_registry *registry, struct standing *standing,
                         uint32_t weight);

/* The snapshot of that number, counted from 1 on, is served from now on and says this of it. What
 * it was told holds only as long as each snapshot says the same: true where it was told something
 * that holds no more. Where the one before did not name it, it comes now. */
bool standing_take_line(struct server_registry *registry, struct standing *standing,
                        const struct standing_line *line, uint64_t number, uint64_t now_ms);

/* It stands there from now on, while that snapshot is served: as if nobody had known it, where it
 * does not stand there already. */
void standing_come(struct server_registry *registry, struct standing *standing,
                   const struct standing_line *line, uint64_t number, uint64_t now_ms);

/* It does no more, while a snapshot is served: when it comes back it is new. */
void standing_leave(struct standing *standing);

/* Whether it was told something that holds still. */
bool standing_is_changed(const struct standing *standing);
