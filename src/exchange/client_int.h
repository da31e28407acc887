/* What client.c (the life of a connection), client_stream.c (its stream in HTTP/1) and the others
 * of their name share. */
#pragma once

#include "base/cold.h"
#include "exchange/client.h"
#include "exchange/stream.h"
#include "net/h1_writer.h"
#include "upstream/upstreams.h"

enum client_state {
    CLIENT_PROXY_HEADER, /* a header of the PROXY protocol is still to come */
    CLIENT_HANDSHAKE,    /* TLS begins */
    CLIENT_PREFACE,      /* what comes first will show the version of HTTP */
    CLIENT_IDLE,         /* between requests, nothing of the next one is here */
    CLIENT_HEAD,         /* a head has begun */
    CLIENT_EXCHANGE,     /* `exchange` is at work */
    CLIENT_DISCARD,      /* the response is out; the rest of the request is read and dropped */
    CLIENT_LINGER,       /* our direction has ended; what the client still sends is dropped */
    CLIENT_TUNNEL,       /* `tunnel` has it */
    CLIENT_H2,           /* `h2` has it, with any number of exchanges */
    CLIENT_CLOSED,
};

struct client {
    struct transport transport;
    struct timer timer;
    struct list link; /* in the context's list */
    struct loop_context *context;
    union {
        struct exchange *exchange;      /* CLIENT_EXCHANGE */
        struct connection_user *tunnel; /* CLIENT_TUNNEL */
        struct client_h2 *h2;           /* CLIENT_H2 */
        uint64_t discarded;             /* CLIENT_DISCARD, CLIENT_LINGER: bytes */
    };
    struct h1_reader reader;
    struct ip peer;
    struct ip_text peer_text; /* empty before the first request */
    struct loop_listener *listener;
    uint32_t requests;
    uint32_t limit_per_client; /* with which it entered the table */
    uint16_t announced_port;   /* of the peer, where a header told of both */
    bool counted;              /* it is in the table */
    enum client_state state;
    struct task task; /* there is more to read than the poller will tell of */
    struct grave grave;
};

/* The one stream of a client, in the arena of its exchange. */
struct client_stream {
    struct stream stream;
    struct client *client;
    enum h1_framing sending;  /* how the response's body is framed */
    bool keep_alive;          /* the client wants the connection to stay, and we do */
    bool is_last;             /* the client said that it sends no further request */
    bool old;                 /* HTTP/1.0 */
    bool stalled;             /* the client took nothing in time */
    bool is_head;             /* answer to HEAD */
    bool withholds;           /* may keep the body until it is told 100, and sent none of it yet */
    bool is_tunnel;           /* bytes go both ways, without framing */
    bool shuts;               /* and ours end with what is queued */
    enum stream_wait waiting; /* whose deadline is set */
    uint64_t patience;        /* how long it is, in milliseconds */
    uint64_t moved;           /* bytes that moved since it was set */
    uint64_t unsent;          /* client_takes_slowly */
    struct output output;
};

extern const struct stream_class client_stream_class;

/* A stream in the exchange's arena, set as its stream. NULL: no memory. */
struct client_stream *client_stream_new(struct client *client, struct exchange *exchange);

/* The request was read, or could not be (`error`): what follows from it for the connection. */
void client_stream_begin(struct client_stream *stream, const struct exchange *exchange,
                         enum error_code error);

/* Gives back what it holds; its memory is the exchange's. */
void client_stream_end(struct client_stream *stream);

const struct listener_plan *client_listener(const struct client *client);
/* The loop, or what the client came through, goes: no further request. */
bool client_shall_leave(const struct client *client);

/* The handshake of TLS (client_handshake.c): its beginning, what follows from news, and its end
 * where it took too long. */
void client_begin_handshake(struct client *client);
void client_shake_hands(struct client *client);
void client_give_up_handshake(struct client *client);

/* The handshake is still to end behind early data: a close now could destroy our answer. */
static inline bool client_is_early(const struct client *client)
{
    return client->transport.tls && tls_is_early(client->transport.tls);
}

/* Goes on with it while an exchange is at work and reads nothing. */
COLD void client_go_on_early(struct client *client);

/* TLS is there: a head is waited for. */
void client_begin_requests(struct client *client);

/* HTTP/2 (client_h2.c): its beginning; news; a deadline of the connection; the end of its loop or
 * of what it came through, with or without patience. */
void client_begin_h2(struct client *client);
void client_h2_run(struct client *client);
void client_h2_timed_out(struct client *client);
void client_h2_leave(struct client *client);
void client_h2_abort(struct client *client);

/* ---- what streams of every version share */

/* Tells the exchange, whose request is not read yet, of its client. */
void client_introduce(struct client *client, struct exchange *exchange);

/* Both ends of the connection, as far as they are known. */
void client_tell_ends(const struct client *client, struct proxy_header *ret_ends);

/* Whether a final response goes with a Content-Length. `is_head`: it answers HEAD. */
bool client_announces_length(const struct response_head *head, bool is_head);

/* Who drips a byte now and then, to hold the exchange for ever, makes no progress: in the time of
 * the deadline so many bytes have to move that it comes to 8 a second. */
static inline bool client_has_progressed(uint64_t moved, uint64_t after_ms)
{
    enum { MS_PER_BYTE = 125 };
    return moved > after_ms / MS_PER_BYTE;
}

/* A connection that is refused or closed by a limit is counted. */
COLD void client_count_limit(struct client *client, enum client_limit limit);

/* The system tells of room only when much of what it holds is gone, and may hold megabytes: of
 * somebody slow that takes longer than he may pause. So before a client is cut that took nothing of
 * what we have, it is looked whether he takes of what the system has, which shows when his time has
 * passed twice. `*unsent` is what the system had the last time; UINT64_MAX: nobody has looked since
 * he took what we have. A system call. */
COLD bool client_takes_slowly(const struct client *client, uint64_t *unsent, uint64_t after_ms);

/* Our direction ends, and what the client still sends is dropped for a while. */
void client_linger(struct client *client);

/* The stream is done with: what becomes of the connection. `rest` tells whether a part of the
 * request was not read. */
enum client_rest { REST_NONE, REST_SMALL, REST_UNKNOWN };
void client_next(struct client *client, bool keep, enum client_rest rest);
