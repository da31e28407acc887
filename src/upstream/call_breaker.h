/* What a call has to do with the circuit breaker of its upstream, where that has one. */
#pragma once

#include "base/cold.h"
#include "policy/failure_rate.h"

struct call;

/* Before a server is chosen. False: the call goes no further, and has its error. */
COLD bool call_enter_breaker(struct call *call);

/* How its attempt went; what becomes of the circuit is told. */
COLD void call_note_breaker(struct call *call, enum failure_rate_outcome outcome);

/* No server could be asked: of that the ones to blame are the servers, unless they are just full,
 * or none may be asked. */
COLD void call_note_unreached(struct call *call);

/* The attempt is over. */
COLD void call_leave_breaker(struct call *call);
