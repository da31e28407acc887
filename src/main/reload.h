/* A new configuration in the place of the one that serves, without loss. The main thread. */
#pragma once

#include "main/worker.h"

struct registries;

/* Where the configuration comes from, and what snapshots are built with. */
struct reload {
    const char *path;
    struct sys_opener *opener;
    struct registries *registries;
};

/* Reads the configuration again, checks it and publishes it. False: it is wrong or cannot be
 * served; the one before stays. The outcome is told in the error log, and what is wrong with a
 * file on standard error. */
bool reload_run(const struct reload *reload, struct worker *worker);
