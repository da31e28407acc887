/* What was told of something that ceases to hold one day, and when it is told again. Pure. */
#pragma once

#include "tls/tls_finding.h"

/* All zeros: nothing was. */
struct warned {
    enum tls_step_to_end step; /* at which it was when it was looked at last */
    uint64_t told_ms;          /* when it was told last, by a clock that cannot be set */
};

/* Whether it is to be told of now, when it is at that step: when it has come a step further, and
 * once a day when it has ended. A step back, since the clock of the day was set, is not told; but
 * when it comes to the next one again, that is. `now_ms` is of the clock that cannot be set. */
bool warned_is_due(struct warned *warned, enum tls_step_to_end step, uint64_t now_ms);
