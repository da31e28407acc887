/* Whether a server can be reached is told to the error log when that changes, and not by each call
 * that finds it so: a server that is away is tried again every few seconds by every loop, and where
 * no other is left, by every request. Any thread. */
#pragma once

#include "base/cold.h"
#include "base/error.h"
#include "upstream/server.h"

/* None of its addresses took a connection: it rests, and its name is looked up again. What we lack
 * ourselves is not its fault. */
COLD void server_unreached(struct server_registry *registry, struct server *server,
                           enum error_code error, uint64_t now_ms);

/* A server of which it was told that it cannot be reached has taken a connection. */
COLD void server_tell_reached(struct server *server, uint64_t now_ms);

/* A connection to it stands. */
static inline void server_reached(struct server *server, uint64_t now_ms)
{
    if (atomic_load_explicit(&server->unreached_told, memory_order_relaxed) != ERROR_NONE)
        server_tell_reached(server, now_ms);
}
