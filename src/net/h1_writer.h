/* An HTTP/1 message into an output: its head, and its body as it is or in chunks. */
#pragma once

#include "base/assert.h"
#include "net/output.h"
#include "wire/h1.h"

/* A head; that output will be sent over that transport. False: no memory. */
bool h1_output_request_head(struct output *output, const struct transport *transport,
                            const struct request_head *head, const struct h1_write *how);
bool h1_output_response_head(struct output *output, const struct transport *transport,
                             const struct response_head *head, const struct h1_write *how);

/* A piece, or the end, of a body that goes in chunks; as below. */
bool h1_output_chunk(struct output *output, struct span piece);
bool h1_output_last_chunk(struct output *output, const struct fields *trailers);

/* Takes over the piece. False: no memory. */
static inline bool h1_output_piece(struct output *output, enum h1_framing framing,
                                   struct span piece)
{
    ASSERT(framing != H1_FRAMING_NONE && piece.length > 0);
    if (framing == H1_FRAMING_CHUNKED)
        return h1_output_chunk(output, piece);
    output_add(output, piece);
    return true;
}

/* The end of the body; `trailers` may be NULL and go only with chunks. False: no memory. */
static inline bool h1_output_end(struct output *output, enum h1_framing framing,
                                 const struct fields *trailers)
{
    return framing != H1_FRAMING_CHUNKED || h1_output_last_chunk(output, trailers);
}
