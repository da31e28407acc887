/* The supervisor's side of sys/asking_opener.h: opens what the worker asks for, keeps what the next
 * worker will need, and answers that one from what was kept. One thread.
 *
 * A worker faces everybody, so its word counts for little. What it may ask for is its *allowance*:
 * what a configuration names, and not what the worker says that it names. So each time a
 * configuration is loaded, a *checker* does it first (main/checker.h), a process that nobody from
 * outside has spoken to. What it reads is kept, and the worker gets those bytes; of the addresses
 * and logs that it asks for the names are kept, and the worker is given these. Names are compared
 * as texts and never opened on a worker's word: there is no other way to write one, no link and no
 * `..` to be resolved. */
#pragma once

#include "main/kept_files.h"
#include "main/kept_listeners.h"
#include "sys/asking_opener.h"

struct opening {
    struct kept_listeners listeners;
    struct kept_files served;  /* the allowance of the configuration that is served */
    struct kept_files loading; /* of the one that is checked, and then loaded by the worker */
    struct opener_terms terms; /* of what is served */
    struct opener_terms loading_terms;
    bool is_vouched;    /* the checker finds `loading` right */
    bool awaits_worker; /* `loading` was checked before there was a worker to ask for it */
    bool wants_check;   /* the worker waits for a check */
    bool is_loading;    /* the worker reads `loading` */
    bool has_served;    /* some worker has come to serve */
    bool is_restoring;  /* a new worker has not yet come to serve what is kept */
};

void opening_init(struct opening *opening);

/* A worker begins. */
void opening_rewind(struct opening *opening);

/* Takes one request of the worker from the channel and answers it; but where `wants_check` is set
 * by that, opening_end_check answers. False: the other side is gone, or is not in its right mind.
 */
bool opening_answer(struct opening *opening, int channel);

/* A checker begins. */
void opening_begin_check(struct opening *opening);

/* Takes one request of the checker and answers it. False: as above. */
bool opening_answer_checker(struct opening *opening, int channel);

/* The checker has ended. A worker that waits for that is told over `channel` (-1: there is none):
 * that it may load what was read, right or wrong, or (`error` is -errno) that the checker did not
 * come to its end. */
void opening_end_check(struct opening *opening, int channel, int error);

/* `for_good`: the supervisor ends; otherwise only this process's copies are closed. */
void opening_fini(struct opening *opening, bool for_good);
