/* What is concluded from asking a server now and then whether it works: when it counts as down,
 * when as up again, when it is asked next, and when so few are up that nobody is left out. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What is known of one server. Starts as zeroes: it counts as up, but nobody has asked. */
struct health_score {
    bool is_known; /* it was asked */
    bool is_down;
    uint32_t against; /* outcomes in a row that say otherwise */
};

/* Notes an outcome. The first one decides by itself; later, `fall` failures in a row make a server
 * that was up count as down, and `rise` successes one that was down as up. True: it has changed. */
bool health_note(struct health_score *score, bool passed, uint32_t rise, uint32_t fall);

/* Milliseconds until it is asked next: `interval`, or `fast_interval` where that is shorter and the
 * last outcome said otherwise than what it counts as; a tenth more or less by chance, so that many
 * do not ask together. */
uint64_t health_pause(const struct health_score *score, uint64_t interval, uint64_t fast_interval,
                      uint64_t chance);

/* Whether, with `up` of `count` servers up, less than so many percent are: those that are down are
 * then asked as well. With 0 percent never. */
bool health_is_panic(uint32_t up, uint32_t count, uint32_t percent);
