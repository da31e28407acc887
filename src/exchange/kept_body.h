/* What is kept of a request's body, in one buffer, so that it can be sent once more. */
#pragma once

#include "base/buffer.h"

/* Adds a copy of the piece: a piece of a few bytes would hold the whole buffer in which it came.
 * `room` is what all pieces have together at most, and the same each time. False: they have more,
 * or there is no memory; `body` is as before. */
bool kept_body_add(struct span *body, struct buffer_pools *pools, const struct span *piece,
                   size_t room);
