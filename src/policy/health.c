#include "policy/health.h"

bool health_note(struct health_score *score, bool passed, uint32_t rise, uint32_t fall)
{
    bool was_down = score->is_down;
    if (!score->is_known) {
        score->is_known = true;
        score->is_down = !passed;
        return score->is_down;
    }
    if (passed != was_down) {
        score->against = 0;
        return false;
    }
    if (++score->against < (was_down ? rise : fall))
        return false;
    score->against = 0;
    score->is_down = !was_down;
    return true;
}

uint64_t health_pause(const struct health_score *score, uint64_t interval, uint64_t fast_interval,
                      uint64_t chance)
{
    uint64_t pause = score->against > 0 && fast_interval < interval ? fast_interval : interval;
    uint64_t spread = pause / 5;
    return pause - spread / 2 + chance % (spread + 1);
}

bool health_is_panic(uint32_t up, uint32_t count, uint32_t percent)
{
    return count > 0 && percent > 0 && (up == 0 || (uint64_t)up * 100 < (uint64_t)count * percent);
}
