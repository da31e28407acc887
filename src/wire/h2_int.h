/* What the files of the HTTP/2 codec share, and nobody else uses.
 *
 * What comes: h2_receive.c makes frames of bytes, h2_message.c streams of HEADERS and DATA,
 * h2_control.c obeys the rest. What goes: heads and what has no content are made at once and wait
 * in one queue of bytes (h2_queue.c); content waits in its stream until windows and the order of
 * priorities let it go (h2_send.c). */
#pragma once

#include "base/cold.h"
#include "base/list.h"
#include "wire/h2.h"
#include "wire/hpack.h"

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum {
    H2_PIECES_MAX = 16,   /* of what we send, that wait in a stream */
    H2_INTERIM_MAX = 32,  /* heads of a server that nobody has taken yet */
    H2_QUEUED_MAX = 2000, /* frames that wait in the queue, beside one for each stream */
    H2_URGENCIES = 8,     /* RFC 9218 4.1 */
    H2_FORETOLD_MAX = 8,  /* priorities of streams to come that are remembered */
    H2_PAYLOAD_MAX = H2_FRAME_ROOM - H2_HEAD_LENGTH, /* of a frame that we send */
};

/* What has come of a frame. */
struct h2_input {
    struct h2_frame frame;
    bool is_in_frame; /* the head is known, and not all of the payload has come */
    bool begins;      /* HEADERS of a stream that has not been before */
    uint8_t preface;  /* bytes of it still to come (RFC 9113 3.4) */
    uint8_t have;     /* bytes in `head` */
    bool wants_padding_length;
    char head[H2_HEAD_LENGTH];
    uint32_t left;       /* of DATA: bytes of content still to come, */
    uint32_t padding;    /* and of padding behind them */
    struct span payload; /* what has come of any other one */
};

/* Frames that wait to be written, one behind the other. */
struct h2_queue {
    struct span bytes; /* has a buffer while streams are open, though it may be empty */
    uint32_t frames;
};

/* What the peer has said in its SETTINGS (RFC 9113 6.5.2). */
struct h2_peer {
    bool has_spoken; /* its SETTINGS came */
    bool takes_connect;
    uint32_t streams; /* at once */
    uint32_t window;  /* of a stream that begins */
};

/* A priority that came before its stream (RFC 9218 7.1). */
struct h2_foretold {
    uint32_t id; /* 0: none */
    uint8_t urgency;
    bool is_incremental;
};

struct h2 {
    struct buffer_pools *pools;
    struct h2_settings settings; /* as they were when it began */
    struct h2_gate gate;
    struct h2_input input;
    struct span joined;           /* of a block that goes on in CONTINUATION frames */
    struct h2_frame joined_frame; /* with which it began */
    struct hpack_decoder decoder;
    struct hpack_encoder encoder;
    struct h2_queue queue;
    struct h2_peer peer;
    struct list news;                /* streams, by their `news` */
    struct list streams;             /* all of them, by their `link` */
    struct list ready[H2_URGENCIES]; /* with content that windows of their own let go */
    uint32_t ready_urgencies;        /* bits of those of which there may be some */
    struct list held_back;       /* by their `ready`: requests that the server does not take yet */
    struct h2_stream *recent;    /* that was found last, and often is asked for next; or NULL */
    uint64_t written;            /* bytes of content, of all streams */
    int64_t send_window;         /* of the connection: bytes that we may send, */
    int64_t receive_window;      /* and that the peer may */
    int64_t receive_window_full; /* what the peer may where everything was taken */
    int64_t untold;              /* bytes that were taken and not given back */
    int64_t late;                /* bytes that may still come for streams that we have closed */
    uint32_t open;               /* streams in the table */
    uint32_t next_id;            /* of the stream that we ask on next */
    uint32_t accepted;           /* the last stream of a client that somebody saw */
    uint32_t malformed;
    bool is_to_server;   /* we ask, and the peer answers */
    bool owes_preface;   /* which a client sends first (RFC 9113 3.4) */
    bool has_ended;      /* our GOAWAY named a last stream */
    bool is_terminated;  /* nothing comes behind the GOAWAY in the queue */
    bool peer_ended;     /* its GOAWAY came */
    bool is_flooded;     /* more waits in the queue than may */
    uint32_t peer_last;  /* the last stream that it named */
    enum h2_error error; /* with which it is to end; set at most once */
    uint32_t foretold_next;
    struct h2_foretold foretold[H2_FORETOLD_MAX];
    uint32_t table_mask;
    struct h2_stream *table[]; /* of streams that are open, by id, each with its `next` */
};

/* One piece of a request's body, or the last one, which still has room. */
struct h2_piece {
    struct list link;
    struct span span;
};

struct h2_stream {
    struct h2 *h2;
    void *owner;
    struct list link, news, ready;
    struct h2_stream *next; /* in the table */
    uint32_t id;
    uint8_t urgency;
    bool is_incremental;
    bool is_request;        /* the peer's head is complete; of a response, the final one */
    bool ended;             /* by the peer: END_STREAM */
    bool is_open;           /* it is in the table */
    bool closed;            /* nothing comes or goes any more */
    bool answered;          /* our final head was queued */
    bool response_ended;    /* nothing is queued any more */
    bool end_framed;        /* END_STREAM was framed, */
    bool written;           /* and has left the queue */
    bool is_tunnel;         /* an extended CONNECT: what follows heads is no body */
    bool is_head;           /* towards servers: of a request whose response has no content */
    bool wants_room;        /* somebody waits for room, or for the end to be written */
    uint32_t error;         /* it was closed with; enum h2_error where we know it */
    int64_t send_window;    /* bytes that we may send, */
    int64_t receive_window; /* and that the peer may */
    int64_t untold;         /* bytes that were taken and not given back */
    struct h2_block head, trailers;
    struct h2_block_facts facts; /* of the peer's `head` */
    uint64_t body_received;      /* so far */
    struct h2_block *interim;    /* towards servers: a ring of heads before the final one, and NULL
                                    where none has come */
    uint32_t interim_first, interim_count;
    size_t interim_size;               /* of all of them, as a block's */
    struct h2_block held_back;         /* towards servers: our head, until the server takes it */
    struct list body;                  /* pieces received and not taken */
    struct span pieces[H2_PIECES_MAX]; /* of the response, a ring */
    uint32_t first, count;
    size_t waiting;         /* bytes in them */
    uint64_t bytes_written; /* of them, before */
    uint64_t length;        /* of all that there will be, where it says the end; else 0 */
    const struct fields *response_trailers; /* the owner's; NULL: none */
};

