#include "policy/ejection.h"

bool ejection_is_permitted(uint32_t resting, uint32_t count, uint32_t percent)
{
    return ((uint64_t)resting + 1) * 100 <= (uint64_t)count * percent;
}

uint64_t ejection_time(uint64_t time, uint32_t ejections_before)
{
    return time << (ejections_before < EJECTION_DOUBLINGS_MAX ? ejections_before
                                                              : EJECTION_DOUBLINGS_MAX);
}

bool ejection_is_forgotten(uint64_t time, uint32_t ejections, uint64_t worked_ms)
{
    return ejections > 0 && worked_ms > ejection_time(time, ejections - 1);
}
