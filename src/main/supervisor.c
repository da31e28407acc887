#include "main/supervisor.h"

#include "base/assert.h"
#include "main/opening.h"
#include "obs/log.h"
#include "sys/asking_opener.h"
#include "sys/channel.h"
#include "sys/child.h"
#include "sys/clock.h"
#include "sys/signal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PAUSE_LEAST_MS = 100,    /* before the third start; before the second there is none */
    PAUSE_MOST_MS = 10000,   /* it doubles up to here */
    GOOD_SERVICE_MS = 60000, /* after so long a death counts as the first one */
    GRACE_MS = 10000,        /* how much longer than `timeouts.drain` a stop may take */
    CHECK_MS = 60000,        /* how long a check of the configuration may take */
    WRITE_MS = 1000,         /* how long whoever reads standard error may hold us up */
    STANDARD_ERROR = 2,
};

struct supervisor {
    const struct supervised *supervised;
    const char *path;
    struct opening opening;
    struct sys_child worker, checker;
    int channel, checker_channel; /* to them; -1: there is none */
    uint64_t checker_until;
    bool checker_is_forgotten; /* nobody waits for what it finds */
    int signals;
    uint64_t started_at; /* the worker, or tried to be; milliseconds */
    uint64_t start_at;   /* the next one, while there is none */
    uint64_t kill_at;    /* when it stops; 0: it does not */
    uint64_t pause_ms;   /* before the next start */
    bool is_over;
    int status;
};

static void write_line(struct log_sink *sink, enum log_severity severity, struct slice line)
{
    (void)sink;
    (void)severity;
    (void)sys_write(STANDARD_ERROR, &line, WRITE_MS);
}

static struct log_sink standard_error = {.write = write_line};

static void finish(struct supervisor *supervisor, int status)
{
    supervisor->is_over = true;
    supervisor->status = status;
}

/* ---- the start of a process */

static void close_descriptor(int *descriptor)
{
    if (*descriptor >= 0)
        sys_close(*descriptor);
    *descriptor = -1;
}

/* In a new process: nothing of the supervisor stays open here. */
static void leave(struct supervisor *supervisor)
{
    log_stop();
    close_descriptor(&supervisor->signals);
    close_descriptor(&supervisor->channel);
    close_descriptor(&supervisor->checker_channel);
    close_descriptor(&supervisor->worker.descriptor);
    close_descriptor(&supervisor->checker.descriptor);
    opening_fini(&supervisor->opening, false);
}

/* 1 in this process; 0 in the new one, with what to ask (NULL: no memory); -errno. */
static int start_process(struct supervisor *supervisor, struct sys_child *ret_child,
                         int *ret_channel, struct sys_opener **ret_opener)
{
    int ends[2];
    int error = sys_channel_open(ends);
    if (error)
        return error;
    uint32_t process = sys_process();
    int forked = sys_child_start(ret_child);
    if (forked == 0) {
        sys_close(ends[0]);
        leave(supervisor);
        *ret_opener = sys_opener_asking(ends[1], process, sys_user());
        return 0;
    }
    sys_close(ends[1]);
    if (forked > 0)
        *ret_channel = ends[0];
    else
        sys_close(ends[0]);
    return forked;
}

static _Noreturn void end_process(struct sys_opener *opener, int status)
{
    if (opener)
        sys_opener_asking_free(opener);
    exit(status);
}

/* ---- the checker */

/* 0 or -errno. */
static int start_checker(struct supervisor *supervisor)
{
    struct sys_opener *opener = NULL;
    bool tells = !supervisor->opening.has_served;
    opening_begin_check(&supervisor->opening);
    int started =
        start_process(supervisor, &supervisor->checker, &supervisor->checker_channel, &opener);
    if (started == 0)
        end_process(opener,
                    opener ? supervisor->supervised->check(opener, supervisor->path, tells) : 1);
    supervisor->checker_until = sys_monotonic_ms() + CHECK_MS;
    supervisor->checker_is_forgotten = false;
    return started < 0 ? started : 0;
}

/* Where there is not yet anything to serve, a check that fails is the end. */
static void end_check(struct supervisor *supervisor, int error)
{
    bool is_first = !supervisor->opening.has_served;
    opening_end_check(&supervisor->opening, supervisor->channel, error);
    if (is_first && !supervisor->opening.is_vouched)
        finish(supervisor, 1);
}

