#include "main/supervisor.h"

#include "base/assert.h"
#include "main/opening.h"
#include "obs/log.h"
#include "sys/asking_opener.h"
#include "sys/channel.h"
#include "sys/child.h"
#include "sys/clock.h"
#include "sys/signal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PAUSE_LEAST_MS = 100,    /* before the third start; before the second there is none */
    PAUSE_MOST_MS = 10000,   /* it doubles up to here */
    GOOD_SERVICE_MS = 60000, /* after so long a death counts as the first one */
    GRACE_MS = 10000,        /* how much longer than `timeouts.drain` a stop may take */
    WRITE_MS = 1000,         /* how long whoever reads standard error may hold us up */
    STANDARD_ERROR = 2,
};

struct supervisor {
    int (*work)(struct sys_opener *opener, const char *path);
    const char *path;
    struct opening opening;
    struct sys_child worker;
    int channel; /* to the worker; -1: there is none */
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

/* ---- the start of a worker */

/* In the new process. Nothing of the supervisor stays open here. */
static _Noreturn void become_worker(struct supervisor *supervisor, int channel, uint32_t process)
{
    log_stop();
    sys_close(supervisor->signals);
    opening_fini(&supervisor->opening, false);
    struct sys_opener *opener = sys_opener_asking(channel, process);
    int status = opener ? supervisor->work(opener, supervisor->path) : 1;
    if (opener)
        sys_opener_asking_free(opener);
    exit(status);
}

/* 0 or -errno. */
static int start_worker(struct supervisor *supervisor)
{
    int ends[2];
    supervisor->started_at = sys_monotonic_ms(); /* also where it fails: that is no good service */
    int error = sys_channel_open(ends);
    if (error)
        return error;
    opening_rewind(&supervisor->opening);
    uint32_t process = sys_process();
    int forked = sys_child_start(&supervisor->worker);
    if (forked == 0) {
        sys_close(ends[0]);
        become_worker(supervisor, ends[1], process);
    }
    sys_close(ends[1]);
    if (forked < 0) {
        sys_close(ends[0]);
        return forked;
    }
    supervisor->channel = ends[0];
    return 0;
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

static void close_channel(struct supervisor *supervisor)
{
    if (supervisor->channel >= 0)
        sys_close(supervisor->channel);
    supervisor->channel = -1;
}

static void see_to_end(struct supervisor *supervisor)
{
    struct sys_end end;
    int process = supervisor->worker.process;
    if (!sys_child_take_end(&supervisor->worker, &end))
        return;
    close_channel(supervisor);
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
        supervisor->kill_at = sys_monotonic_ms() + supervisor->opening.drain_ms + GRACE_MS;
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
    bool waits_to_start = supervisor->worker.process == 0;
    uint64_t until = waits_to_start ? supervisor->start_at : supervisor->kill_at;
    uint64_t now = sys_monotonic_ms();
    if (!waits_to_start && (until == 0 || until == UINT64_MAX))
        return -1;
    if (until <= now)
        return 0;
    return until - now < LONGEST_MS ? (int)(until - now) : LONGEST_MS;
}

static void turn(struct supervisor *supervisor)
{
    if (supervisor->worker.process == 0 && sys_monotonic_ms() >= supervisor->start_at)
        try_start(supervisor);
    if (supervisor->is_over)
        return;
    const int awaited[] = {supervisor->signals, supervisor->channel, supervisor->worker.descriptor};
    sys_await_readable(awaited, 3, patience(supervisor));
    take_signals(supervisor);
    if (supervisor->channel >= 0 && !opening_answer(&supervisor->opening, supervisor->channel))
        close_channel(supervisor);
    if (supervisor->worker.process > 0)
        see_to_kill(supervisor);
    if (supervisor->worker.process > 0)
        see_to_end(supervisor);
}

int supervise(int (*work)(struct sys_opener *opener, const char *path), const char *path)
{
    struct supervisor supervisor = {
        .work = work, .path = path, .worker.descriptor = -1, .channel = -1};
    (void)sys_raise_descriptor_limit();
    sys_signals_prepare();
    supervisor.signals = sys_signals_open(false);
    if (supervisor.signals < 0) {
        (void)fprintf(stderr, "weir: the system refuses descriptors\n");
        return 1;
    }
    log_start(&standard_error, LOG_NOTICE, sys_wall_ms);
    opening_init(&supervisor.opening);
    while (!supervisor.is_over)
        turn(&supervisor);
    opening_fini(&supervisor.opening, true);
    log_stop();
    sys_close(supervisor.signals);
    return supervisor.status;
}
