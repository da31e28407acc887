/* Clocks. The simulation replaces this file. Any thread. */
#pragma once

#include <stdint.h>

/* Milliseconds of a clock that never jumps. */
uint64_t sys_monotonic_ms(void);
uint64_t sys_monotonic_ns(void);

/* Nanoseconds of CPU that this process has taken. */
uint64_t sys_cpu_ns(void);

/* Seconds since 1970, UTC; this clock may jump. */
int64_t sys_wall_seconds(void);
int64_t sys_wall_ms(void);

/* Bytes that nobody can guess. */
void sys_random(void *memory, uint64_t size);
