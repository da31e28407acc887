/* Whether files that are served have changed on the disk: certificates, and what else a
 * configuration names as watched (sys/open.h). One thread. */
#pragma once

#include "main/kept_files.h"

struct watch {
    uint64_t seen;  /* how all of it looked when it was looked at last */
    uint64_t tried; /* how it looked when a change was told; 0: none was */
    uint64_t due;   /* when it may be looked at again, by sys_monotonic_ns */
    bool settles;   /* something has changed, and may change further */
};

/* What a file, or the names that a pattern stands for, look like now: another number after each
 * change. `kind` is KEPT_FILE or KEPT_NAMES. */
uint64_t watch_stamp(enum kept_kind kind, const char *name);

/* Looks at everything that is watched; a few microseconds for each file. True: something has
 * changed since it was read, nothing since the look before, and this was not told yet. What comes
 * of it is up to the caller: where it is not taken over into `served`, only a further change is
 * told. */
bool watch_look(struct watch *watch, const struct kept_files *served);

/* The same at a pace, for who asks every second: looks only where the looks before, by the CPU time
 * that they took, leave the rest of the process 99 of 100 parts of the time; but whether a change
 * has settled is seen at the next question. */
bool watch_look_paced(struct watch *watch, const struct kept_files *served);
