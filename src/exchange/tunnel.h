/* A tunnel: what an exchange becomes after 101. Bytes go both ways unread until both sides have
 * ended; each side may end its direction by itself. The exchange, its arena and its snapshot are
 * given back; what stays is small. Belongs to one loop. */
#pragma once

#include "exchange/context.h"

size_t tunnel_size(void);

/* Ends all of them. */
void tunnels_abort(struct loop_context *context);
