/* The metrics as Prometheus reads them (text format 0.0.4). */
#pragma once

#include "base/address.h"
#include "conf/snapshot.h"
#include "control/stapler.h"
#include "exchange/metrics.h"

#include <stdio.h>

enum { ACCEPT_QUEUES_MAX = 256 };

/* Connections that wait to be accepted at a listener, and how many may. */
struct accept_queue {
    struct address address;
    uint64_t waiting, limit;
};

/* Where the figures are. Borrowed for the call; what loops count may change meanwhile. */
struct metrics_sources {
    const struct metrics_registry *routes;
    const struct loop_counts *const *loops;
    const struct loop_gauges *const *gauges; /* of as many loops */
    const uint64_t *delays;                  /* microseconds until a loop comes to a message */
    unsigned loop_count;
    const struct accept_queue *accept_queues;
    unsigned accept_queue_count;
    const struct snapshot *snapshot; /* whose servers are shown */
    uint64_t snapshots;              /* that are in memory */
    uint64_t servers;                /* the same, with those that nobody names any more */
    uint64_t names, names_failing;   /* that are followed, and of these not found last */
    uint64_t look_ups, look_ups_failed;
    const struct stapler_counts *staples;
    uint64_t connections; /* of clients, open */
    uint64_t hangs;       /* of loops */
    uint64_t reloads_done, reloads_refused;
    int64_t reloaded; /* seconds since 1970; 0: never */
    int64_t started;  /* the same */
    uint64_t log_lines_lost, log_waiting_bytes;
    uint64_t resident_bytes, descriptors, threads; /* of the process; 0: not known */
};

/* The media type that says so. */
extern const char metrics_page_type[];

void metrics_page_print(FILE *file, const struct metrics_sources *sources);
