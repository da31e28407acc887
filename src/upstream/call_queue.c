#include "upstream/call_queue.h"

#include "base/assert.h"
#include "base/cold.h"
#include "upstream/call_members.h"

COLD static void on_turn(struct waiter *waiter)
{
    struct call *call = waiter->owner;
    call->on_news(call);
}

void call_leave_queue(struct call *call, bool has_place)
{
    call->queued_ms = call_queued_milliseconds(call);
    queue_leave(call->waiter, has_place);
    call->waiter = NULL;
}

uint64_t call_queued_milliseconds(const struct call *call)
{
    if (!call->waiter)
        return call->queued_ms;
    return call->queued_ms + loop_now(upstreams_loop(call->home)) - call->waiter->since;
}

/* Looks for a server; *all are full* is said only where somebody is who was not tried: one that
 * became free in the same moment is found when we look again. Who was tried is not asked again, or
 * a server that refuses, and by that gives back its place, would have us look for ever. */
static enum call_progress next_or_full(struct call *call, bool alone, bool *ret_full)
{
    enum { LOOKS_MAX = 3 };
    enum call_progress progress = CALL_FAILED;
    for (int i = 0; i < LOOKS_MAX; i++) {
        progress = call_next_server(call, alone);
        *ret_full = progress == CALL_FAILED && call->tried_count < CALL_TRIES_MAX &&
                    balancer_has_full(call->upstream, call->tried, call->tried_count);
        if (progress != CALL_FAILED || *ret_full || call->error != ERROR_SERVERS_FULL)
            break;
    }
    return progress;
}

/* From the queue: as often as it is called while it looks. */
COLD static enum call_progress look_for_place(struct call *call, bool alone)
{
    ASSERT(call->waiter && !call->connection);
    do {
        bool is_full = false;
        enum call_progress progress = next_or_full(call, alone, &is_full);
        if (!is_full) {
            call_leave_queue(call, progress != CALL_FAILED);
            return progress;
        }
    } while (queue_found_none(call->waiter, call->tried_count > 0));
    call->error = ERROR_NONE;
    return CALL_WAIT;
}

COLD static enum call_progress join_queue(struct call *call, bool alone)
{
    enum queue_join joined =
        queue_join(call->home, call->upstream, call->queue_priority, call->was_queued,
                   call->queued_ms, call, on_turn, &call->waiter);
    switch (joined) {
    case QUEUE_JOINED:
        call->error = ERROR_NONE;
        call->was_queued = true;
        return CALL_WAIT;
    case QUEUE_FIRST:
        call->was_queued = true;
        return look_for_place(call, alone);
    case QUEUE_IS_FULL:
        call->error = ERROR_QUEUE_FULL;
        return CALL_FAILED;
    case QUEUE_NO_MEMORY:
        call->error = ERROR_OUT_OF_MEMORY;
        return CALL_FAILED;
    }
    UNREACHABLE();
}

/* Who has tried all of them waits for nobody. */
static bool has_tried_all(const struct call *call)
{
    return !call->may_ask_again &&
           (call->tried_count == CALL_TRIES_MAX || call->tried_count >= call->upstream->count);
}

/* Who waits goes before who comes. */
enum call_progress call_start_in_turn(struct call *call, bool alone)
{
    if (!call->waiter && has_tried_all(call))
        return call_next_server(call, alone);
    if (!call->waiter) {
        bool is_full = true;
        if (!queue_is_used(call->upstream->commons)) {
            enum call_progress progress = next_or_full(call, alone, &is_full);
            if (!is_full)
                return progress;
        }
        return join_queue(call, alone);
    }
    if (call->waiter->timed_out) {
        call_leave_queue(call, false);
        call->error = ERROR_QUEUE_TIMEOUT;
        return CALL_FAILED;
    }
    call_renew(call);
    return queue_is_called(call->waiter) ? look_for_place(call, alone) : CALL_WAIT;
}
