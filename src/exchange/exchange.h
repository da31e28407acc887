/* The request: one exchange of a client's request for a response, on its whole way through Weir,
 * the same under every version of HTTP. Start reading at exchange.c.
 *
 * An exchange is born when a head is complete, lives in its own arena, and belongs to its loop. It
 * is driven by exchange_run alone; everything else only notes facts and asks for a run. */
#pragma once

#include "base/arena.h"
#include "base/cold.h"
#include "exchange/access_log.h"
#include "exchange/context.h"
#include "exchange/early_data.h"
#include "exchange/mirror.h"
#include "exchange/retry.h"
#include "exchange/split.h"
#include "exchange/stage.h"
#include "exchange/stream.h"
#include "loop/loop.h"
#include "upstream/call.h"

/* state, step, where it may go */
#define EXCHANGE_STATES(S)                                                                         \
    S(ROUTE, exchange_route, TO(HOLD) | TO(STAGES) | TO(REPLY))                                    \
    S(HOLD, exchange_hold, TO(STAGES) | TO(REPLY) | TO(END))                                       \
    S(STAGES, exchange_run_stages, TO(CONNECT) | TO(REPLY))                                        \
    S(CONNECT, exchange_connect, TO(RELAY) | TO(PAUSE) | TO(REPLY) | TO(END))                      \
    S(RELAY, exchange_relay, TO(CONNECT) | TO(PAUSE) | TO(REPLY) | TO(TUNNEL) | TO(END))           \
    S(PAUSE, exchange_pause, TO(CONNECT) | TO(REPLY) | TO(END))                                    \
    S(REPLY, exchange_reply, TO(END))                                                              \
    S(TUNNEL, exchange_become_tunnel, 0)                                                           \
    S(END, exchange_end, 0)

enum exchange_state {
#define EXCHANGE_ENUM(name, step, next) EXCHANGE_##name,
    EXCHANGE_STATES(EXCHANGE_ENUM)
#undef EXCHANGE_ENUM
        EXCHANGE_STATE_COUNT
};

/* One direction of the relay. */
enum flow {
    FLOW_HEAD,     /* response: its final head is awaited */
    FLOW_OPEN,     /* pieces of the body go through */
    FLOW_PUMP,     /* the same, by a pump */
    FLOW_ENDED,    /* complete */
    FLOW_CUT,      /* it ended before its end, or one side takes no more */
    FLOW_UNWANTED, /* response: it is dropped, and another attempt made */
};

/* To what a client may belong: a server (sticking.h), a variant (split.h). */
enum assigned { ASSIGNED_SERVER = 1, ASSIGNED_VARIANT = 2 };

enum verdict { GO_ON, WAIT, DONE };

struct exchange {
    enum exchange_state state;
    enum flow request_flow, response_flow;
    struct loop_context *context;
    struct snapshot_hold *hold;
    struct stream *stream;
    struct task task; /* a run that was asked for */
    struct grave grave;
    struct arena arena;

    struct span request_bytes; /* the head's, for its slices */
    struct request_head request;
    const struct listener_plan *listener;
    struct ip peer, client; /* who connected; who asks, behind trusted proxies */
    struct slice peer_text; /* the first as ip_print writes it, as long as the stream is there */
    bool peer_is_trusted;
    bool path_is_bare;          /* http/uri.h */
    struct slice id;            /* made or taken when it is first asked for: request_id.h */
    struct slice client_target; /* path and query as the client sent them; data is NULL where the
                                   request could not be read */
    struct slice client_path;   /* of it, in its one form */
    struct slice host;          /* normalized; empty where none was sent */
    struct slice path;     /* normalized; what the server is asked may differ after a rewrite */
    enum scheme scheme;    /* of the client's connection */
    const struct tls *tls; /* the same; NULL: it has none */
    const struct site *site;
    const struct route *route;
    const struct plan *plan;        /* NULL before a route was found */
    struct route_counts *counts;    /* where there is a plan; NULL: nobody counts */
    struct access_note access_note; /* where the plan has an access log */
    uint32_t stage_next;
    enum split_reason split_reason; /* where the plan is a variant's */

    struct retry *retry;   /* NULL: nothing had to be kept for another attempt, and none was made */
    struct mirror *mirror; /* that collects the request's body; NULL: none does */
    struct call call;      /* in use from CONNECT on */
    bool has_call;
    bool response_sent;     /* the final head was queued for the client */
    bool is_tunnel;         /* 101 was, and the flows are those of a tunnel over HTTP/2 */
    uint8_t assigned;       /* bits of enum assigned: of whom the answer may have to tell */
    uint8_t early;          /* bits of enum early; 0: it came when the handshake had ended */
    bool repeated;          /* it was sent again over a fresh connection, in the same attempt */
    bool names_server;      /* Host is that of the server that is asked */
    bool is_mirror_settled; /* whether it is copied; where the plan has `mirror` */
    uint8_t interim_count;  /* 1xx heads so far */
    uint8_t refusals;       /* of servers that had not taken it up, for which it was sent again */
    struct response_head response;
    struct fields request_trailers, response_trailers;
    struct slice reply_body; /* of an answer of our own */
    struct pump pump;        /* in use while a flow is FLOW_PUMP */
    struct timer deadline;   /* timeouts.request; in the wheel only where it is set */

