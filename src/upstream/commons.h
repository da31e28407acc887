/* What all loops share of an upstream, outside every snapshot, so that a reload keeps it: found by
 * what the upstream is called. Stays until the registry of servers goes, which owns all of them. */
#pragma once

#include "base/cold.h"
#include "policy/retry.h"

#include <stdatomic.h>

struct commons {
    struct slice key;
    _Atomic uint64_t retry_budget;

    /* Since it is known. */
    _Atomic uint64_t retries;         /* attempts after the first */
    _Atomic uint64_t retries_refused; /* that the budget did not permit */
};

struct commons_table;

/* NULL: no memory. */
struct commons_table *commons_table_new(void);

/* NULL is accepted. */
void commons_table_free(struct commons_table *table);

/* Those of that key; made where it is new. NULL: no memory. Any thread. */
struct commons *commons_get(struct commons_table *table, struct slice key);

/* A request for which retries are on: its share for the budget. Any thread. */
void commons_earn_retry(struct commons *commons, const struct retry_settings *settings,
                        uint64_t now_ms);

/* Whether the budget has one more repetition, which is then taken; counted either way. Any thread.
 */
COLD bool commons_spend_retry(struct commons *commons, const struct retry_settings *settings,
                              uint64_t now_ms);
