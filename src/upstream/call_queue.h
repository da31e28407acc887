/* A call in the queue of its upstream: where all servers have as many calls as they may, it waits
 * until a place comes free. */
#pragma once

#include "upstream/call.h"

/* Looks for a server, or for a place in the queue, or goes on waiting in it; like `call_start`. The
 * upstream has a queue. `alone`: over no connection that was used before. Of who waited and failed
 * or found a server, the waiter is gone. */
enum call_progress call_start_in_turn(struct call *call, bool alone);

/* The call waits. `has_place`: since it found a server, and not because it gives up. */
COLD void call_leave_queue(struct call *call, bool has_place);

/* In call.c: asks servers that were not tried, one after the other, until one is reached or under
 * way. CALL_FAILED with ERROR_SERVERS_FULL: those that are left are full. */
enum call_progress call_next_server(struct call *call, bool alone);
