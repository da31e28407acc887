/* What a client would like to be answered with: Accept (RFC 9110 12.5.1). Pure. */
#pragma once

#include "http/message.h"

enum { ACCEPT_REFUSED = 0 };

/* How much the client wants a media type, for comparing with that of others: first by its quality,
 * then by how exactly it is named, so that one that is named goes before one that `*` allows.
 * `type` is `text/html` or the like, without parameters, of which those of the ranges do not count.
 * ACCEPT_REFUSED: it is not wanted at all. Without the field all are wanted alike. */
unsigned accept_weight(const struct fields *fields, struct slice type);
