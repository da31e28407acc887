/* The control loop: what runs beside the traffic, on the main thread. Signals come to it, the admin
 * side is answered by it, reloads are made by it, and it sees to it that the worker comes to its
 * end. Belongs to the main thread. */
#pragma once

#include "loop/socket.h"
#include "loop/timer.h"
#include "main/reload.h"
#include "main/worker.h"

#include <stdio.h>

struct control {
    struct loop *loop;
    struct worker *worker;
    const struct reload *reload; /* NULL: there is no file to be read again */
    struct sys_opener *opener;
    uint32_t supervisor; /* its process; 0: there is none */
    struct reload_history history;
    struct admin *admin;
    struct health *health;
    struct follower *follower;
    struct stapler *stapler;
    struct warner *warner;
    int64_t started;           /* seconds since 1970 */
    uint64_t started_ms;       /* of the monotonic clock */
    int signals;               /* the descriptor through which they come */
    struct acceptor on_signal; /* tells that one waits */
    struct timer watch;        /* every second: whether the loops still turn */
    struct timer renewal;      /* now and then: whether certificates have changed */
    struct timer rest;         /* now and then: what is not needed any more goes */
    struct timer drain;        /* while it stops: looks whether everything has come to its end */
    uint64_t drain_look;       /* how long until it looks again, in milliseconds */
    uint64_t drain_until;      /* milliseconds of the loop's clock; 0: it does not stop */
    bool is_leaving;           /* for another worker, which serves */
    bool is_closed;            /* nobody is accepted any more, and its sockets are closed */
    bool is_over;
};

/* The worker must have been made; it need not run yet. False: no memory, or no descriptors; nothing
 * is left behind. */
bool control_init(struct control *control, struct worker *worker, const struct reload *reload,
                  struct sys_opener *opener);

/* Runs until the worker is to be freed: a signal or somebody on the admin side asked to stop, and
 * what ran came to its end or was cut. The worker runs. */
void control_run(struct control *control);

/* Loads the configuration anew; there is a file. `told` gets the outcome in words, and all that is
 * wrong; it may be NULL. False: the one before stays. */
bool control_reload(struct control *control, FILE *told);

/* Begins to stop: what runs may end, for `timeouts.drain` at most. Asked again, cuts what is left.
 */
void control_stop(struct control *control);

/* Another worker serves on the same sockets: nobody new is accepted, and who is there may stay as
 * long as `timeouts.drain` says: also to ask once more, so that no request is lost that was sent
 * before its sender could know. */
void control_leave(struct control *control);

void control_fini(struct control *control);
