/* When a server that can be reached but fails again and again is passed over, and for how long.
 * Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { EJECTION_DOUBLINGS_MAX = 5 };

/* Whether one of `count` servers, of which `resting` rest already, may rest as well: never more
 * than `percent` of them rest for failures. */
bool ejection_is_permitted(uint32_t resting, uint32_t count, uint32_t percent);

/* For how long: `time` at first, twice as long each time that it has not worked since, up to 32
 * times. */
uint64_t ejection_time(uint64_t time, uint32_t ejections_before);

/* Whether a server that has worked for so long since its last rest, which was the one of that
 * number in a row, is as good as one that never rested: where it is judged by the share of its
 * failures, one good answer says little. */
bool ejection_is_forgotten(uint64_t time, uint32_t ejections, uint64_t worked_ms);
