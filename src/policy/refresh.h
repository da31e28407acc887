/* When something that holds for a time is fetched anew: well before its end, and after a failure
 * soon, then more and more seldom. A part is left to chance, so that many that began together do
 * not go on together. Pure. */
#pragma once

#include <stdint.h>

/* Milliseconds until what ends so many seconds from now is fetched anew: half of them, a tenth of
 * that less by chance; at least a second, at most REFRESH_MOST_DAYS, whatever was promised. */
enum { REFRESH_MOST_DAYS = 3 };
uint64_t refresh_pause(int64_t seconds_left, uint64_t chance);

/* Milliseconds until the next attempt after so many failures in a row (at least one): a second,
 * doubled with each, at most `most_ms`; a quarter more or less by chance. */
uint64_t refresh_retry_pause(uint32_t failures, uint64_t most_ms, uint64_t chance);
