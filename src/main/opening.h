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

#include "main/crew.h"
#include "main/kept_files.h"
#include "main/kept_listeners.h"
#include "main/upgrade.h"
#include "main/watch.h"
#include "sys/asking_opener.h"

struct opening {
    struct kept_listeners listeners;
    struct kept_files served;  /* the allowance of the configuration that is served */
    struct kept_files loading; /* of the one that is checked, and then loaded by the worker */
    struct opener_terms terms; /* of what is served */
    struct opener_terms loading_terms;
    bool is_vouched;    /* the checker finds `loading` right */
    bool awaits_worker; /* `loading` was checked before there was a worker to ask for it */
    bool wants_check;   /* a worker waits for a check */
    bool wants_renewal; /* and has asked for a renewal */
    bool is_renewing;   /* `loading` is `served` with what is watched read again */
    struct watch watch;
    enum crew_role who_waits;
    bool is_loading;   /* the worker reads `loading` */
    bool has_served;   /* some worker has come to serve */
    bool is_restoring; /* a new worker has not yet come to serve what is kept */
    bool is_awaiting;  /* a worker that is to follow the one that serves does not yet serve */
    struct upgrade *upgrade;
};

/* `upgrade` is what workers ask for and about; it must outlive this. */
void opening_init(struct opening *opening, struct upgrade *upgrade);

/* A worker begins that serves what was served before. */
void opening_rewind(struct opening *opening);

/* A worker begins that is to follow the one that serves, on the same sockets, with the
 * configuration as it is now. Until it has come to serve, or opening_stop_awaiting says that it
 * will not, the other one may load nothing. */
void opening_await(struct opening *opening);
void opening_stop_awaiting(struct opening *opening);

/* Takes one request from the channel of a worker, who may ask for what is its role's, and answers
 * it; but where `wants_check` is set by that, opening_end_check answers. `*ret_done` is what was
 * asked for and done, OPENER_QUESTION_COUNT: nothing. False: the other side is gone, or is not in
 * its right mind. */
bool opening_answer(struct opening *opening, int channel, enum crew_role role,
                    enum opener_question *ret_done);

/* A checker begins. */
void opening_begin_check(struct opening *opening);

/* Takes one request of the checker and answers it. False: as above. */
bool opening_answer_checker(struct opening *opening, int channel);

/* The checker has ended. A worker that waits for that is told over `channel` (-1: there is none):
 * that it may load what was read, right or wrong, or (`error` is -errno) that the checker did not
 * come to its end. */
void opening_end_check(struct opening *opening, int channel, int error);

/* Writes what is kept into an estate, 0 or -errno; and takes a record from one. False: it is
 * malformed, or there is no memory. Records of others are passed over. */
int opening_write(const struct opening *opening, int file);
bool opening_read(struct opening *opening, struct slice key, struct slice value);

/* `for_good`: the supervisor ends; otherwise only this process's copies are closed, and those of
 * what is kept overwritten. */
void opening_fini(struct opening *opening, bool for_good);
