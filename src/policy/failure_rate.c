#include "policy/failure_rate.h"

enum { TICK_MS = 50, COUNT_BITS = 16 };

/* When the half of the window began, in ticks, above; calls and failures below. */
struct counts {
    uint32_t since;
    uint32_t calls, failures;
};

static struct counts unpack(uint64_t packed)
{
    return (struct counts){.since = (uint32_t)(packed >> 2 * COUNT_BITS),
                           .calls = (uint16_t)(packed >> COUNT_BITS),
                           .failures = (uint16_t)packed};
}

static uint64_t pack(struct counts counts)
{
    return (uint64_t)counts.since << 2 * COUNT_BITS | (uint64_t)counts.calls << COUNT_BITS |
           counts.failures;
}

/* Another loop may have been here, whose clock is ahead: then no time has passed. */
static void let_pass(struct counts *counts, uint32_t half, uint32_t now)
{
    int32_t passed = (int32_t)(now - counts->since);
    uint32_t halves = passed > 0 ? (uint32_t)passed / half : 0;
    if (halves > COUNT_BITS) {
        *counts = (struct counts){.since = now};
        return;
    }
    counts->since += halves * half;
    counts->calls >>= halves;
    counts->failures >>= halves;
}

uint64_t failure_rate_add(uint64_t packed, uint64_t window_ms, enum failure_rate_outcome outcome,
                          uint64_t now_ms)
{
    uint32_t now = (uint32_t)(now_ms / TICK_MS), half = (uint32_t)(window_ms / 2 / TICK_MS);
    struct counts counts = packed > 0 ? unpack(packed) : (struct counts){.since = now};
    let_pass(&counts, half > 0 ? half : 1, now);
    if (counts.calls == FAILURE_RATE_CALLS_MAX) {
        counts.calls /= 2;
        counts.failures /= 2;
    }
    counts.calls += outcome != FAILURE_RATE_TURNED;
    if (outcome != FAILURE_RATE_WELL && counts.failures < counts.calls)
        counts.failures++;
    return pack(counts);
}

uint64_t failure_rate_count(_Atomic uint64_t *counts, uint64_t window_ms,
                            enum failure_rate_outcome outcome, uint64_t now_ms)
{
    uint64_t before = atomic_load_explicit(counts, memory_order_relaxed), after;
    do {
        after = failure_rate_add(before, window_ms, outcome, now_ms);
    } while (!atomic_compare_exchange_weak_explicit(counts, &before, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    return after;
}

bool failure_rate_is_reached(uint64_t packed, uint32_t percent, uint32_t least)
{
    struct counts counts = unpack(packed);
    return counts.calls > 0 && counts.calls >= least &&
           counts.failures * 100 >= percent * counts.calls;
}

uint32_t failure_rate_percent(uint64_t packed)
{
    struct counts counts = unpack(packed);
    return counts.calls > 0 ? counts.failures * 100 / counts.calls : 0;
}

bool failure_rate_read(struct setting_reader *reader, const struct node *node, void *field)
{
    uint32_t percent = 0;
    bool good = node_is_word(node, "off") || (node_is_percent(node, 100, &percent) && percent > 0);
    *(uint32_t *)field = percent;
    if (!good)
        diagnostics_error(reader->diagnostics, node->position,
                          "for example \"failure_rate: 50%\", or off",
                          "\"failure_rate\" is a share of the calls, from 1%% to 100%%");
    return good;
}
