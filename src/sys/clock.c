#include "sys/clock.h"

#include "base/assert.h"

#include <sys/random.h>
#include <time.h>

uint64_t sys_monotonic_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t sys_monotonic_ms(void)
{
    return sys_monotonic_ns() / 1000000u;
}

uint64_t sys_cpu_ns(void)
{
    struct timespec taken;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &taken);
    return (uint64_t)taken.tv_sec * 1000000000u + (uint64_t)taken.tv_nsec;
}

int64_t sys_wall_seconds(void)
{
    return (int64_t)time(NULL);
}

int64_t sys_wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + (int64_t)now.tv_nsec / 1000000;
}

void sys_random(void *memory, uint64_t size)
{
    ASSERT(size <= 256); /* up to that, getrandom gives all or nothing (getrandom(2)) */
    ssize_t got;
    do {
        got = getrandom(memory, size, 0);
    } while (got < 0);
    ASSERT((uint64_t)got == size);
}