static void try_check(struct supervisor *supervisor)
{
    int error = start_checker(supervisor);
    if (!error)
        return;
    log_event(LOG_ERROR, "the system refuses a process that checks the configuration",
              LOG_TEXT("problem", slice_from_text(strerrordesc_np(-error))));
    end_check(supervisor, error);
}

/* The worker that waited for it is gone. */
static void forget_checker(struct supervisor *supervisor)
{
    if (supervisor->checker.process == 0)
        return;
    sys_child_kill(&supervisor->checker);
    close_descriptor(&supervisor->checker_channel);
    supervisor->checker_is_forgotten = true;
}

static void see_to_checker_end(struct supervisor *supervisor)
{
    struct sys_end end;
    if (!sys_child_take_end(&supervisor->checker, &end))
        return;
    close_descriptor(&supervisor->checker_channel);
    if (supervisor->checker_is_forgotten)
        return;
    if (end.was_killed)
        log_event(LOG_ERROR, "the check of the configuration was ended by a signal",
                  LOG_TEXT("signal", slice_from_text(sys_signal_name(end.number))));
    end_check(supervisor, end.was_killed ? -ECANCELED : 0);
}

static void see_to_checker(struct supervisor *supervisor)
{
    if (supervisor->checker.process == 0 && supervisor->opening.wants_check)
        try_check(supervisor);
    if (supervisor->checker.process == 0)
        return;
    if (supervisor->checker_channel >= 0 &&
        !opening_answer_checker(&supervisor->opening, supervisor->checker_channel))
        close_descriptor(&supervisor->checker_channel);
    if (sys_monotonic_ms() >= supervisor->checker_until) {
        log_event(LOG_ERROR, "the check of the configuration takes too long; it is ended");
        sys_child_kill(&supervisor->checker);
        supervisor->checker_until = UINT64_MAX;
    }
    see_to_checker_end(supervisor);
}

/* ---- the start of a worker */

/* 0 or -errno. */
static int start_worker(struct supervisor *supervisor)
{
    struct sys_opener *opener = NULL;
    supervisor->started_at = sys_monotonic_ms(); /* also where it fails: that is no good service */
    opening_rewind(&supervisor->opening);
    int started = start_process(supervisor, &supervisor->worker, &supervisor->channel, &opener);
    if (started == 0)
        end_process(opener, opener ? supervisor->supervised->work(opener, supervisor->path) : 1);
    return started < 0 ? started : 0;
}

/* Whether there is something to serve: not before the first check has come to its end. */
static bool may_start(const struct supervisor *supervisor)
{
    return supervisor->worker.process == 0 &&
           (supervisor->opening.has_served || supervisor->opening.awaits_worker);
}

/* The next start comes at once after good service, later and later after bad. */
static void plan_start(struct supervisor *supervisor)
{
    uint64_t now = sys_monotonic_ms(), pause = supervisor->pause_ms;
    if (now - supervisor->started_at >= GOOD_SERVICE_MS)
        pause = 0;
    supervisor->start_at = now + pause;
    supervisor->pause_ms = pause == 0 ? PAUSE_LEAST_MS : 2 * pause;
    if (supervisor->pause_ms > PAUSE_MOST_MS)
        supervisor->pause_ms = PAUSE_MOST_MS;
    log_event(LOG_NOTICE, "a new worker is started with what was served before",
              LOG_NUMBER("milliseconds", pause));
}

static void try_start(struct supervisor *supervisor)
{
    int error = start_worker(supervisor);
    if (!error)
        return;
    log_event(LOG_ERROR, "the system refuses a process for the worker",
              LOG_TEXT("problem", slice_from_text(strerrordesc_np(-error))));
    if (supervisor->opening.has_served)
        plan_start(supervisor);
    else
        finish(supervisor, 1);
}

/* ---- its end */

static void tell_end(int process, const struct sys_end *end)
{
    if (end->was_killed)
        log_event(LOG_ERROR, "the worker was ended by a signal",
                  LOG_NUMBER("process", (uint64_t)process),
                  LOG_TEXT("signal", slice_from_text(sys_signal_name(end->number))));
    else if (end->number != 0)
        log_event(LOG_ERROR, "the worker has failed", LOG_NUMBER("process", (uint64_t)process),
                  LOG_NUMBER("status", (uint64_t)end->number));
}

