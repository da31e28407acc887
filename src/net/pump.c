/* The pipe is filled only when it is empty, so that "try again" always speaks of a socket and never
 * of a full pipe. */
#include "net/pump.h"

#include "base/assert.h"
#include "sys/socket.h"

#include <stdlib.h>

enum {
    PIPE_SIZE = 1024 * 1024,
    PIPES_IDLE_MAX = 16,
    TURN_MAX = 8 * 1024 * 1024, /* bytes in one go, before other connections have their turn */
};

struct pipe_pool {
    int idle[PIPES_IDLE_MAX][2];
    unsigned count;
};

struct pipe_pool *pipe_pool_new(void)
{
    return calloc(1, sizeof(struct pipe_pool));
}

static void close_pipe(const int ends[2])
{
    sys_close(ends[0]);
    sys_close(ends[1]);
}

void pipe_pool_free(struct pipe_pool *pool)
{
    if (!pool)
        return;
    while (pool->count > 0)
        close_pipe(pool->idle[--pool->count]);
    free(pool);
}

bool pump_init(struct pump *pump, struct pipe_pool *pool, uint64_t count)
{
    ASSERT(count > 0 && pool->count <= PIPES_IDLE_MAX);
    *pump = (struct pump){.pool = pool, .ends = {-1, -1}, .remaining = count};
    if (pool->count == 0)
        return sys_pipe(pump->ends, PIPE_SIZE) == 0;
    pool->count--;
    pump->ends[0] = pool->idle[pool->count][0];
    pump->ends[1] = pool->idle[pool->count][1];
    return true;
}

void pump_fini(struct pump *pump)
{
    if (!pump_is_in_use(pump))
        return;
    struct pipe_pool *pool = pump->pool;
    if (pump->held > 0 || pool->count == PIPES_IDLE_MAX) {
        close_pipe(pump->ends);
    } else {
        pool->idle[pool->count][0] = pump->ends[0];
        pool->idle[pool->count][1] = pump->ends[1];
        pool->count++;
    }
    pump_none(pump);
}

static enum pump_event fill(struct pump *pump, struct transport *source)
{
    ASSERT(pump->held == 0 && pump->remaining > 0);
    size_t wanted = pump->remaining < PIPE_SIZE ? (size_t)pump->remaining : PIPE_SIZE;
    size_t moved = 0;
    switch (socket_splice_in(&source->socket, pump->ends[1], wanted, &moved)) {
    case IO_DONE:
        break;
    case IO_PENDING:
        return PUMP_WAIT_SOURCE;
    case IO_END:
    case IO_FAILED:
        return PUMP_CUT;
    }
    ASSERT(moved <= pump->remaining);
    pump->held = moved;
    pump->more = moved == wanted && pump->remaining > moved;
    pump->remaining -= moved;
    return PUMP_END;
}

static enum pump_event drain(struct pump *pump, struct transport *sink, uint64_t *ret_moved)
{
    while (pump->held > 0) {
        size_t moved = 0;
        enum io io =
            socket_splice_out(&sink->socket, pump->ends[0], pump->held, pump->more, &moved);
        if (io == IO_PENDING)
            return PUMP_WAIT_SINK;
        if (io != IO_DONE)
            return PUMP_SINK_FAILED;
        ASSERT(moved > 0 && moved <= pump->held);
        pump->held -= moved;
        *ret_moved += moved;
    }
    return PUMP_END;
}

enum pump_event pump_run(struct pump *pump, struct transport *source, struct transport *sink,
                         uint64_t *ret_moved)
{
    ASSERT(pump_is_in_use(pump) && source != sink);
    *ret_moved = 0;
    while (*ret_moved < TURN_MAX) {
        enum pump_event event = drain(pump, sink, ret_moved);
        if (event != PUMP_END)
            return event;
        if (pump->remaining == 0)
            return PUMP_END;
        event = fill(pump, source);
        if (event != PUMP_END)
            return event;
    }
    return PUMP_TURN_OVER;
}
