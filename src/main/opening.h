/* The supervisor's side of sys/asking_opener.h: opens what the worker asks for, keeps what the next
 * worker will need, and answers that one from what was kept. One thread. */
#pragma once

#include "main/kept_files.h"
#include "main/kept_listeners.h"

struct opening {
    struct kept_listeners listeners;
    struct kept_files served;  /* what the configuration that is served was read from */
    struct kept_files loading; /* of the one that is being read */
    bool is_loading;
    bool has_served;   /* some worker has come to serve */
    bool is_restoring; /* a new worker has not yet come to serve what is kept */
    uint64_t drain_ms; /* how long exchanges may take to end, as the last worker told */
};

void opening_init(struct opening *opening);

/* A worker begins. */
void opening_rewind(struct opening *opening);

/* Takes one request from the channel and answers it. False: the other side is gone, or is not in
 * its right mind. */
bool opening_answer(struct opening *opening, int channel);

/* `for_good`: the supervisor ends; otherwise only this process's copies are closed. */
void opening_fini(struct opening *opening, bool for_good);
