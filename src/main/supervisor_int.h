/* What the files of the supervisor share: supervisor.c (what comes, and in which order it is seen
 * to), supervisor_worker.c, supervisor_checker.c and supervisor_upgrade.c. One thread. */
#pragma once

#include "main/crew.h"
#include "main/inheritance.h"
#include "main/opening.h"
#include "main/service.h"
#include "main/supervisor.h"
#include "main/upgrade.h"
#include "obs/log_sink.h"

#include <stdatomic.h>

enum {
    GRACE_MS = 10000, /* how much longer than `timeouts.drain` a stop may take */
};

struct supervisor {
    const struct supervised *supervised;
    const char *path;
    struct opening opening;
    struct upgrade upgrade;
    struct crew crew;
    struct service service;
    struct sys_child checker;
    int checker_channel;   /* -1: there is none */
    atomic_int *forbidden; /* the system call for which a worker was ended; -1: none */
    uint64_t checker_until;
    bool checker_is_forgotten; /* nobody waits for what it finds */
    int signals;
    uint64_t started_at; /* the last worker, or tried to be; milliseconds */
    uint64_t start_at;   /* the next one, while there is none */
    uint64_t pause_ms;   /* before the next start */
    bool is_ending;      /* no worker is started any more */
    bool was_told;       /* to stop */
    int status;
};

/* Standard error, which is the log of this process. */
extern struct log_sink supervisor_standard_error;

/* As soon as all workers have ended, this process ends with the status. */
void supervisor_finish(struct supervisor *supervisor, int status);

/* Asks all workers to stop. What serves may end what it has begun; who does not serve yet has begun
 * nothing. Asked again (`is_second`), they cut what is left. */
void supervisor_stop_crew(struct supervisor *supervisor, bool is_second);

/* From now on, where nothing else was said before. */
void supervisor_limit_life(struct crew_member *member, uint64_t most_ms);

void supervisor_close_descriptor(int *descriptor);

/* 1 in this process; 0 in the new one, with what to ask (NULL: no memory); -errno. */
int supervisor_start_process(struct supervisor *supervisor, struct sys_child *ret_child,
                             int *ret_channel, struct sys_opener **ret_opener);

/* The end of such a new one. */
_Noreturn void supervisor_end_process(struct sys_opener *opener, int status);

/* ---- the checker */

/* Starts it. Where the system refuses, that is its outcome. */
void supervisor_try_check(struct supervisor *supervisor);

/* The worker that waited for it is gone. */
void supervisor_forget_checker(struct supervisor *supervisor);

/* Starts one that is wanted; answers it; ends one that takes too long; takes what it found. */
void supervisor_see_to_checker(struct supervisor *supervisor);

void supervisor_leave_no_core(const struct sys_rights *rights);

/* ---- the workers */

/* 0 or -errno. */
int supervisor_start_worker(struct supervisor *supervisor, enum crew_role role);

bool supervisor_has_worker(struct supervisor *supervisor);

/* Whether there is something to serve, and nobody who does: not before the first check has come to
 * its end. */
bool supervisor_may_start(struct supervisor *supervisor);

/* The next start comes at once after good service, later and later after bad. */
void supervisor_plan_start(struct supervisor *supervisor);

/* Starts the one that serves, or plans to, or gives up where none has served yet. */
void supervisor_try_start(struct supervisor *supervisor);

/* Whether it lives, is to be ended, or has ended, and what follows from that. */
void supervisor_see_to_worker(struct supervisor *supervisor, struct crew_member *member);

/* When it has been silent for too long, in milliseconds of the clock; UINT64_MAX: it need not give
 * a sign. */
uint64_t supervisor_silent_at(const struct supervisor *supervisor,
                              const struct crew_member *member);

/* Whether what serves has given a sign of life of late. Where there is no worker that could, it is
 * being started, and all is well. */
bool supervisor_is_well(struct supervisor *supervisor);

/* This process was paused for so long, and so were the workers. */
void supervisor_forgive(struct supervisor *supervisor, uint64_t paused_ms);

/* ---- an upgrade */

void supervisor_begin_upgrade(struct supervisor *supervisor);

void supervisor_see_to_upgrade(struct supervisor *supervisor);

/* Starts the worker that is to follow the one that serves. */
void supervisor_start_newcomer(struct supervisor *supervisor);

/* It serves, so the one before may leave. */
void supervisor_change_places(struct supervisor *supervisor, struct crew_member *newcomer);

/* Whether this process must not become the new program now. */
bool supervisor_must_stay(struct supervisor *supervisor);

/* Goes back to what served before. */
void supervisor_fail_upgrade(struct supervisor *supervisor, const char *problem);

/* What this process would leave to the next program, or takes over from the one before. */
struct inheritance supervisor_inheritance_of(struct supervisor *supervisor);
