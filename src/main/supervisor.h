/* The supervisor: the process that whoever runs Weir knows. It has the configuration checked,
 * starts the worker, opens for it what that names (main/opening.h), passes signals on, starts
 * another worker when one dies, and becomes another version of itself where it is upgraded
 * (main/upgrade.h). It serves nobody itself, so that nothing that comes from outside can bring it
 * down. */
#pragma once

#include "sys/open.h"

/* What the supervisor's processes do; each gives an exit status. */
struct supervised {
    int (*work)(struct sys_opener *opener, const char *path);
    int (*check)(struct sys_opener *opener, const char *path, bool tells); /* main/checker.h */
};

/* Lets `check` run, and then `work` in a process of its own, again and again where it dies, until
 * it ends by itself or is asked to stop; `path` is handed through. The exit status of this process.
 * There must be one thread. Where the first worker does not come to serve, there is no second.
 * After an upgrade, goes on where the supervisor before, as this same process, has left off. */
int supervise(const struct supervised *supervised, const char *path);

/* Whether this version can go on with the estate that the file holds; tells the version, or what is
 * wrong. The exit status. */
int supervisor_try_estate(int file);
