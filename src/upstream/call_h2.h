/* The call over HTTP/2: what call.c does where the server speaks it. Functions are as those of
 * call.h; `call->h2` is there from call_h2_start on, until the attempt ends. */
#pragma once

#include "upstream/call.h"
#include "upstream/server_h2.h"

struct call_h2 {
    struct server_h2_user user;
    struct call *call;
    struct server_h2 *connection;
    struct timer timer;
    uint64_t set_at;         /* when it was set */
    uint64_t written;        /* of the request's body, when that was last asked */
    uint64_t written_in_all; /* over the connection, when something happened last */
};

/* Whether calls to the server go over HTTP/2 now: where it may choose, that is so until it has
 * chosen otherwise; for upgrades, which HTTP/1.1 always has, where it refuses that. Not of a server
 * that is plain. */
COLD bool call_h2_is_wanted(const struct call *call, const struct server *server);

/* CALL_READY may come with a connection of HTTP/1.1 in the place of one that is shared, where the
 * server has chosen that. CALL_FAILED without an error: it has, and another call was first to take
 * that connection; the same server is to be asked over one of the call's own, which counts neither
 * as a failure nor as an attempt, and comes once at most, until call_restart or call_retry. */
COLD enum call_progress call_h2_start(struct call *call, const struct server_question *question);
COLD enum call_progress call_h2_go_on(struct call *call);
COLD void call_h2_leave(struct call *call);

/* The connection that the call has opened for itself turns out to be one of HTTP/2. */
COLD enum call_progress call_h2_adopt(struct call *call);

COLD bool call_h2_send_head(struct call *call, const struct request_head *head);
COLD struct slice call_h2_print_head(const struct call *call, const struct server *server,
                                     const struct request_head *head);
COLD bool call_h2_send_body(struct call *call, struct span piece);
COLD bool call_h2_send_end(struct call *call, const struct fields *trailers);
COLD enum io call_h2_flush(struct call *call);

COLD enum read_event call_h2_receive_head(struct call *call, struct response_head *ret_head);
COLD enum read_event call_h2_receive_body(struct call *call, struct fields *trailers,
                                          struct span *ret_piece);
COLD struct timer *call_h2_timer(struct call *call);
