/* What the files of the HTTP/2 codec share, and nobody else uses. */
#pragma once

#include "base/list.h"
#include "wire/h2.h"

#include <nghttp2/nghttp2.h>

enum {
    H2_PIECES_MAX = 16,   /* of what we send, that wait in a stream */
    H2_INTERIM_MAX = 32,  /* heads of a server that nobody has taken yet */
    H2_QUEUED_MAX = 2000, /* frames without content that wait to be written, beside one a stream */
};

struct h2 {
    nghttp2_session *session;
    struct buffer_pools *pools;
    struct h2_settings settings; /* as they were when it began */
    struct h2_gate gate;
    struct list news;         /* streams, by their `news` */
    struct list streams;      /* all of them, by their `link` */
    struct h2_stream *recent; /* that was found last, and often is asked for next; or NULL */
    struct h2_block block;    /* that is being received: there is one at a time (RFC 9113 4.3) */
    struct slice
        unsent;        /* of what the library gave to be sent; its memory until it is asked again */
    struct text *text; /* that is being written to; NULL: none is */
    uint32_t malformed;
    bool is_to_server;   /* we ask, and the peer answers */
    bool has_settings;   /* of the peer */
    enum h2_error error; /* with which it is to end; set at most once */
};

/* One piece of a request's body, or the last one, which still has room. */
struct h2_piece {
    struct list link;
    struct span span;
};

struct h2_stream {
    struct h2 *h2;
    void *owner;
    struct list link, news;
    int32_t id;
    bool is_request;     /* the peer's head is complete; of a response, the final one */
    bool ended;          /* by the peer: END_STREAM */
    bool closed;         /* the library has forgotten it */
    bool answered;       /* our final head was queued */
    bool response_ended; /* nothing is queued any more */
    bool written;        /* END_STREAM was */
    bool is_tunnel;      /* an extended CONNECT: what follows heads is no body */
    bool is_deferred;    /* the library was told that there is nothing to send, and waits */
    bool wants_room;     /* somebody waits for room, or for the end to be written */
    uint32_t error;      /* it was closed with; enum h2_error where we know it */
    struct h2_block head, trailers;
    struct h2_block_facts facts; /* of a client's `head` */
    uint64_t body_received;      /* of a client, so far */
    struct h2_block *interim;    /* towards servers: a ring of heads before the final one, and NULL
                                    where none has come */
    uint32_t interim_first, interim_count;
    size_t interim_size;               /* of all of them, as a block's */
    struct list body;                  /* pieces received and not taken */
    struct span pieces[H2_PIECES_MAX]; /* of the response, a ring */
    uint32_t first, count;
    size_t waiting;                /* bytes in them */
    uint64_t bytes_written;        /* of them, before */
    uint64_t length;               /* of all that there will be, where it is known, else 0 */
    nghttp2_nv *response_trailers; /* in the arena of the owner; NULL: none */
    size_t response_trailer_count;
};

/* A stream that has just begun. NULL: no memory. */
struct h2_stream *h2_stream_new(struct h2 *h2, int32_t id);

/* The one that the library knows by that number; NULL: none, or nobody wants it any more. */
struct h2_stream *h2_stream_find(struct h2 *h2, int32_t id);

/* Whoever asks for it next asks the library: it is closed, or gone. */
void h2_stream_lose(struct h2_stream *stream);

/* Frees what nobody owns. */
void h2_stream_free(struct h2_stream *stream);

/* There is news of it. */
void h2_stream_note(struct h2_stream *stream);

/* Adds to the body that waits to be taken. False: no memory. */
bool h2_stream_receive(struct h2_stream *stream, struct slice bytes);

/* A field for the library, which copies the value. The name is in small letters, and stays. */
nghttp2_nv h2_pair(struct slice name, struct slice value);

/* What may stand in a message of HTTP/2, without its length. Returns how many those are. */
size_t h2_add_fields(nghttp2_nv *pairs, const struct fields *fields);

/* What the library asks for the content of a stream. */
ssize_t h2_offer_content(nghttp2_session *session, int32_t id, uint8_t *unused, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *user);

/* The peer broke the rules of a message. */
void h2_reset_malformed(struct h2 *h2, int32_t id);
/* The same of a stream whose end may have come already: nobody shall take it for whole (RFC 9113
 * 8.1.1). What comes later the library drops. */
void h2_stream_reset_malformed(struct h2_stream *stream);

/* A server's head is complete. */
void h2_take_response_head(struct h2_stream *stream, struct h2_block block);

/* Sends one frame of a response's body; set as the library's callback. */
int h2_send_content(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                    size_t length, nghttp2_data_source *source, void *user);

/* Reads the section with slices in the arena; what may not stand there is left out (RFC 9110
 * 6.5.1). False: no memory. */
bool h2_read_trailers(const struct h2_block *block, struct arena *arena, struct fields *trailers);

/* Set as callbacks for what comes. */
void h2_set_receiving(nghttp2_session_callbacks *callbacks);
