/* Counters, histograms and gauges that one thread writes and any thread may read: plain loads and
 * stores, no lock, no shared line. Whoever wants the sum over loops reads each loop's own and adds.
 * What is counted only grows, so that what is read while it changes is at most a moment old. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* A build that counts nothing shows what counting costs: see bench/README.md. */
#ifdef WEIR_UNCOUNTED
enum { COUNTING = 0 };
#else
enum { COUNTING = 1 };
#endif

struct counter {
    _Atomic uint64_t value;
};

/* The owner alone. */
static inline void counter_add(struct counter *counter, uint64_t count)
{
    if (!COUNTING)
        return;
    uint64_t value = atomic_load_explicit(&counter->value, memory_order_relaxed);
    atomic_store_explicit(&counter->value, value + count, memory_order_relaxed);
}

/* Any thread. */
static inline uint64_t counter_read(const struct counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

/* What rises and falls, and is set. */
struct gauge {
    _Atomic uint64_t value;
};

/* The owner alone. */
static inline void gauge_set(struct gauge *gauge, uint64_t value)
{
    atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

/* Any thread. */
static inline uint64_t gauge_read(const struct gauge *gauge)
{
    return atomic_load_explicit(&gauge->value, memory_order_relaxed);
}

/* Times in classes. A time is in the first class whose limit it does not exceed; the last class has
 * no limit. */
enum { HISTOGRAM_LIMITS = 13 };

/* The sum lies beside the first classes, in which most times are: one cache line for both. */
struct histogram {
    struct counter sum;
    struct counter classes[HISTOGRAM_LIMITS + 1];
};

/* In the unit of what is counted: milliseconds for exchanges, microseconds for turns. */
static const uint64_t histogram_limits[HISTOGRAM_LIMITS] = {1,   2,   5,    10,   25,   50,   100,
                                                            250, 500, 1000, 2500, 5000, 10000};

/* The owner alone. */
static inline void histogram_add(struct histogram *histogram, uint64_t time)
{
    unsigned class = 0;
    if (!COUNTING)
        return;
    while (class < HISTOGRAM_LIMITS && time > histogram_limits[class])
        class ++;
    counter_add(&histogram->classes[class], 1);
    counter_add(&histogram->sum, time);
}
