/* A rehearsal: an exchange without a client and without servers. The steps of any exchange drive it
 * to where a server would be asked, or to an answer of our own, so that what is told of a request
 * is what happens to it. One loop, which need not turn. */
#pragma once

#include "exchange/exchange.h"
#include "exchange/sticking.h"
#include "policy/route_reasons.h"

struct rehearsal_request {
    const struct listener_plan *listener; /* at which it comes */
    struct ip peer;                       /* who connects */
    struct slice bytes; /* its head, with the empty line; outlives the rehearsal */
};

enum rehearsal_outcome {
    REHEARSAL_ASKS,    /* `server` would be asked, with `head` */
    REHEARSAL_ANSWERS, /* `exchange->response` and `reply_body` are the answer */
    REHEARSAL_WAITS,   /* a stage waits for what only comes in service */
    REHEARSAL_QUEUES,  /* all servers are full, and their upstream has a queue */
};

struct rehearsal {
    struct stream stream;
    struct slice bytes;           /* of the request */
    struct ip_text peer_text;     /* who connects */
    struct exchange *exchange;    /* to be read */
    struct exchange *asking;      /* private */
    struct route_reason *reasons; /* of all routes of the site; NULL: no site was asked */
    size_t reason_count;
    enum rehearsal_outcome outcome;
    const struct server *server; /* REHEARSAL_ASKS */
    uint32_t member;             /* of the upstream, which it is */
    bool is_fallback;       /* the same: a server that is asked because too few others can be */
    enum sticking sticking; /* the same */
    struct slice head;      /* REHEARSAL_ASKS: as it would be sent */
};

/* Plays it under the context's current snapshot. False: no memory; nothing is left behind. */
bool rehearsal_init(struct rehearsal *rehearsal, struct loop_context *context,
                    const struct rehearsal_request *request);

/* Its memory goes at the loop's next turn. */
void rehearsal_fini(struct rehearsal *rehearsal);

/* Whether the id of the exchange was made here, and would be another in service. */
bool rehearsal_made_id(const struct rehearsal *rehearsal);
