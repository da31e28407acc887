/* The queue of an upstream: calls for which no server has a place wait by their priority, and among
 * equals in the order in which they came, on whatever loop, over reloads as well (commons.h). A
 * place that comes free calls the first; it then chooses a server as every call does, and who comes
 * later stands behind it. One lock holds the queues of all upstreams; it is not touched as long as
 * nobody waits. */
#pragma once

#include "upstream/commons.h"
#include "upstream/upstreams.h"

#define QUEUE_SETTINGS(S)                                                                          \
    S(size, NUMBER, "0", 0, 1000 * 1000, SCOPE_UPSTREAM,                                           \
      "How many calls may wait for a place where all servers have as many as their "               \
      "max_connections; 0: none.",                                                                 \
      "200")                                                                                       \
    S(timeout, DURATION, "10s", 1, HOUR, SCOPE_UPSTREAM,                                           \
      "How long one waits for a place at most.", "3s")

struct queue_settings {
    QUEUE_SETTINGS(SETTING_FIELD)
};

extern const struct setting_group queue_group;

/* One call that waits. Belongs to its loop, but for what stands behind the lock. */
struct waiter {
    /* It is called, its time is over, or another list of members holds; on its loop. */
    void (*on_turn)(struct waiter *waiter);
    void *owner; /* for on_turn; NULL: it has left */
    struct upstreams *home;
    const struct upstream *upstream; /* changes behind the lock */
    struct timer timer;
    uint64_t since, until; /* milliseconds */
    bool timed_out;

    /* Behind the lock. */
    struct list link;
    unsigned priority;
    uint64_t ticket; /* the lowest waits longest, of those of its priority */
    bool is_called;  /* a place came free for it, and it has not looked since */
    bool is_picky;   /* it looked, and there are servers that it has tried and will not ask again */
    bool in_flight;  /* its message is under way, and then its memory */
    struct message message;
};

/* From now on a place of the server that comes free is for who waits there. While a snapshot is
 * built. False: no memory. */
bool queue_watch(struct commons *commons, struct server *server);

/* The server goes; nobody else knows it any more. */
void queue_forget(struct server *server);

/* What a scope says of the queue of an upstream that is being built: `queue` is set, its servers
 * are watched. Without `diagnostics` nothing is told. False: no memory. */
bool queue_set(struct upstream *upstream, const struct snapshot *snapshot,
               const struct scope *scope, struct diagnostics *diagnostics);

/* A call to a server that somebody watches has ended. Any thread. */
COLD void queue_place_free(struct server *server);

/* Whether somebody waits, so that a newcomer has to stand behind. Any thread. */
bool queue_is_used(const struct commons *commons);

enum queue_join { QUEUE_JOINED, QUEUE_FIRST, QUEUE_IS_FULL, QUEUE_NO_MEMORY };

/* Joins the end of those of its priority in the queue; who has stood in it before, for `waited_ms`,
 * their front. QUEUE_FIRST:
 * nobody before it would take the place that there may be, so it has to look for one now. `owner`
 * is not NULL. */
enum queue_join queue_join(struct upstreams *upstreams, const struct upstream *upstream,
                           unsigned priority, bool again, uint64_t waited_ms, void *owner,
                           void (*on_turn)(struct waiter *waiter), struct waiter **ret_waiter);

/* Whoever waits is under another list of members now, which may have a place. */
COLD void queue_renew(struct waiter *waiter, const struct upstream *upstream);

/* Whether it is to look for a place. */
bool queue_is_called(struct waiter *waiter);

/* It has looked, and there was none; `has_tried`: or none but at servers that it tried before, so
 * that others may find one. True: it was called meanwhile, and has to look again. */
bool queue_found_none(struct waiter *waiter, bool has_tried);

/* It leaves, with a place or without; `waiter` is gone. */
void queue_leave(struct waiter *waiter, bool has_place);
