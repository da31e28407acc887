#include "sim/world.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TRACE_LINES = 60, TRACE_WIDTH = 200, BEGIN_US = 1000 * US_PER_S };

static struct {
    uint64_t seed, now, order;
    struct event **heap;
    size_t count, capacity;
    bool verbose;
    char trace[TRACE_LINES][TRACE_WIDTH];
    size_t told;
} world;

bool world_tracing;

void world_begin(uint64_t seed, bool tracing, bool verbose)
{
    world.seed = seed;
    world.now = BEGIN_US;
    world.order = world.told = 0;
    world.verbose = verbose;
    world_tracing = tracing || verbose;
    ASSERT(world.count == 0);
}

void world_end(void)
{
    while (world.count > 0)
        world_cancel(world.heap[0]);
}

uint64_t world_seed(void)
{
    return world.seed;
}

uint64_t world_now(void)
{
    return world.now;
}

/* ---- events: a binary heap */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(struct event *event, size_t place)
{
    world.heap[place - 1] = event;
    event->place = place;
}

static void sift_up(struct event *event, size_t place)
{
    for (; place > 1 && is_before(event, world.heap[place / 2 - 1]); place /= 2)
        put(world.heap[place / 2 - 1], place);
    put(event, place);
}

static void sift_down(struct event *event, size_t place)
{
    for (;;) {
        size_t child = place * 2;
        if (child < world.count && is_before(world.heap[child], world.heap[child - 1]))
            child++;
        if (child > world.count || !is_before(world.heap[child - 1], event))
            break;
        put(world.heap[child - 1], place);
        place = child;
    }
    put(event, place);
}

void world_cancel(struct event *event)
{
    size_t place = event->place;
    if (place == 0)
        return;
    ASSERT(world.heap[place - 1] == event);
    event->place = 0;
    struct event *last = world.heap[--world.count];
    if (last == event)
        return;
    sift_up(last, place);
    sift_down(last, last->place);
}

void world_plan(struct event *event, uint64_t delay_us, void (*run)(struct event *event))
{
    world_cancel(event);
    if (world.count == world.capacity) {
        world.capacity = world.capacity ? world.capacity * 2 : 64;
        world.heap = sim_realloc(world.heap, world.capacity * sizeof(*world.heap));
    }
    event->at = world.now + delay_us;
    event->order = ++world.order;
    event->run = run;
    sift_up(event, ++world.count);
}

uint64_t world_next(void)
{
    return world.count > 0 ? world.heap[0]->at : UINT64_MAX;
}

void world_step(void)
{
    ASSERT(world.count > 0);
    struct event *event = world.heap[0];
    world_cancel(event);
    if (event->at > world.now)
        world.now = event->at;
    event->run(event);
}

void world_pass(uint64_t until_us)
{
    if (until_us > world_next())
        until_us = world_next();
    if (until_us > world.now)
        world.now = until_us;
}

void world_catch_up(void)
{
    while (world_next() <= world.now)
        world_step();
}

/* ---- telling */

void world_tell(const char *format, ...)
{
    char *line = world.trace[world.told++ % TRACE_LINES];
    int start = snprintf(line, TRACE_WIDTH, "%12.6f ", (double)(world.now - BEGIN_US) / US_PER_S);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line + start, TRACE_WIDTH - (size_t)start, format, arguments);
    va_end(arguments);
    if (world.verbose)
        (void)fprintf(stderr, "%s\n", line);
}

void world_print_trace(void)
{
    size_t first = world.told > TRACE_LINES ? world.told - TRACE_LINES : 0;
    for (size_t i = first; !world.verbose && i < world.told; i++)
        (void)fprintf(stderr, "%s\n", world.trace[i % TRACE_LINES]);
}

void world_fail(const char *format, ...)
{
    world_print_trace();
    (void)fprintf(stderr, "seed %llu: ", (unsigned long long)world.seed);
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "\n");
    (void)fflush(stderr);
    _exit(1);
}
