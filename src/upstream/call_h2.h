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
    uint64_t set_at;  /* when it was set */
    uint64_t written; /* of the request's body, when that was last asked */
};

COLD enum call_progress call_h2_start(struct call *call, const struct server_question *question);
COLD enum call_progress call_h2_go_on(struct call *call);
COLD void call_h2_leave(struct call *call);

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
