#include "upstream/call_time.h"

#include "base/assert.h"
#include "sys/clock.h"

void call_note_asked(struct call *call)
{
    call->asked = sys_monotonic_ns() / 1000;
}

/* A server that fails at once would seem the quickest of all, so a failure counts as a slow answer.
 */
void call_note_time(struct call *call, bool failed)
{
    enum { FAILURE_MICROSECONDS = 1000 * 1000 };
    ASSERT(call->asked && call->server);
    uint64_t time = sys_monotonic_ns() / 1000 - call->asked;
    if (failed && time < FAILURE_MICROSECONDS)
        time = FAILURE_MICROSECONDS;
    server_answered(call->server, time, loop_now(upstreams_loop(call->home)));
    call->asked = 0;
}

/* Who leaves before the answer has not heard how long it takes, only that it takes longer. */
void call_note_silence(struct call *call)
{
    ASSERT(call->asked);
    if (call_was_dead(call))
        return;
    uint64_t time = sys_monotonic_ns() / 1000 - call->asked;
    uint64_t expected = server_expected_time(call->server, loop_now(upstreams_loop(call->home)));
    if (call->error || time > expected)
        call_note_time(call, call->error != ERROR_NONE);
}
