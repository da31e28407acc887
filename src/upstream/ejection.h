/* Ejection: a server that can be reached, but fails again and again, rests for a while, longer each
 * time. What is counted is the server's, for all loops and upstreams. Any thread. */
#pragma once

#include "upstream/upstream.h"

#define EJECTION_SETTINGS(S)                                                                       \
    S(failures, NUMBER, "5", 0, 1000, SCOPE_UPSTREAM,                                              \
      "How many failures in a row make a server rest: no answer, or one with 502, 503 or 504. "    \
      "0: no number does.",                                                                        \
      "3")                                                                                         \
    S(time, DURATION, "10s", SECOND, HOUR, SCOPE_UPSTREAM,                                         \
      "How long it rests at first; twice as long each time that it has not worked since.", "30s")

struct ejection_settings {
    EJECTION_SETTINGS(SETTING_FIELD)
};

extern const struct setting_group ejection_group;

/* A call to the server failed after it was connected. True: it rests from now on, for
 * `*ret_rest_ms`. */
bool ejection_note_failure(struct server_registry *registry, const struct upstream *upstream,
                           struct server *server, uint64_t now, uint64_t *ret_rest_ms);

/* It gave an answer that is none of a failure. */
static inline void ejection_note_success(struct server *server)
{
    if (atomic_load_explicit(&server->failures_in_row, memory_order_relaxed) == 0)
        return;
    atomic_store_explicit(&server->failures_in_row, 0, memory_order_relaxed);
    atomic_store_explicit(&server->ejections_in_row, 0, memory_order_relaxed);
}
