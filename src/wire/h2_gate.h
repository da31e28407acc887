/* What comes from a peer passes here before the library sees it: a look at each frame's head
 * (RFC 9113 4.1), that of a frame on a stream which the client has ended or not begun (the library
 * forgives some), and a count of what costs us work and the client nothing. Pure: no clock. */
#pragma once

#include "base/slice.h"

/* RFC 9113 7. */
enum h2_error {
    H2_NO_ERROR = 0,
    H2_PROTOCOL_ERROR = 1,
    H2_INTERNAL_ERROR = 2,
    H2_FLOW_CONTROL_ERROR = 3,
    H2_STREAM_CLOSED = 5,
    H2_FRAME_SIZE_ERROR = 6,
    H2_REFUSED_STREAM = 7,
    H2_CANCEL = 8,
    H2_ENHANCE_YOUR_CALM = 11,
};

struct h2_gate_limits {
    uint32_t resets;   /* of streams, in H2_GATE_PERIOD_MS */
    uint32_t controls; /* frames that move no content, in the same time; useful ones allow more */
};

enum {
    H2_GATE_PERIOD_MS = 10000,
    H2_GATE_MEMORY = 512,           /* streams, the newest, of which it is known how they stand */
    H2_GATE_CONTINUATIONS_MAX = 16, /* frames of one block: a megabyte of HPACK is for nobody */
};

struct h2_gate {
    uint64_t began;      /* the period, in milliseconds */
    uint32_t resets;     /* in this period and, halved with each, in those before */
    uint32_t controls;   /* the same */
    uint32_t earned;     /* the same, of frames that did something */
    uint32_t last;       /* the highest stream of the client's */
    uint32_t block;      /* stream whose block goes on with CONTINUATION; 0: none does */
    uint32_t block_more; /* frames that it has gone on with */
    uint32_t length;     /* bytes of the frame's payload that are still to come */
    uint32_t stream;     /* of the frame */
    uint8_t preface; /* bytes of it still to come (RFC 9113 3.4); their value is the library's */
    uint8_t have;    /* bytes in `head` */
    uint8_t peek;    /* bytes that are wanted in it: the head, or some more of the frame */
    uint8_t head[16];
    uint64_t begun[H2_GATE_MEMORY / 64]; /* bits by stream / 2, modulo: the client has begun it, */
    uint64_t ended[H2_GATE_MEMORY / 64]; /* and has ended or reset it */
};

void h2_gate_init(struct h2_gate *gate);

/* The same for what comes from a server: it sends no preface, and streams begin with h2_gate_ask.
 */
void h2_gate_init_to_server(struct h2_gate *gate);

/* We have begun that stream; they count upwards. */
void h2_gate_ask(struct h2_gate *gate, uint32_t stream);

/* Looks at the bytes that come next. Returns how many of them may go on; where that is not all,
 * `*ret_error` is what the connection is to end with. `now` in milliseconds. */
size_t h2_gate_pass(struct h2_gate *gate, const struct h2_gate_limits *limits, struct slice bytes,
                    uint64_t now, enum h2_error *ret_error);

/* A frame with content was sent, for which the client may send control frames. */
static inline void h2_gate_earn(struct h2_gate *gate)
{
    gate->earned += 2;
}

/* A stream was reset because of what the client did. False: that has been too often. */
bool h2_gate_reset(struct h2_gate *gate, const struct h2_gate_limits *limits);

/* Whether a block of fields has begun and not ended. */
bool h2_gate_is_in_block(const struct h2_gate *gate);
