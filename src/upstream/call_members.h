/* Whom of its upstream a call may ask and has asked; also while the list of its members is swapped
 * (edition.h). Members are numbers in the list that the call is under. */
#pragma once

#include "base/cold.h"
#include "upstream/upstream.h"

struct call;

/* A call that begins, to an upstream that is swapped, gets the list that holds. */
COLD void call_take_edition(struct call *call);

/* The call is over, or goes under another list: what it holds until then. */
COLD void call_let_go_edition(struct call *call);

/* Before it looks for a server again: it goes on under the list that holds now. Who was tried and
 * is still there was tried. */
COLD void call_renew(struct call *call);

/* Whether it may try one more; it was renewed. */
COLD bool call_may_try_more(struct call *call);
