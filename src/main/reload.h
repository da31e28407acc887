/* A new configuration in the place of the one that serves, without loss. The control loop. */
#pragma once

#include "main/worker.h"

#include <stdio.h>

struct admin;
struct registries;

/* Where the configuration comes from, and what snapshots are built with. */
struct reload {
    const char *path;
    struct sys_opener *opener;
    struct registries *registries;
};

/* What came of the reloads so far. */
struct reload_history {
    uint64_t done, refused;
    int64_t last; /* seconds since 1970; 0: there was none */
    bool last_was_done;
    char words[1280]; /* what has changed, or what went wrong, as a text */
};

/* Reads the configuration again, checks it and publishes it. False: it is wrong or cannot be
 * served; the one before stays. The outcome is told in the error log and in the history; what is
 * wrong with a file is told on standard error and, where it is not NULL, to `told`. */
bool reload_run(const struct reload *reload, struct worker *worker, struct admin *admin,
                struct reload_history *history, FILE *told);

/* Reads certificates again that have changed on the disk, while everything else stays as it was
 * read, and publishes that. False: it cannot be served; the one before stays. The outcome is told
 * in the error log, what is wrong on standard error. */
bool reload_renew(const struct reload *reload, struct worker *worker, struct admin *admin);

/* Opens the admin side where the configuration of the worker's snapshot says. At start, before
 * anybody is served. False: it was to be at an address that cannot be had, which was told; the
 * default one is done without. */
bool reload_open_admin(struct admin *admin, const struct snapshot *snapshot, const char *path,
                       struct sys_opener *opener);
