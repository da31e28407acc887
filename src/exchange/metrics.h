/* What is counted of exchanges. Each loop has counters of its own for each route (obs/counter.h),
 * found without a search: they are attached to the plans before a snapshot is published. Their
 * registry lies outside every snapshot and knows routes by name, so that a reload goes on counting
 * where it was. */
#pragma once

#include "obs/counter.h"

#include "base/error.h"
#include "conf/snapshot.h"
#include "exchange/sticking.h"
#include "http/grpc.h"
#include "tls/tls.h"

struct exchange;
struct loop_context;

enum {
    METRICS_ROUTES_MAX = 4096, /* with counters of their own; all others share those of no name */
    METRICS_STATUS_CLASSES = 6,
};

/* Of one route on one loop; no other loop writes to its lines. */
struct route_counts {
    _Alignas(64) struct counter statuses[METRICS_STATUS_CLASSES]; /* 1: 1xx, a tunnel; 0: nothing
                                                                   * was told */
    struct counter bytes_in, bytes_out;                           /* of bodies */
    struct histogram milliseconds;
};

/* By which setting a connection of a client was refused or closed, where no exchange tells. */
enum client_limit {
    CLIENT_LIMIT_CONNECTIONS,
    CLIENT_LIMIT_CONNECTIONS_PER_CLIENT,
    CLIENT_LIMIT_REFUSALS, /* the ones above refuse; those below close */
    CLIENT_LIMIT_REQUEST_HEADER = CLIENT_LIMIT_REFUSALS, /* no request has begun in time */
    CLIENT_LIMIT_KEEP_ALIVE,
    CLIENT_LIMIT_REQUESTS_PER_CONNECTION,
    CLIENT_LIMIT_COUNT,
};

/* Of one loop. */
struct loop_counts {
    struct counter connections_accepted;
    struct counter connections_limited[CLIENT_LIMIT_COUNT];
    struct counter exchanges_begun, exchanges_ended;
    struct counter tunnels_begun, tunnels_ended;
    struct counter tunnels_silent; /* those of them that ended by timeouts.tunnel */
    struct counter errors[ERROR_COUNT];
    struct counter stickings[STICKING_COUNT];
    struct counter tls_handshakes, tls_resumed; /* the second are among the first */
    struct counter tls_failures[TLS_FAILURE_COUNT];
    struct counter tls_early[TLS_EARLY_COUNT]; /* data that was offered, by what became of it */
    struct counter h2_connections, h2_floods;  /* the second were closed for it */
    struct counter h2_malformed;               /* requests, each reset */
    struct counter grpc_statuses[GRPC_CODE_COUNT + 1]; /* the last: GRPC_NO_CODE */
    struct histogram turn_microseconds;
};

enum memory_kind {
    MEMORY_BUFFERS,
    MEMORY_HTTP2, /* sessions and their streams, on both sides */
    MEMORY_EXCHANGES,
    MEMORY_CLIENTS, /* connections */
    MEMORY_SERVERS,
    MEMORY_TUNNELS,
    MEMORY_KIND_COUNT,
};

/* Of one loop, as it was when it last looked: once a second, so that no exchange pays for it. */
struct loop_gauges {
    struct gauge bytes_used[MEMORY_KIND_COUNT];
    struct gauge bytes_spare[MEMORY_KIND_COUNT]; /* kept for the next one */
    struct gauge messages;                       /* of other threads that waited when it looked */
    struct gauge tasks;                          /* deferred, the same */
    struct gauge delay_microseconds;             /* that it took to come to the look */
};

/* A route by name, with its counters on all loops. Lives as long as the registry. */
struct route_metrics {
    struct slice site, route,
        upstream;                /* `route`: its path as it is written, empty where none is */
    struct route_counts *counts; /* one for each loop */
    struct route_metrics *next;
};

struct metrics_registry;

/* For so many loops. NULL: no memory. One thread, as all that follows. */
struct metrics_registry *metrics_registry_new(unsigned loops);
void metrics_registry_free(struct metrics_registry *registry);

/* Gives every plan of the snapshot its counters. Before it is published. False: no memory. */
bool metrics_attach(struct metrics_registry *registry, const struct snapshot *snapshot);

/* The first; those of no name are among them: requests for which there is no route, and routes
 * beyond METRICS_ROUTES_MAX. */
const struct route_metrics *metrics_first(const struct metrics_registry *registry);
unsigned metrics_loops(const struct metrics_registry *registry);

/* Counts an exchange at its end, on its loop. */
void metrics_count(struct exchange *exchange);

/* Sets the gauges of a loop, on its thread. */
void metrics_measure(struct loop_context *context);
