#include "policy/refresh.h"

#include "base/assert.h"

enum { SECOND_MS = 1000, DAY_SECONDS = 24 * 3600, DOUBLINGS_MAX = 30 };

uint64_t refresh_pause(int64_t seconds_left, uint64_t chance)
{
    const int64_t most = (int64_t)REFRESH_MOST_DAYS * DAY_SECONDS;
    int64_t seconds = seconds_left > 2 * most ? 2 * most : seconds_left < 0 ? 0 : seconds_left;
    uint64_t half = (uint64_t)seconds * SECOND_MS / 2;
    uint64_t pause = half - chance % (half / 10 + 1);
    return pause > SECOND_MS ? pause : SECOND_MS;
}

uint64_t refresh_retry_pause(uint32_t failures, uint64_t most_ms, uint64_t chance)
{
    ASSERT(failures > 0 && most_ms > 0);
    uint32_t doublings = failures - 1 < DOUBLINGS_MAX ? failures - 1 : DOUBLINGS_MAX;
    uint64_t pause = (uint64_t)SECOND_MS << doublings;
    pause = pause < most_ms ? pause : most_ms;
    return pause - pause / 4 + chance % (pause / 2 + 1);
}
