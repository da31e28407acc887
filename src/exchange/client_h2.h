/* What client.c (the life of a connection), client_h2.c (its life in HTTP/2) and client_h2_stream.c
 * (one request on it) share. */
#pragma once

#include "exchange/client_int.h"
#include "wire/h2.h"

/* For what the connection itself waits, beside its streams. */
enum h2_wait {
    H2_WAIT_NOTHING, /* the streams have deadlines of their own */
    H2_WAIT_FIRST,   /* that the client says anything in HTTP/2 */
    H2_WAIT_BLOCK,   /* that a block of fields goes on */
    H2_WAIT_REQUEST, /* the next request */
    H2_WAIT_TAKE,    /* that it takes what was written: no streams count any more */
    H2_WAIT_LEAVE,   /* requests that were under way when it was told to leave */
};

/* Belongs to its client, as long as that is in CLIENT_H2. */
struct client_h2 {
    struct client *client;
    struct h2 *codec;
    struct output output;
    struct list streams; /* of exchanges, by their `link` */
    enum h2_wait waiting;
    uint32_t requests; /* that had come when its deadline was set */
    uint32_t open;     /* how many streams there are */
    uint64_t moved;    /* bytes that the client has taken since then */
    uint64_t unsent;   /* client_takes_slowly */
    bool is_leaving;   /* the client was told; further requests are still taken */
    bool has_left;     /* no further ones are */
    bool is_cut;       /* nothing goes any more but what was written */
    bool is_dead;      /* the client, or the way to it, is gone, */
    bool has_stalled;  /* or it took nothing in time */
    bool is_early;     /* the handshake was still to end, behind early data, when last looked at */
};

/* One request, in the arena of its exchange. */
struct client_h2_stream {
    struct stream stream;
    struct client_h2 *connection;
    struct h2_stream *codec;
    struct exchange *exchange;
    struct list link;
    struct timer timer;
    enum stream_wait waiting; /* whose deadline is set */
    uint64_t patience;        /* for how long, in milliseconds */
    uint64_t moved;           /* bytes that moved since it was set */
    uint64_t moved_in_all;    /* content of all streams, when it was set */
    uint64_t unsent;          /* client_takes_slowly */
    uint64_t written;         /* of the response, when that was last asked */
    bool stalled;             /* the client took nothing in time */
    bool is_head;             /* answer to HEAD */
    bool is_connect;          /* extended CONNECT (RFC 8441) */
    bool is_tunnel;           /* to which a server has agreed */
};

extern const struct stream_class client_h2_stream_class;

/* A stream in the exchange's arena, set as its stream and as the owner of `codec`. NULL: no
 * memory. */
struct client_h2_stream *client_h2_stream_new(struct client_h2 *connection, struct h2_stream *codec,
                                              struct exchange *exchange);

/* Frames what may be sent, into the output. What has gone from a stream is news of it. */
void client_h2_frame(struct client_h2 *self);

/* The connection will look at what is to be sent, and at its end, in this turn. */
void client_h2_defer(struct client_h2 *self);
