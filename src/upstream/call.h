/* A call: one request to one server with its response. An exchange makes calls; so will health
 * checks and background fetches. The version of HTTP towards the server stays in here. Spoken to by
 * pulling: nothing is called back but `on_news`, which says that trying again makes sense and comes
 * from the loop, never from inside a function of this file.
 *
 *     call_init → call_start (until READY) → call_send_head → call_send_body… → call_send_end
 *               ↘ meanwhile: call_receive_head, call_receive_body…        → call_finish
 *
 * call_flush after sending, call_await before waiting, call_finish exactly once. One loop. */
#pragma once

#include "base/cold.h"
#include "net/h1_reader.h"
#include "net/h1_writer.h"
#include "upstream/breaker.h"
#include "upstream/queue.h"
#include "upstream/upstreams.h"
#include "wire/proxy_protocol.h"

enum { CALL_TRIES_MAX = 8 };

/* For whom the call waits: decides which deadline holds. */
enum call_wait {
    CALL_WAIT_NOTHING, /* not for the server */
    CALL_WAIT_CONNECT,
    CALL_WAIT_TAKE, /* that it takes what we send */
    CALL_WAIT_HEAD,
    CALL_WAIT_BODY,
    CALL_WAIT_TUNNEL, /* that anything moves */
};

struct call_h2;
struct call_websocket;

struct call {
    struct connection_user user; /* of `connection` */
    void (*on_news)(struct call *call);
    struct upstreams *home;
    const struct upstream *upstream; /* with the members that it has for this call */
    const struct timeouts *timeouts; /* outlive the call */
    const struct h1_limits *limits;
    struct arena *arena;
    const struct proxy_header *announcement; /* begins each connection; NULL: nothing does */

    uint64_t key; /* by which a server is chosen, where the upstream chooses by one */
    bool has_key;
    bool has_wish; /* a member shall be asked where it can be: */
    uint16_t wished;
    struct waiter *waiter; /* in the upstream's queue; NULL: it is not */
    uint64_t queued_ms;    /* that it has waited there before */
    bool was_queued;
    bool never_queues;                    /* it fails where it would have to stand in it */
    uint8_t queue_priority;               /* there */
    bool has_searched;                    /* with a pass: for room, and does not so again */
    struct server_connection *connection; /* NULL before and after */
    struct call_h2 *h2;                   /* the same, over HTTP/2 */
    struct call_websocket *websocket;     /* call_websocket.h; NULL: none is asked for */
    struct server *server;                /* the one that is or was asked */
    uint16_t tried[CALL_TRIES_MAX];       /* members of the upstream */
    uint8_t tried_count;
    uint8_t asked_count;    /* how often a server was asked or tried to be */
    enum breaker_pass pass; /* of the upstream's circuit breaker */
    bool went_well;         /* it was counted so, by its head */
    bool has_failed;        /* the same: what it fails of behind its head is no other failure */
    bool has_edition;       /* `upstream` is one, which is held: edition.h */
    bool is_tied;       /* it may have something to give back at its end: its pass, its edition */
    bool fresh;         /* over no connection that was used before, where there is room for one */
    bool wants_upgrade; /* of a server that may choose, HTTP/1.1 is asked for */
    bool found_h1;      /* a server that could choose speaks it: over a connection of its own */
    bool may_ask_again; /* where no other is left, those that were tried */
    uint8_t address_next, address_count; /* of the server's addresses, while connecting */
    bool reused;                         /* the connection carried calls before */
    bool response_begun;                 /* a byte of a response was seen */
    bool keep_alive;                     /* the response lets the connection live */
    uint64_t keep_ms;                    /* and for how long it may be idle */
    uint64_t asked; /* microseconds: when all of the request was handed over, while its answer is
                       awaited; 0: not, or nobody wants to know */
    bool head_sent, request_ended, response_ended;
    enum call_wait waiting;
    bool progress;         /* something moved since the deadline was set */
    uint64_t unsent;       /* call_is_taken_slowly: of that, the last time; UINT64_MAX: never */
    enum error_code error; /* why this attempt failed */
    enum error_code last_error; /* why the attempt before failed */

    enum method method;
    struct h1_reader reader;
    struct span response_bytes; /* the head's, for its slices */
    enum h1_framing sending;    /* how the request's body is framed */
    uint64_t bytes_sent, bytes_received;
    struct output output;

    struct room_search *search; /* with a pass: for room for its connection; NULL: none */
};

/* Everything that is given must outlive the call. Where the list of the upstream's members was
 * swapped, `call->upstream` is what stands in its place. `announcement`: of whom each connection
 * tells first, where the upstream wants that; a connection then serves this call alone. */
void call_init(struct call *call, struct upstreams *home, const struct upstream *upstream,
               const struct timeouts *timeouts, const struct h1_limits *limits, struct arena *arena,
               const struct proxy_header *announcement, void (*on_news)(struct call *call));

