/* What worker.c (loops and their threads) and publication.c (snapshots on their way to them) share.
 */
#pragma once

#include "exchange/context.h"
#include "main/handover.h"
#include "main/worker.h"
#include "upstream/lending.h"
#include "upstream/roster.h"

/* A loop with its thread. */
struct worker_loop {
    struct worker *worker;
    struct loop *loop;
    struct loop_context context;
    struct sys_thread *thread;
    struct message drain, abort, quit; /* each sent once at most */
    struct message beat;               /* asks whether it still turns */
    atomic_bool beat_is_out;           /* not yet answered */
    uint64_t beat_sent_ns;             /* the control loop's, until it has sent it */
    unsigned silent_seconds;           /* since it was asked; the control loop's */
    bool quitting;
    atomic_bool is_closed; /* it accepts nobody any more */
    atomic_bool done;      /* the thread has nothing left to serve */
};

/* An address on which all loops listen. */
struct worker_listener {
    struct listener listener;
    struct list link;
    uint64_t id;
    bool is_gone; /* the loops have been told to close it */
};

/* A snapshot that is no longer the current one; freed here, and not on the loop that is the last to
 * use it. */
struct past_snapshot {
    struct list link;
    struct snapshot *snapshot;
};

struct worker {
    struct server_registry *servers;
    struct sys_opener *opener;
    struct client_table *clients;
    struct follower *follower; /* NULL: nobody follows names */
    uint64_t most_clients;     /* seen since memory was given back */
    struct list listeners; /* those that are served; then those that are gone and not yet closed */
    uint64_t next_listener_id;
    struct snapshot *snapshot; /* the current one */
    struct list past_snapshots;
    atomic_uint publishing; /* loops that have not yet taken the last snapshot */
    struct worker_loop *loops;
    struct handover handover;
    struct lending_circle circle;
    struct roster *roster;
    unsigned loop_count;
    struct metrics_registry *metrics;
    uint64_t hangs; /* of loops, that were told */
    bool draining, aborting;
    bool is_leaving; /* set before the loops are told to drain */
    char problem[256];
};

/* Notes the problem; returns false, for callers to return. */
bool worker_fail(struct worker *worker, const char *problem);

/* The first snapshot, while no loop runs yet. Takes over one reference. False: as worker_publish.
 */
bool publication_begin(struct worker *worker, struct snapshot *snapshot);

/* Closes and frees what the loops do not need any more. */
void publication_tidy(struct worker *worker);

/* All of it, when no loop runs any more. */
void publication_fini(struct worker *worker);
