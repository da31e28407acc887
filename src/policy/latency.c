#include "policy/latency.h"

/* Loops take the time at the beginning of a turn, and one may be behind the other. */
static uint32_t age_of(uint64_t remembered, uint32_t now_ms)
{
    uint32_t age = now_ms - (uint32_t)remembered;
    return age <= INT32_MAX ? age : 0;
}

/* value / 2^(age / half life); between two halvings along a straight line. */
static uint32_t faded(uint32_t value, uint32_t age_ms)
{
    uint32_t halvings = age_ms / LATENCY_HALF_LIFE_MS;
    uint32_t rest = age_ms % LATENCY_HALF_LIFE_MS;
    if (halvings >= 32)
        return 0;
    uint32_t whole = value >> halvings;
    return whole - (uint32_t)((uint64_t)whole * rest / (2 * LATENCY_HALF_LIFE_MS));
}

static uint64_t remember(uint32_t microseconds, uint32_t now_ms)
{
    return (uint64_t)(microseconds ? microseconds : 1) << 32 | now_ms;
}

uint32_t latency_expected(uint64_t remembered, uint32_t now_ms)
{
    uint32_t value = (uint32_t)(remembered >> 32);
    if (value == 0)
        return 0;
    uint32_t expected = faded(value, age_of(remembered, now_ms));
    return expected ? expected : 1;
}

uint64_t latency_add(uint64_t remembered, uint64_t microseconds, uint32_t now_ms)
{
    uint32_t sample = microseconds < UINT32_MAX ? (uint32_t)microseconds : UINT32_MAX;
    uint32_t value = (uint32_t)(remembered >> 32);
    if (value == 0 || sample >= latency_expected(remembered, now_ms))
        return remember(sample, now_ms);
    /* The old one's share halves with its age, and the new one has the rest. */
    uint32_t above = value > sample ? value - sample : 0;
    uint32_t left = faded(above, age_of(remembered, now_ms));
    /* So close after the last one that nothing would change: the age goes on counting. */
    if (left == above && above > 0)
        return remembered;
    return remember(sample + left, now_ms);
}