static void see_to_end(struct supervisor *supervisor)
{
    struct sys_end end;
    int process = supervisor->worker.process;
    if (!sys_child_take_end(&supervisor->worker, &end))
        return;
    close_descriptor(&supervisor->channel);
    forget_checker(supervisor);
    bool was_first = !supervisor->opening.has_served;
    if (end.was_killed || !was_first)
        tell_end(process, &end);
    bool ended_by_itself = !end.was_killed && end.number == 0;
    if (ended_by_itself || was_first || supervisor->kill_at > 0)
        finish(supervisor, end.was_killed ? 1 : end.number);
    else
        plan_start(supervisor);
}

static void see_to_kill(struct supervisor *supervisor)
{
    if (supervisor->kill_at == 0 || sys_monotonic_ms() < supervisor->kill_at)
        return;
    log_event(LOG_ERROR, "the worker does not stop; it is ended");
    sys_child_kill(&supervisor->worker);
    supervisor->kill_at = UINT64_MAX;
}

/* ---- what comes */

static void pass_on(struct supervisor *supervisor, enum sys_signal signal)
{
    bool is_there = supervisor->worker.process > 0;
    if (is_there)
        sys_child_signal(&supervisor->worker, signal);
    if (signal == SYS_SIGNAL_STOP && !is_there)
        finish(supervisor, 0);
    else if (signal == SYS_SIGNAL_STOP && supervisor->kill_at == 0)
        supervisor->kill_at = sys_monotonic_ms() + supervisor->opening.terms.drain_ms + GRACE_MS;
    else if (!is_there)
        log_event(LOG_WARNING, "a signal found no worker; send it again when one serves");
}

static void take_signals(struct supervisor *supervisor)
{
    enum sys_signal signal;
    while ((signal = sys_signals_take(supervisor->signals)) != SYS_SIGNAL_NONE)
        pass_on(supervisor, signal);
}

/* How long nothing happens by itself; -1: for ever. */
static int patience(const struct supervisor *supervisor)
{
    enum { LONGEST_MS = 3600 * 1000 };
    uint64_t now = sys_monotonic_ms(), until = UINT64_MAX;
    if (may_start(supervisor))
        until = supervisor->start_at;
    else if (supervisor->kill_at > 0)
        until = supervisor->kill_at;
    if (supervisor->checker.process > 0 && supervisor->checker_until < until)
        until = supervisor->checker_until;
    if (until == UINT64_MAX)
        return -1;
    if (until <= now)
        return 0;
    return until - now < LONGEST_MS ? (int)(until - now) : LONGEST_MS;
}

static void turn(struct supervisor *supervisor)
{
    if (may_start(supervisor) && sys_monotonic_ms() >= supervisor->start_at)
        try_start(supervisor);
    if (supervisor->is_over)
        return;
    const int awaited[] = {supervisor->signals, supervisor->channel, supervisor->worker.descriptor,
                           supervisor->checker_channel, supervisor->checker.descriptor};
    sys_await_readable(awaited, sizeof(awaited) / sizeof(awaited[0]), patience(supervisor));
    take_signals(supervisor);
    if (supervisor->channel >= 0 && !opening_answer(&supervisor->opening, supervisor->channel))
        close_descriptor(&supervisor->channel);
    see_to_checker(supervisor);
    if (supervisor->worker.process > 0)
        see_to_kill(supervisor);
    if (supervisor->worker.process > 0)
        see_to_end(supervisor);
}

int supervise(const struct supervised *supervised, const char *path)
{
    struct supervisor supervisor = {.supervised = supervised,
                                    .path = path,
                                    .worker.descriptor = -1,
                                    .checker.descriptor = -1,
                                    .channel = -1,
                                    .checker_channel = -1};
    (void)sys_raise_descriptor_limit();
    sys_signals_prepare();
    supervisor.signals = sys_signals_open(false);
    if (supervisor.signals < 0) {
        (void)fprintf(stderr, "weir: the system refuses descriptors\n");
        return 1;
    }
    log_start(&standard_error, LOG_NOTICE, sys_wall_ms);
    opening_init(&supervisor.opening);
    try_check(&supervisor);
    while (!supervisor.is_over)
        turn(&supervisor);
    forget_checker(&supervisor);
    opening_fini(&supervisor.opening, true);
    log_stop();
    sys_close(supervisor.signals);
    return supervisor.status;
}
