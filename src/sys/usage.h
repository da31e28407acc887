/* What this process takes of the system. Any thread. */
#pragma once

#include <stdint.h>

/* 0: the system does not tell. */
struct sys_usage {
    uint64_t resident_bytes;
    uint64_t descriptors; /* that are open */
    uint64_t threads;
};

/* Reads a few files of /proc: not for every exchange. */
struct sys_usage sys_process_usage(void);