_Static_assert(sizeof(struct h2_stream) <= SMALL_MAX, "streams come from a pool");

/* ---- streams */

/* A stream that is about to begin. NULL: no memory. */
struct h2_stream *h2_stream_new(struct h2 *h2, uint32_t id);

/* It has begun, and is in the table. */
void h2_stream_open(struct h2_stream *stream);

/* The open one of that number; NULL: there is none. */
struct h2_stream *h2_stream_find(struct h2 *h2, uint32_t id);

/* Out of the table. Whoever owns it has news; one that nobody has seen is gone. */
void h2_stream_close(struct h2_stream *stream, uint32_t error);

/* The peer has ended it, or our END_STREAM has left; with both it closes. */
void h2_stream_ended(struct h2_stream *stream);
void h2_stream_written(struct h2_stream *stream);

/* Frees what nobody owns. */
void h2_stream_free(struct h2_stream *stream);

/* There is news of it. */
void h2_stream_note(struct h2_stream *stream);

/* Adds to the body that waits to be taken. False: no memory. */
bool h2_stream_receive(struct h2_stream *stream, struct slice bytes);

/* RST_STREAM, of a stream that is open or was never there, and the end of it. */
void h2_reset(struct h2 *h2, uint32_t id, enum h2_error error);

/* The peer broke the rules of a message, whose end may have come already: nobody shall take it for
 * whole (RFC 9113 8.1.1). */
void h2_stream_reset_malformed(struct h2_stream *stream);

/* ---- what comes */

/* HEADERS, or a whole block whose first frame that was, with what remains of its payload. */
enum h2_error h2_take_block(struct h2 *h2, const struct h2_frame *frame, struct slice packed);

/* DATA: its head, and whether windows allow it; then its content, which may come in pieces, and the
 * frame's end. */
enum h2_error h2_begin_data(struct h2 *h2, const struct h2_frame *frame);
enum h2_error h2_take_data(struct h2 *h2, const struct h2_frame *frame, struct slice bytes);
void h2_end_data(struct h2 *h2, const struct h2_frame *frame);

/* Padding, which opens the windows again at once. */
void h2_drop_data(struct h2 *h2, const struct h2_frame *frame, uint32_t length);

/* We have closed a stream whose window was open so far: as much may be on its way, and is taken
 * though it is for nobody (RFC 9113 5.1). */
void h2_expect_late(struct h2 *h2, int64_t length);

/* Bytes that were taken: the windows open by as much. */
void h2_consume(struct h2 *h2, struct h2_stream *stream, size_t length);

/* A frame of any other kind. */
enum h2_error h2_obey(struct h2 *h2, const struct h2_frame *frame, struct slice payload);

/* A server's head is complete. */
void h2_take_response_head(struct h2_stream *stream, struct h2_block block);

/* Reads the section with slices in the arena; what may not stand there is left out (RFC 9110
 * 6.5.1). False: no memory. */
bool h2_read_trailers(const struct h2_block *block, struct arena *arena, struct fields *trailers);

/* ---- what goes */

/* A frame without content into the queue. What does not find memory ends the session. */
void h2_queue_frame(struct h2 *h2, const struct h2_frame *frame, struct slice payload);

/* WINDOW_UPDATE. */
void h2_open_window(struct h2 *h2, uint32_t id, int64_t by);

/* HEADERS, with as many CONTINUATIONs as it takes, in three steps: room for so many bytes of packed
 * fields, then fields, then the frames. False: no memory. */
bool h2_queue_begin_block(struct h2 *h2, size_t bound, struct text *ret_text);
void h2_queue_end_block(struct h2 *h2, const struct h2_frame *frame, struct text *text);

/* The trailers of a stream behind its content, or its end, with trailers or without. False: no
 * memory. */
bool h2_queue_trailers(struct h2_stream *stream);
bool h2_queue_end(struct h2_stream *stream);

/* Writes what waits, whole frames, as far as they fit. */
void h2_queue_write(struct h2 *h2, struct text *text);

/* Gives the buffer back when nothing waits in it, and no stream is open to say more. */
void h2_queue_rest(struct h2 *h2);

/* Whether a field may stand in a message of HTTP/2; its length is told apart from it. */
bool h2_is_sent(const struct field *field);

/* How much room all fields take at most when they are packed, and the packing of one. */
size_t h2_pack_bound(const struct fields *fields);
void h2_pack(struct h2 *h2, struct text *text, const struct field *field);

/* Content may have become ready to go, or not to be so any more. */
void h2_stream_ready(struct h2_stream *stream);

/* Another place in the order. */
void h2_stream_set_priority(struct h2_stream *stream, uint8_t urgency, bool is_incremental);

/* Requests that were held back go, as far as the server takes them now. */
void h2_let_ask(struct h2 *h2);
