/* What the exchanges of one loop share: where they get memory, connections, the snapshot of the
 * moment. Belongs to one loop. */
#pragma once

#include "exchange/plan.h"
#include "loop/timer.h"
#include "net/listener.h"
#include "net/pump.h"
#include "upstream/upstreams.h"

#include <stdatomic.h>

struct client_table;
struct pool;

/* A loop's count of the exchanges that run under a snapshot; the snapshot itself is counted once
 * for each of these. */
struct snapshot_hold {
    struct snapshot *snapshot;
    const struct plans *plans;
    uint32_t users; /* exchanges, plus one while it is the current one */
};

struct loop_context {
    struct loop *loop;
    unsigned index;
    struct upstreams *upstreams;
    struct pipe_pool *pipes;
    struct pool *arena_chunks; /* of exchanges */
    struct pool *clients;
    struct pool *tunnels;
    struct snapshot_hold *current;
    struct client_table *client_table; /* shared: connections in all and per client */
    struct list client_list;           /* every open connection of a client */
    struct list tunnel_list;
    struct listener_share *shares; /* one per listener of the current snapshot */
    uint32_t share_count;
    bool draining; /* no new requests; connections end when they can */
    int64_t date_second;
    char date[32]; /* an IMF-fixdate (RFC 9110 5.6.7) of that second */
    int64_t log_second;
    char log_time[32];        /* `20/Nov/2026:19:00:00 +0000`, of that second */
    atomic_uint open_clients; /* length of `client_list`; other loops read it */
};

/* False: no memory; nothing is left behind. */
bool loop_context_init(struct loop_context *context, struct loop *loop, unsigned index,
                       struct server_registry *servers, struct client_table *client_table);

/* Everything must have come to its end. */
void loop_context_fini(struct loop_context *context);

/* Makes a snapshot the current one; what runs goes on under its own. Takes over one reference.
 * False: no memory; the reference is then given back. */
bool loop_context_publish(struct loop_context *context, struct snapshot *snapshot);

/* The current one, with one more user; and the end of that. */
struct snapshot_hold *snapshot_hold_ref(struct loop_context *context);
void snapshot_hold_unref(struct snapshot_hold *hold);

/* `Sun, 06 Nov 1994 08:49:37 GMT`, of this second. */
struct slice loop_context_date(struct loop_context *context);
