#include "policy/slow_start.h"

#include "base/assert.h"

uint32_t slow_start_step(uint64_t passed, uint64_t time)
{
    if (passed >= time)
        return SLOW_START_STEPS;
    return 1 + (uint32_t)(passed * (SLOW_START_STEPS - 1) / time);
}

/* The first moment of the next step, by the sum above turned round. */
uint64_t slow_start_next(uint64_t passed, uint64_t time)
{
    uint64_t step = slow_start_step(passed, time);
    ASSERT(step < SLOW_START_STEPS);
    return (step * time + SLOW_START_STEPS - 2) / (SLOW_START_STEPS - 1);
}

uint32_t slow_start_scale(uint32_t largest, uint32_t weight_max)
{
    ASSERT(largest > 0 && largest <= weight_max);
    uint32_t scale = weight_max / largest;
    return scale < SLOW_START_STEPS ? scale : SLOW_START_STEPS;
}

uint32_t slow_start_weight(uint32_t weight, uint32_t scale, uint32_t step)
{
    ASSERT(weight > 0 && scale > 0 && step > 0 && step <= SLOW_START_STEPS);
    uint32_t part = weight * scale * step / SLOW_START_STEPS;
    return part > 0 ? part : 1;
}
