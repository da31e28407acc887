#include "policy/ejection.h"

bool ejection_is_due(uint32_t failures, uint32_t failures_max, uint32_t resting, uint32_t count)
{
    return failures_max > 0 && failures >= failures_max && (resting + 1) * 2 <= count;
}

uint64_t ejection_time(uint64_t time, uint32_t ejections_before)
{
    return time << (ejections_before < EJECTION_DOUBLINGS_MAX ? ejections_before
                                                              : EJECTION_DOUBLINGS_MAX);
}
