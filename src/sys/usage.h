/* What this process takes of the system. One thread. */
#pragma once

#include <stdint.h>

/* 0: the system does not tell. */
struct sys_usage {
    uint64_t resident_bytes;
    uint64_t descriptors; /* that are open */
    uint64_t threads;
};

/* Opens what is to be read of /proc, for ever: a process that gives up its rights could not do so
 * later. Otherwise the first question does. */
void sys_usage_prepare(void);

/* Reads a few files of /proc: not for every exchange. */
struct sys_usage sys_process_usage(void);
