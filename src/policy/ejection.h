/* When a server that can be reached but fails again and again is passed over, and for how long.
 * Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { EJECTION_DOUBLINGS_MAX = 5 };

/* Whether one of `count` servers, of which `resting` rest already, is to rest after so many
 * failures in a row: never more than half of them rest for that. */
bool ejection_is_due(uint32_t failures, uint32_t failures_max, uint32_t resting, uint32_t count);

/* For how long: `time` at first, twice as long each time that it has not worked since, up to 32
 * times. */
uint64_t ejection_time(uint64_t time, uint32_t ejections_before);
