/* How long a server takes to answer a call: from when it was handed all of the request to the head
 * of its answer. Where servers are chosen by that (least_time) each call is timed; elsewhere, for
 * whoever looks at them, a few in a second, so that the others do not pay for it. */
#pragma once

#include "loop/loop.h"
#include "upstream/call.h"

enum { CALL_TIMED_MS = 100 }; /* at least so long after the last time that was noted */

static inline bool call_is_timed(const struct call *call)
{
    uint32_t now = (uint32_t)loop_now(upstreams_loop(call->home));
    return now - server_answered_at(call->server) >= CALL_TIMED_MS ||
           call->upstream->balance == BALANCE_LEAST_TIME;
}

/* Now, and the answer is awaited. */
void call_note_asked(struct call *call);

/* The answer has come, or the call has failed. */
void call_note_time(struct call *call, bool failed);

/* The attempt ends, and the answer has not come. */
COLD void call_note_silence(struct call *call);
