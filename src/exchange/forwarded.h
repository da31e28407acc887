/* What the server is told of the client: X-Forwarded-For, -Proto, -Host, Forwarded (RFC 7239) and
 * Via (RFC 9110 7.6.3). What came from outside is replaced, unless a trusted proxy sent it. */
#pragma once

#include "base/cold.h"

#include <stdbool.h>
#include <stddef.h>

struct exchange;
struct fields;

enum { FORWARDED_FIELDS = 5 };

/* Takes out of the request what tells of the client and came from somebody who is not trusted.
 * Before the request is compared with anything, so that no rule believes what servers never see. */
void forwarded_clean(struct exchange *exchange);

/* Changes the fields of the request, which have been cleaned and have room for so many more. What
 * is added stands as lines one behind the other; behind them there is room for `spare` bytes of a
 * further one at
 * `*ret_line`. False: no memory. */
bool forwarded_add(struct exchange *exchange, size_t spare, char **ret_line);

/* Takes out of the trailers of a request what would tell the same: a proxy says it in the head, and
 * many applications take a trailer for a field of that. */
COLD void forwarded_clean_trailers(struct fields *trailers);
