/* Which share of the last calls failed. One number holds the counts, 0 at first; who shares it
 * exchanges it. Pure. */
#pragma once

#include "conf/setting.h"

#include <stdatomic.h>

enum {
    FAILURE_RATE_WINDOW_MIN_MS = 1000,
    FAILURE_RATE_CALLS_MAX = UINT16_MAX, /* that are counted; of more, each counts half */
};

enum failure_rate_outcome {
    FAILURE_RATE_WELL,
    FAILURE_RATE_FAILED,
    FAILURE_RATE_TURNED, /* a call that was counted as one that went well has failed after all */
};

/* The counts after one more call. With each half of the window that passes, what was counted before
 * weighs half: so with an even load the counts are those of about one window, and what is older
 * soon counts for nothing. */
uint64_t failure_rate_add(uint64_t counts, uint64_t window_ms, enum failure_rate_outcome outcome,
                          uint64_t now_ms);

/* The same, exchanged. */
uint64_t failure_rate_count(_Atomic uint64_t *counts, uint64_t window_ms,
                            enum failure_rate_outcome outcome, uint64_t now_ms);

/* Whether so many percent of them failed, where they are `least` calls or more. */
bool failure_rate_is_reached(uint64_t counts, uint32_t percent, uint32_t least);

/* How many percent of them failed, rounded down; 0 where there are none. */
uint32_t failure_rate_percent(uint64_t counts);

/* Reads a setting of that share, uint32_t percent: `off` (0), or 1% to 100%. */
bool failure_rate_read(struct setting_reader *reader, const struct node *node, void *field);
