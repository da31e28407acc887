/* The kernel spreads clients over the loops' listening sockets by their addresses, which may give
 * one loop many more than another. A loop far above the mean hands a fresh connection, before its
 * first byte is read, to the least loaded one. */
#pragma once

#include "exchange/context.h"

struct handover {
    struct loop_context **contexts; /* of all loops; immutable once they run */
    unsigned count;
    atomic_uint under_way; /* clients that left one loop and have not come to the other */
};

/* True: another loop will have the client. False: it stays here, and nothing was done. */
bool handover_give(struct handover *handover, const struct loop_context *from,
                   const struct loop_listener *listener, int fd, const struct ip *peer);
