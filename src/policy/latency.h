/* How long a server takes to answer, as one number that goes up at once and comes down slowly: a
 * longer time than expected is believed immediately, a shorter one little by little, and what is
 * known halves every LATENCY_HALF_LIFE_MS, so that a slow server is tried again. Pure; all that is
 * remembered fits into one atomic word. */
#pragma once

#include <stdint.h>

enum { LATENCY_HALF_LIFE_MS = 5 * 1000 };

/* What is remembered: 0 where nothing is known, else microseconds in the upper half and in the
 * lower one the time at which that was so, milliseconds of any clock, which may wrap. */

/* What is to be remembered after an answer that took `microseconds`. */
uint64_t latency_add(uint64_t remembered, uint64_t microseconds, uint32_t now_ms);

/* What it was when it was noted last, microseconds, and when that was. */
static inline uint32_t latency_of(uint64_t remembered)
{
    return (uint32_t)(remembered >> 32);
}

static inline uint32_t latency_noted_at(uint64_t remembered)
{
    return (uint32_t)remembered;
}

/* What is to be expected: microseconds; 0 where nothing is known. */
uint32_t latency_expected(uint64_t remembered, uint32_t now_ms);
