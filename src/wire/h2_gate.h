/* What the frames of a peer pass one by one before anything is made of them: whether a frame may
 * come on its stream, of which the peer may have ended it or not begun it (RFC 9113 5.1), and a
 * count of what costs us work and the peer nothing. Pure: no clock. */
#pragma once

#include "wire/h2_frame.h"

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
    H2_COMPRESSION_ERROR = 9,
    H2_ENHANCE_YOUR_CALM = 11,
};

struct h2_gate_limits {
    uint32_t resets;   /* of streams, in H2_GATE_PERIOD_MS */
    uint32_t controls; /* frames that move no content, in the same time; useful ones allow more */
};

enum {
    H2_GATE_PERIOD_MS = 10000,
    H2_GATE_PIECE = 256,            /* bytes of content that allow for one WINDOW_UPDATE more */
    H2_GATE_MEMORY = 512,           /* streams, the newest, of which it is known how they stand */
    H2_GATE_CONTINUATIONS_MAX = 16, /* frames of one block: a megabyte of HPACK is for nobody */
    H2_GATE_SETTINGS_MAX = 32,      /* in one frame: each may be work for all streams */
};

struct h2_gate {
    uint64_t began;      /* the period, in milliseconds */
    uint32_t resets;     /* in this period and, halved with each, in those before */
    uint32_t controls;   /* the same */
    uint32_t earned;     /* the same, of frames that did something */
    uint32_t pieces;     /* the same, of content for which no window was opened yet */
    bool is_to_server;   /* HEADERS begin no stream */
    uint32_t last;       /* the highest stream of the client's */
    uint32_t block;      /* stream whose block goes on with CONTINUATION; 0: none does */
    uint32_t block_more; /* frames that it has gone on with */
    uint64_t begun[H2_GATE_MEMORY / 64]; /* bits by stream / 2, modulo: the client has begun it, */
    uint64_t ended[H2_GATE_MEMORY / 64]; /* and the peer has ended or reset it */
};

void h2_gate_init(struct h2_gate *gate);

/* The same for what comes from a server: there streams begin with h2_gate_ask alone. */
void h2_gate_init_to_server(struct h2_gate *gate);

/* We have begun that stream; they count upwards. */
void h2_gate_ask(struct h2_gate *gate, uint32_t stream);

/* That is the time now, in milliseconds. */
void h2_gate_turn_over(struct h2_gate *gate, uint64_t now);

/* Looks at the head of the next frame. What the connection is to end with, or H2_NO_ERROR. */
enum h2_error h2_gate_pass(struct h2_gate *gate, const struct h2_gate_limits *limits,
                           const struct h2_frame *frame);

/* The same of DATA with padding, when it is known how much of it there is: that is no content. */
enum h2_error h2_gate_pass_padded(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                  const struct h2_frame *frame, uint32_t padding);

/* Of HEADERS it has turned out that they are for nobody any more: they count as a frame without
 * content. */
enum h2_error h2_gate_pass_vain(struct h2_gate *gate, const struct h2_gate_limits *limits);

/* A frame was sent for which the peer may send control frames; of content, so many bytes. Who takes
 * that in little pieces opens two windows by each: some clients by four KiB, others by less. That
 * is more work for them than for us, of other frames it might not be. */
static inline void h2_gate_earn(struct h2_gate *gate, uint32_t length)
{
    gate->earned += 2;
    gate->pieces += length / H2_GATE_PIECE;
}

/* A stream was reset because of what the client did. False: that has been too often. */
bool h2_gate_reset(struct h2_gate *gate, const struct h2_gate_limits *limits);