/* Before call_start: what decides where the upstream chooses by hash; empty: nothing does. */
void call_set_key(struct call *call, struct slice key);

/* Before call_start: the member of the upstream that shall be asked where it can be. */
void call_wish(struct call *call, uint32_t member);

/* Before call_start: the servers that the other one has tried are not asked. */
COLD void call_avoid(struct call *call, const struct call *other);

/* The member that is or was asked; -1: none was. */
int call_member(const struct call *call);

enum call_progress { CALL_READY, CALL_WAIT, CALL_FAILED };

/* Chooses a server and gets a connection; after CALL_WAIT it is called again with each news.
 * Servers that cannot be reached are passed over, each at most once. CALL_FAILED: `call->error`. */
enum call_progress call_start(struct call *call);

/* Whether it failed since its connection, which was kept, had been closed meanwhile: that is
 * nobody's failure. */
bool call_was_dead(const struct call *call);

/* Before another start, when the connection that was reused turned out to be dead: the same server
 * is asked again, over a fresh one. */
COLD void call_restart(struct call *call);

/* Before another start, when the call failed or its answer is not wanted: another server is asked,
 * or where none is left, any. What there is of the response is dropped. */
COLD void call_retry(struct call *call);

/* Queues the head. Where it wants an upgrade, `Upgrade` among its fields says to what. False: no
 * memory. */
bool call_send_head(struct call *call, const struct request_head *head);

/* The head as call_send_head sends it to that server, without announcement, in the call's arena, of
 * a call that was not started. In HTTP/2, with a line for each field. Data is NULL: no memory. */
struct slice call_print_head(const struct call *call, const struct server *server,
                             const struct request_head *head);

/* Whether there is a connection to send over. */
static inline bool call_is_placed(const struct call *call)
{
    return call->connection || call->h2;
}

COLD bool call_h2_has_room(const struct call *call);

/* Whether more of the body may be queued. */
static inline bool call_has_room(const struct call *call)
{
    return call->h2 ? call_h2_has_room(call) : output_has_room(&call->output);
}

/* Takes over the piece. False: no memory. */
bool call_send_body(struct call *call, struct span piece);

/* The request is complete. `trailers` may be NULL. False: no memory. */
bool call_send_end(struct call *call, const struct fields *trailers);

/* Sends what was queued. IO_FAILED: the server takes nothing more; what it answered may still be
 * received. */
enum io call_flush(struct call *call);

/* The next head, interim (1xx) or final. READ_HEAD: `*ret_head` is filled, its slices live as long
 * as the call (those of an interim one until the next head). READ_FAILED: `call->error`. */
enum read_event call_receive_head(struct call *call, struct response_head *ret_head);

/* The next piece of the response's body, as h1_reader_read_body. READ_CUT, READ_FAILED:
 * `call->error`. A piece that is known to be the last sets `call->response_ended`; whoever asks all
 * the same gets READ_END. */
enum read_event call_receive_body(struct call *call, struct fields *trailers,
                                  struct span *ret_piece);

/* For a pump: the transport from which the rest of the response comes, and how many bytes that is;
 * and the transport to which the rest of the request may go. NULL: body bytes have to pass through
 * us (chunks, or something lies in between). */
struct transport *call_pump_from(struct call *call, uint64_t *ret_remaining);
struct transport *call_pump_to(struct call *call);

/* `count` bytes of the body went past by a pump. */
void call_pumped_from(struct call *call, uint64_t count);
void call_pumped_to(struct call *call, uint64_t count);

/* Whether call_flush has nothing to do. */
static inline bool call_is_flushed(const struct call *call)
{
    return !call->h2 && output_is_empty(&call->output) && call->sending != H1_FRAMING_CLOSE;
}

/* Whether nothing of the response has come that was not looked at: call_receive_head would say
 * READ_WAIT. */
static inline bool call_awaits_news(const struct call *call)
{
    return !call->h2 && !h1_reader_has_leftover(&call->reader) &&
           transport_awaits_news(&call->connection->transport);
}

/* How long it has waited in the upstream's queue so far. */
uint64_t call_queued_milliseconds(const struct call *call);

/* Sets the deadline for what is waited for. */
void call_await(struct call *call, enum call_wait wait);

/* The call is over. A connection whose messages are both complete is kept, any other is closed; a
 * response that is not complete is reset, so that the server stops. */
void call_finish(struct call *call);

/* Nobody wants it any more: its connection is given back, as by call_finish, which is still to
 * come; until then it can be asked whom it asked. */
COLD void call_stop(struct call *call);

/* The call is over, and the other one, which waits in no queue, goes on in its place and is itself
 * no more. Who hears of it, how often was asked and how long was waited stay. */
COLD void call_replace(struct call *call, struct call *other);

/* For a tunnel after 101: the connection leaves the call, with what the server sent behind its
 * head. */
struct server_connection *call_take_connection(struct call *call, struct span *ret_leftover);
