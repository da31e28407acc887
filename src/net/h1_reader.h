/* Reads HTTP/1 messages from a transport: heads, body pieces, trailers. Pulled: it receives only
 * when it is asked and has nothing left, so what is not asked for stays with the peer. Serves
 * clients and servers alike; decides nothing. */
#pragma once

#include "net/transport.h"
#include "wire/h1.h"

struct h1_reader {
    struct span inbound; /* received and not yet read; starts at the message */
    struct h1_scan scan; /* of the head or of the trailers in progress */
    struct h1_body body;
    uint32_t receive_size; /* bytes to ask for next; grows with a body that keeps coming */
    bool ended;            /* the peer has ended its direction */
};

void h1_reader_init(struct h1_reader *reader);

/* Gives back what was received and not read. */
void h1_reader_fini(struct h1_reader *reader);

enum read_event {
    READ_WAIT,   /* news will come */
    READ_HEAD,   /* `reader->scan` is the head at the start of `inbound` */
    READ_PIECE,  /* `*ret_piece` is the caller's */
    READ_END,    /* head: the peer ended in between messages; body: complete, trailers are read */
    READ_CUT,    /* the peer ended or broke in the middle */
    READ_FAILED, /* malformed or too large: `*ret_error`; or no memory */
};

/* Receives what is there behind what is in `inbound` already, for what stands before the first
 * message. READ_PIECE: there is more than before. READ_WAIT, READ_CUT, READ_FAILED (no memory). */
enum read_event h1_reader_receive(struct h1_reader *reader, struct transport *transport,
                                  enum error_code *ret_error);

/* Looks for a head. READ_END: the peer ended without a byte of a further message. */
enum read_event h1_reader_find_head(struct h1_reader *reader, struct transport *transport,
                                    const struct h1_limits *limits, enum h1_side side,
                                    enum error_code *ret_error);

/* Takes the head that was found out of `inbound`; its bytes are the caller's span. */
struct span h1_reader_take_head(struct h1_reader *reader);

/* The next piece of the body that `reader->body` describes. Trailers are read into `trailers` with
 * slices copied to `arena`. */
enum read_event h1_reader_read_body(struct h1_reader *reader, struct transport *transport,
                                    const struct h1_limits *limits, enum h1_side side,
                                    struct arena *arena, struct fields *trailers,
                                    struct span *ret_piece, enum error_code *ret_error);

/* Whether there are bytes beyond the message that was read. */
static inline bool h1_reader_has_leftover(const struct h1_reader *reader)
{
    return reader->inbound.length > 0;
}
