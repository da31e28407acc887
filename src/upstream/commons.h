/* What all loops share of an upstream, outside every snapshot, so that a reload keeps it: found by
 * what the upstream is called. Stays until the registry of servers goes, which owns all of them. */
#pragma once

#include "base/cold.h"
#include "base/list.h"
#include "obs/counter.h"
#include "policy/retry.h"
#include "sys/thread.h"
#include "upstream/breaker.h"

#include <stdatomic.h>

enum { QUEUE_PRIORITIES = 9, QUEUE_PRIORITY_NORMAL = 5 }; /* from 1, which goes first */

struct waiter;

/* Copies of requests, of which nobody gets the answer. */
struct mirror_counts {
    atomic_uint active; /* those that collect their body or wait for the answer */
    _Atomic uint64_t done, failed;
    _Atomic uint64_t dropped; /* requests that were not copied, as a limit says */
};

struct commons {
    struct slice key;
    _Atomic uint64_t retry_budget;

    /* Since it is known. */
    _Atomic uint64_t retries;         /* attempts after the first */
    _Atomic uint64_t retries_refused; /* that the budget did not permit */
    _Atomic uint64_t hedges;          /* second servers that were asked as well */
    _Atomic uint64_t hedges_won;      /* whose answer was taken */
    _Atomic uint64_t hedges_refused;  /* that the budget did not permit */

    struct breaker breaker;
    struct mirror_counts mirrors;

    /* The queue (queue.h). */
    struct sys_lock *lock; /* of all queues of the table */
    atomic_uint waiting;   /* length of `waiters` */

    /* Behind the lock; of the counters and the histogram whoever has it is the owner. */
    struct list waiters; /* by priority; of each, who waits longest is first */
    struct waiter *last_of[QUEUE_PRIORITIES + 1]; /* the last one of each priority, or NULL */
    uint64_t called;   /* of them, that were called and have not looked since */
    uint64_t *tickets; /* of the table: the last one that was given out */
    bool has_spare;    /* a place came free when all who wait were called already */
    struct counter queue_overflows, queue_timeouts;
    struct histogram queue_milliseconds; /* that calls have waited, for a place or in vain */
    struct list links;                   /* queue_link */
};

/* From a server to who waits for its places. */
struct queue_link {
    struct commons *commons;
    struct queue_link *next; /* of the server */
    struct list of_commons;  /* to be freed with them, if not with the server */
};

struct commons_table;

/* NULL: no memory. */
struct commons_table *commons_table_new(void);

/* NULL is accepted. */
void commons_table_free(struct commons_table *table);

/* Those of that key; made where it is new. NULL: no memory. Any thread. */
struct commons *commons_get(struct commons_table *table, struct slice key);

/* Another link to them, which goes with them, or before. NULL: no memory. Behind the lock. */
struct queue_link *commons_link_new(struct commons *commons);

/* A request for which retries are on: its share for the budget. Any thread. */
void commons_earn_retry(struct commons *commons, const struct retry_settings *settings,
                        uint64_t now_ms);

/* Whether the budget has one more repetition, which is then taken; counted either way. Any thread.
 */
COLD bool commons_spend_retry(struct commons *commons, const struct retry_settings *settings,
                              uint64_t now_ms);

/* The same for a second server that is to be asked as well; counted where there is none left. Any
 * thread. */
COLD bool commons_spend_hedge(struct commons *commons, const struct retry_settings *settings,
                              uint64_t now_ms);

/* What became of it: one was asked, which is counted; or there was none, and the budget has its
 * repetition back. Any thread. */
COLD void commons_note_hedge(struct commons *commons, bool was_asked);
