/* What the files of the HTTP/2 codec share, and nobody else uses. */
#pragma once

#include "base/list.h"
#include "wire/h2.h"

#include <nghttp2/nghttp2.h>

enum { H2_PIECES_MAX = 16 }; /* of a response that wait in a stream */

struct h2 {
    nghttp2_session *session;
    struct buffer_pools *pools;
    struct h2_settings settings; /* as they were when it began */
    struct h2_gate gate;
    struct list news;      /* streams, by their `news` */
    struct list streams;   /* all of them, by their `link` */
    struct h2_block block; /* that is being received: there is one at a time (RFC 9113 4.3) */
    struct slice
        unsent;        /* of what the library gave to be sent; its memory until it is asked again */
    struct text *text; /* that is being written to; NULL: none is */
    uint32_t malformed;
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
    bool is_request;     /* its head is complete */
    bool ended;          /* by the client: END_STREAM */
    bool closed;         /* the library has forgotten it */
    bool answered;       /* the final head was queued */
    bool response_ended; /* nothing is queued any more */
    bool written;        /* END_STREAM was */
    bool wants_room;     /* somebody waits for room, or for the end to be written */
    struct h2_block head, trailers;
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

/* Frees what nobody owns. */
void h2_stream_free(struct h2_stream *stream);

/* There is news of it. */
void h2_stream_note(struct h2_stream *stream);

/* Adds to the body that waits to be taken. False: no memory. */
bool h2_stream_receive(struct h2_stream *stream, struct slice bytes);

/* Sends one frame of a response's body; set as the library's callback. */
int h2_send_content(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                    size_t length, nghttp2_data_source *source, void *user);

/* Reads the section with slices in the arena; what may not stand there is left out (RFC 9110
 * 6.5.1). False: no memory. */
bool h2_read_trailers(const struct h2_block *block, struct arena *arena, struct fields *trailers);

/* Set as callbacks for what comes. */
void h2_set_receiving(nghttp2_session_callbacks *callbacks);
