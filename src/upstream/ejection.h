/* Ejection: a server that can be reached, but fails again and again, rests for a while, longer each
 * time. What is counted is the server's, for all loops and upstreams: who fails one of them is no
 * better for the others. By which numbers it is judged says the upstream of the call. Any thread.
 */
#pragma once

#include "base/cold.h"
#include "policy/failure_rate.h"
#include "upstream/upstream.h"

#define EJECTION_SETTINGS(S)                                                                       \
    S(failures, NUMBER, "5", 0, 1000, SCOPE_UPSTREAM,                                              \
      "How many failures in a row make a server rest: no answer, or one with 502, 503 or 504. "    \
      "0: no number does.",                                                                        \
      "3")                                                                                         \
    S(window, DURATION, "10s", SECOND, HOUR, SCOPE_UPSTREAM,                                       \
      "Over which time the share of failures is counted.", "30s")                                  \
    S(calls, NUMBER, "20", 1, 10000, SCOPE_UPSTREAM,                                               \
      "How many calls it takes in that time to judge a server by the share of its failures.",      \
      "100")                                                                                       \
    S(time, DURATION, "10s", SECOND, HOUR, SCOPE_UPSTREAM,                                         \
      "How long it rests at first; twice as long each time that it has not worked since.", "30s")

struct ejection_settings {
    uint32_t failure_rate; /* percent of the calls; 0: no share makes it rest */
    uint32_t max_share;    /* percent of the servers that may rest at once, 1 at least */
    EJECTION_SETTINGS(SETTING_FIELD)
};

extern const struct setting_group ejection_group;

/* A call to the server failed after it was connected, or turned out to have: it may have to rest,
 * which is told. */
COLD void ejection_note_failure(struct server_registry *registry, const struct upstream *upstream,
                                struct server *server, enum failure_rate_outcome outcome,
                                uint64_t now);

/* It gave an answer that is none of a failure. The second is for upstreams that judge by the share
 * of failures. */
static inline void ejection_note_success(struct server *server)
{
    if (atomic_load_explicit(&server->failures_in_row, memory_order_relaxed) == 0)
        return;
    atomic_store_explicit(&server->failures_in_row, 0, memory_order_relaxed);
    atomic_store_explicit(&server->ejections_in_row, 0, memory_order_relaxed);
}

COLD void ejection_count_success(const struct upstream *upstream, struct server *server,
                                 uint64_t now);
