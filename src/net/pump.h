/* Bytes from one socket to another through a pipe, without passing through us (splice(2)). For long
 * bodies whose end is known by count, and for tunnels. Belongs to one loop. */
#pragma once

#include "net/transport.h"

/* Pipes that wait for their next use. */
struct pipe_pool;

struct pipe_pool *pipe_pool_new(void);
void pipe_pool_free(struct pipe_pool *pool);

struct pump {
    struct pipe_pool *pool;
    int ends[2];        /* 0: to read from; -1 where there is no pipe */
    size_t held;        /* bytes in the pipe */
    uint64_t remaining; /* bytes still to be taken from the source */
    bool more;          /* the source gave all that was asked for, and is likely to have more now */
};

/* A pump that is not in use. */
static inline void pump_none(struct pump *pump)
{
    pump->ends[0] = pump->ends[1] = -1;
}

static inline bool pump_is_in_use(const struct pump *pump)
{
    return pump->ends[0] >= 0;
}

/* False: no pipe is to be had; the caller copies. */
bool pump_init(struct pump *pump, struct pipe_pool *pool, uint64_t count);

/* A pipe that still holds bytes is closed, an empty one goes back; the pump is then not in use.
 * Harmless where it was not. */
void pump_fini(struct pump *pump);

enum pump_event {
    PUMP_WAIT_SOURCE, /* the source has nothing more for now */
    PUMP_WAIT_SINK,   /* the sink has no room */
    PUMP_TURN_OVER,   /* a fair share was moved: let others have their turn, then come back */
    PUMP_END,         /* all bytes were moved */
    PUMP_CUT,         /* the source ended or broke before that */
    PUMP_SINK_FAILED,
};

/* Moves what can be moved. `*ret_moved` bytes reached the sink. */
enum pump_event pump_run(struct pump *pump, struct transport *source, struct transport *sink,
                         uint64_t *ret_moved);
