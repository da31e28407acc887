/* What a call has to do with the circuit breaker of its upstream, where that has one. */
#pragma once

#include "base/cold.h"
#include "policy/failure_rate.h"
#include "upstream/call.h"

/* Before a server is chosen. False: the call goes no further, and has its error. */
COLD bool call_enter_breaker(struct call *call);

/* How its attempt went; what becomes of the circuit is told. */
COLD void call_note_breaker(struct call *call, enum failure_rate_outcome outcome);

/* No server could be asked: of that the ones to blame are the servers, unless they are just full,
 * or none may be asked. */
COLD void call_note_unreached(struct call *call);

/* The attempt is over. */
COLD void call_leave_breaker(struct call *call);

/* On whose account its connections are opened, with the room that a search has found. */
struct connection_account call_account(struct call *call);

/* There is no room for its connection. CALL_WAIT: another loop is asked for it, and there will be
 * news. CALL_FAILED: all connections are in use, or the call does not wait. */
COLD enum call_progress call_search_room(struct call *call);

/* It has a connection that was there already: the room goes back, for as long as that one lasts. */
COLD void call_end_search(struct call *call);

/* Whether a search is under way, or its outcome was not taken note of. */
static inline bool call_searches_room(const struct call *call)
{
    return call->pass != BREAKER_NO_PASS && call->search;
}
