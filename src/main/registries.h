/* What outlives snapshots, in one hand: the servers as they live, the keys of tickets,
 * certificates, and the logs. Made before the first snapshot, and gone behind the last. The main
 * thread. */
#pragma once

#include "sys/open.h"
#include "upstream/upstream.h"

struct log_writer;

struct registries {
    struct live live; /* what snapshots are built with */
    struct log_writer *log_writer;
};

/* False: no memory or no thread, which was told; nothing is left behind. */
bool registries_init(struct registries *registries, struct sys_opener *opener);

/* Writes what is left of the logs. */
void registries_fini(struct registries *registries);
