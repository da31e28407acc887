/* How a server that has come, or come back, gets its share little by little: in equal steps over a
 * time. Pure. */
#pragma once

#include <stdint.h>

enum { SLOW_START_STEPS = 20 };

/* Which part of its weight, in SLOW_START_STEPS, one has that came so many milliseconds ago: from 1
 * to all. */
uint32_t slow_start_step(uint64_t passed, uint64_t time);

/* Milliseconds since it came at which its part grows next; it has not all yet. */
uint64_t slow_start_next(uint64_t passed, uint64_t time);

/* By what the weights of all are multiplied, so that parts of them can be told; `largest` is the
 * largest of them, and `weight_max` what none may exceed. */
uint32_t slow_start_scale(uint32_t largest, uint32_t weight_max);

/* The weight at that step: at least 1. */
uint32_t slow_start_weight(uint32_t weight, uint32_t scale, uint32_t step);
