/* The world of one seed: virtual time, what will happen in it, and how a broken rule is told. There
 * is one world at a time, and one thread. */
#pragma once

#include "sim/chance.h"

#include <stddef.h>

enum { US_PER_MS = 1000, US_PER_S = 1000 * 1000 };

/* Something that will happen. Embedded in what it happens to; zeroes are "not planned". */
struct event {
    uint64_t at, order;
    size_t place; /* in the heap, counted from 1; 0: not planned */
    void (*run)(struct event *event);
};

/* Begins at a time that is not 0; nothing is planned. */
void world_begin(uint64_t seed, bool tracing, bool verbose);
void world_end(void);

uint64_t world_seed(void);

/* Microseconds. */
uint64_t world_now(void);

/* Plans it, `delay_us` from now; what was planned already is moved. */
void world_plan(struct event *event, uint64_t delay_us, void (*run)(struct event *event));
void world_cancel(struct event *event);

/* The next event's time; UINT64_MAX where nothing will happen. */
uint64_t world_next(void);

/* Lets it happen, time included. */
void world_step(void);

/* Time passes without anything: up to the next event at most. */
void world_pass(uint64_t until_us);

/* Everything that is due by now. */
void world_catch_up(void);

/* What happened, told only where somebody listens: to be called through TRACE. */
extern bool world_tracing;
void world_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define TRACE(...)                                                                                 \
    do {                                                                                           \
        if (world_tracing)                                                                         \
            world_tell(__VA_ARGS__);                                                               \
    } while (0)

/* A rule is broken: tells it with the seed and the last events, and ends the process with status
 * 1. */
_Noreturn void world_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            world_fail(__VA_ARGS__);                                                               \
    } while (0)

/* Prints the last events that were told. */
void world_print_trace(void);

/* Memory of the simulation itself: it never fails and is not counted as the product's. */
void *sim_calloc(size_t size);
void *sim_realloc(void *memory, size_t size);
void sim_free(void *memory);
