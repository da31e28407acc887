/* The body of an HTTP/1 message into an output: as it is, or in chunks. */
#pragma once

#include "net/output.h"
#include "wire/h1.h"

/* Takes over the piece. False: no memory. */
bool h1_output_piece(struct output *output, enum h1_framing framing, struct span piece);

/* The end of the body; `trailers` may be NULL and go only with chunks. False: no memory. */
bool h1_output_end(struct output *output, enum h1_framing framing, const struct fields *trailers);
