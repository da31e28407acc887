/* What the exchanges of one loop share: where they get memory, connections, the snapshot of the
 * moment. Belongs to one loop. */
#pragma once

#include "exchange/metrics.h"
#include "exchange/plan.h"
#include "exchange/request_id.h"
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

/* A loop's part of a listener. Clients that came through it keep it when it is closed. */
struct loop_listener {
    struct listener_share share;
    struct list link;                 /* in the context's list */
    uint64_t id;                      /* of the listener, on all loops and for ever */
    const struct listener_plan *plan; /* of the current snapshot */
    uint32_t users;                   /* clients that came through it, plus one while it is open */
    bool is_closed;                   /* who came through it is to leave */
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
    struct list mirror_list;
    struct list listeners; /* the loop's parts of those that are open, or have clients left */
    bool draining;         /* no new requests; connections end when they can */
    bool is_patient;       /* and then: who is connected may ask once more */
    int64_t date_second;
    char date[32]; /* an IMF-fixdate (RFC 9110 5.6.7) of that second */
    int64_t log_second;
    char log_time[32];         /* `20/Nov/2026:19:00:00 +0000`, of that second */
    struct loop_counts counts; /* any thread may read them, */
    struct loop_gauges gauges; /* and these */
    struct request_id_source ids;
    atomic_uint open_clients; /* length of `client_list`; other loops read it */
};

/* False: no memory; nothing is left behind. */
bool loop_context_init(struct loop_context *context, struct loop *loop, unsigned index,
                       struct server_registry *servers, struct client_table *client_table);

/* Everything must have come to its end. */
void loop_context_fini(struct loop_context *context);

/* A hold for a loop that will publish the snapshot; takes over one reference. NULL: no memory; the
 * reference is then given back. Any thread. */
struct snapshot_hold *snapshot_hold_new(struct snapshot *snapshot);

/* Makes its snapshot the current one; what runs goes on under its own. Takes the hold over. The
 * plans of open listeners are the caller's to set in the same breath. */
void loop_context_publish(struct loop_context *context, struct snapshot_hold *hold);

/* The current one, with one more user; one that has users, with one more; and the end of that. */
struct snapshot_hold *snapshot_hold_ref(struct loop_context *context);
struct snapshot_hold *snapshot_hold_share(struct snapshot_hold *hold);
void snapshot_hold_unref(struct snapshot_hold *hold);

/* A part of a listener that is not yet open; `share` is to be filled in. One user. NULL: no memory.
 * Any thread. */
struct loop_listener *loop_listener_new(uint64_t id, const struct listener_plan *plan);

/* Begins to accept on the loop, as number `loop_index` of them. */
void loop_listener_open(struct loop_context *context, struct loop_listener *listener,
                        unsigned loop_index);

/* Accepts who waits, and then nobody any more; its own user goes. Whoever came through it is told
 * to leave when it can (clients_leave). */
void loop_listener_close(struct loop_listener *listener);

/* One that is closed already, for a client who came through it elsewhere. One user. NULL: no
 * memory. */
struct loop_listener *loop_listener_new_gone(struct loop_context *context, uint64_t id,
                                             bool is_private, bool speaks_tls);

/* The open one of that id, or NULL. */
struct loop_listener *loop_listener_find(const struct loop_context *context, uint64_t id);

/* One user more and less; it is freed when none is left. */
void loop_listener_ref(struct loop_listener *listener);
void loop_listener_unref(struct loop_listener *listener);

/* `Sun, 06 Nov 1994 08:49:37 GMT`, of this second. */
struct slice loop_context_date(struct loop_context *context);
