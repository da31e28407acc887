/* What becomes of a call for which nothing happens any more. */
#pragma once

#include "upstream/call.h"

/* The system tells of room only when much of what it holds is gone, and may hold megabytes: of a
 * slow server that takes longer than it may pause. So before a call is given up, it is looked
 * whether the server takes of what the system holds for it, which shows when the deadline has
 * passed twice; who has come to have all of it has the time to answer. `transport`: the way to it.
 * A system call. */
COLD bool call_is_taken_slowly(struct call *call, const struct transport *transport);

/* Gives what is waited for its whole time, from now on. */
void call_wait_again(struct call *call);

/* The deadline has passed (connection_user's on_timeout): the call fails, or has that time again.
 */
COLD void call_timed_out(struct connection_user *user);