    enum error_code error; /* why it failed; the first failure stays */
    uint64_t started;      /* milliseconds of the loop */
    uint64_t called;       /* the same: when a server was first wanted; 0: none was */
    uint64_t connected;    /* when there was a connection to it, the last time; 0: never */
    uint64_t answered;     /* when the head of its response came; 0: it did not */
    uint64_t request_body_bytes, response_body_bytes;
    struct slice captures[ROUTE_CAPTURES_MAX]; /* those that the route's paths give */
};

/* An exchange with an arena, not yet running. NULL: no memory. The codec then parses the head into
 * `request` with the arena, sets `stream`, `request_bytes`, `listener` and `peer`, and runs it. */
struct exchange *exchange_new(struct loop_context *context);

/* The end of one that never ran and has no stream. */
COLD void exchange_drop(struct exchange *exchange);

/* Ends it now, whatever it does: its client is closed. */
COLD void exchange_abort(struct exchange *exchange);

/* Drives it until it waits or is over. Nobody else calls steps but exchange_rehearse. */
void exchange_run(struct exchange *exchange);

/* The same without a server: to where one would be asked (CONNECT), to where a stage waits, or to
 * the end of an answer of our own (END), which is not run. Returns where that is. */
enum exchange_state exchange_rehearse(struct exchange *exchange);

/* Why the exchange must not go on to a server; ERROR_NONE where nothing speaks against it. And what
 * becomes of it then: nothing was sent to the client. */
enum error_code exchange_obstacle(struct exchange *exchange);
COLD enum verdict exchange_give_up(struct exchange *exchange, enum error_code error);

/* Notes a failure; the first one stays. */
COLD void exchange_fail(struct exchange *exchange, enum error_code error);

/* The codec could not read the request: the exchange only answers that and ends. */
COLD void exchange_refuse_request(struct exchange *exchange, enum error_code error);

/* ---- the steps, one room each (exchange.c knows the order) */

enum verdict exchange_route(struct exchange *exchange);
COLD enum verdict exchange_hold(struct exchange *exchange);
enum verdict exchange_run_stages(struct exchange *exchange);
enum verdict exchange_connect(struct exchange *exchange);
enum verdict exchange_relay(struct exchange *exchange);
COLD enum verdict exchange_pause(struct exchange *exchange);
enum verdict exchange_reply(struct exchange *exchange);
enum verdict exchange_become_tunnel(struct exchange *exchange);
enum verdict exchange_end(struct exchange *exchange);

/* Behind 101 where the client's connection or the server's is HTTP/2 and has other streams: the
 * exchange stays in RELAY and its flows become those of a tunnel (stream_tunnel.c). */
COLD bool exchange_keeps_tunnel(const struct exchange *exchange);
COLD void exchange_open_tunnel(struct exchange *exchange);

/* What a run of both flows has come to. CUT: one side is gone, and so goes the other. */
enum tunnel_outcome { TUNNEL_GOES_ON, TUNNEL_IS_OVER, TUNNEL_IS_CUT };
COLD enum tunnel_outcome exchange_tunnel_outcome(const struct exchange *exchange, enum io to_server,
                                                 enum io to_client);

/* Whether the client asks for a WebSocket by an extended CONNECT (RFC 8441), to which success that
 * is none would be a lie. */
static inline bool exchange_is_connect(const struct exchange *exchange)
{
    return exchange->request.wants_upgrade && exchange->request.major_version >= 2;
}

/* Two parts of ROUTE, for whoever wants to know why: host, path and client in their one form
 * (false: refused), and then what the route table is asked (false: no memory). */
bool exchange_normalize(struct exchange *exchange);
bool exchange_question(struct exchange *exchange, struct route_question *ret_question);

/* When the head of the final response is there, from a server or our own: what the stages of the
 * route do to it. */
void exchange_run_response_stages(struct exchange *exchange);

/* Takes out of the trailers of the request what Weir alone says, and has the stages look at them,
 * before they are sent. The plan is there. */
void exchange_run_trailer_stages(struct exchange *exchange);

/* Has the stages look at the trailers of the response, before they are sent. The plan is there. */
COLD void exchange_run_response_trailer_stages(struct exchange *exchange);

/* The client is told to whom it belongs from now on: before the head of a final response or of 101
 * is sent. */
COLD void exchange_tell_assignments(struct exchange *exchange);

/* It is told of a choice by a cookie. Without memory it is not. */
COLD void exchange_set_assignment(struct exchange *exchange, const struct assignment *assignment,
                                  uint32_t choice);

/* The server's name goes into Host, where the route wants it or nothing else is there. False: no
 * memory. */
bool exchange_name_server(struct exchange *exchange, const struct server *server);

/* The one setter of the state; checks that the way is a legal one. */
void exchange_go(struct exchange *exchange, enum exchange_state state);

/* Before an exchange waits: the deadlines towards both sides. */
void exchange_await(struct exchange *exchange, enum call_wait server, enum stream_wait client);

/* An assert_hook: tells on standard error of the exchange that the calling thread drives, if it
 * does; without its query, which may hold secrets. A handler of signals may call it. */
void exchange_tell_in_hand(const char *message);

const char *exchange_state_name(enum exchange_state state);
