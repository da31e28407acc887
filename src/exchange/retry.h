/* Another attempt: a request whose call failed, or was answered with a status that nobody wants, is
 * sent once more, as the setting `retry` of its route permits. Nothing of a response has gone to
 * the client before, and what was sent of the request can be sent again: its head is whole in the
 * arena, and a small body is kept. One loop. */
#pragma once

#include "base/buffer.h"
#include "base/cold.h"
#include "base/error.h"
#include "exchange/hedge.h"
#include "loop/timer.h"

struct exchange;

/* What an exchange needs for it, in its arena; there is none before the first use. */
struct retry {
    struct exchange *exchange;
    struct timer pause;  /* until the next attempt */
    unsigned attempts;   /* that were begun */
    struct span body;    /* what came of the request's body; empty where it is not kept */
    bool keeps_body;     /* it fits, so far */
    bool body_ended;     /* and was complete before this attempt */
    struct hedge *hedge; /* a second server may be asked as well; NULL: none is */
};

/* When a call begins: the upstream's budget gets its share, and room is made for the body, and for
 * a hedge. */
void exchange_retry_begin(struct exchange *exchange);

/* A piece of the request's body goes to the server for the first time. */
void exchange_retry_keep(struct exchange *exchange, const struct span *piece);

/* Whether the request's body is still kept, so that all of it has to pass through us. */
static inline bool retry_keeps_body(const struct retry *retry)
{
    return retry && retry->keeps_body;
}

/* Whether the exchange, which has failed of `error`, makes another attempt: it then is in PAUSE,
 * and has not failed. */
COLD bool exchange_retry_failure(struct exchange *exchange, enum error_code error);

/* Whether the head of a final response is not wanted, and another attempt is made instead:
 * exchange_retry_answer then begins it. That is also for one that comes too early
 * (early_data_asks_again), and then counts as no attempt. */
bool exchange_retry_wants(struct exchange *exchange);
COLD void exchange_retry_answer(struct exchange *exchange);

/* Room for another attempt, where none was foreseen. False: no memory. */
COLD bool exchange_retry_prepare(struct exchange *exchange);

/* Behind the head of an attempt: what was kept of the body; a hedge waits from now on. False: no
 * memory. */
COLD bool exchange_retry_resend(struct exchange *exchange);

/* The response begins, and nothing is repeated any more: what is kept of the body goes. */
COLD void exchange_retry_forget(struct exchange *exchange);

COLD void exchange_retry_fini(struct exchange *exchange);
