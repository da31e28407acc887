/* The priority that a request asks for (RFC 9218 4). Pure. */
#pragma once

#include "base/slice.h"

enum { H2_URGENCY_DEFAULT = 3 }; /* RFC 9218 4.1 */

struct h2_priority {
    uint8_t urgency; /* 0 to 7, 0 before all others */
    bool is_incremental;
};

/* Reads the field; what it does not say, or says in a way that is not to be understood, is as if
 * nothing had been asked for. */
struct h2_priority h2_priority_read(struct slice value);
