#include "main/control.h"

#include "base/assert.h"
#include "control/admin.h"
#include "control/log_writer.h"
#include "control/stapler.h"
#include "control/warner.h"
#include "main/endpoints.h"
#include "main/registries.h"
#include "net/timeouts.h"
#include "obs/log.h"
#include "sys/clock.h"
#include "sys/signal.h"
#include "sys/socket.h"
#include "upstream/follower.h"
#include "upstream/health.h"
#include "upstream/roster.h"

#include <stdio.h>

enum {
    DRAIN_LOOK_LEAST_MS = 1, /* where nothing runs the first look finds that; then it doubles */
    DRAIN_LOOK_MOST_MS = 20,
    REST_LOOK_MS = 5000,
    WATCH_MS = 1000,
    RENEWAL_LOOK_MS = 1000,
};

/* How long exchanges may take to end when it stops, in milliseconds. */
static uint64_t drain_time(const struct control *control)
{
    const struct configuration *configuration = worker_snapshot(control->worker)->configuration;
    const struct timeouts *timeouts =
        scope_group(configuration, configuration->top, &timeouts_group);
    return (uint64_t)timeouts->drain;
}

/* ---- the end */

/* Who comes now is to be refused at once, or to come to the worker that serves: in a queue from
 * which nobody accepts he would wait for our end. */
static void close_listeners(struct control *control)
{
    if (control->is_closed || !worker_is_closed(control->worker))
        return;
    control->is_closed = true;
    worker_close_listeners(control->worker);
    if (control->is_leaving)
        control->opener->tell_left(control->opener);
}

static void look_again(struct control *control)
{
    uint64_t next = 2 * control->drain_look;
    timer_set(control->loop, &control->drain, control->drain_look);
    control->drain_look = next < DRAIN_LOOK_MOST_MS ? next : DRAIN_LOOK_MOST_MS;
}

static void begin_to_look(struct control *control)
{
    control->drain_look = DRAIN_LOOK_LEAST_MS;
    look_again(control);
}

static void on_drain(struct timer *timer)
{
    struct control *control = CONTAINER_OF(timer, struct control, drain);
    close_listeners(control);
    if (worker_is_done(control->worker))
        control->is_over = true;
    else if (loop_now(control->loop) >= control->drain_until)
        control_stop(control);
    else
        look_again(control);
}

void control_stop(struct control *control)
{
    if (control->drain_until > 0) {
        worker_abort(control->worker);
        control->is_over = true;
        return;
    }
    (void)fprintf(stderr, "weir: stopping\n");
    control->drain_until = loop_now(control->loop) + drain_time(control);
    warner_stop(control->warner);
    worker_drain(control->worker);
    begin_to_look(control);
}

void control_leave(struct control *control)
{
    if (control->drain_until > 0)
        return;
    log_event(LOG_NOTICE, "another worker serves; this one ends what it has begun");
    control->is_leaving = true;
    control->drain_until = loop_now(control->loop) + drain_time(control);
    warner_stop(control->warner);
    admin_leave(control->admin);
    worker_leave(control->worker);
    begin_to_look(control);
}

/* ---- what comes */

/* Servers and responders of the snapshot that is served. */
static void begin_to_ask(struct control *control)
{
    struct snapshot *snapshot = worker_snapshot(control->worker);
    health_take(control->health, snapshot);
    stapler_take(control->stapler, snapshot);
}

static void take_published(struct control *control, bool is_renewal)
{
    begin_to_ask(control);
    warner_take(control->warner, worker_snapshot(control->worker), !is_renewal);
    worker_tidy(control->worker); /* nobody may hold the one before any more */
    worker_rest(control->worker);
}

bool control_reload(struct control *control, FILE *told)
{
    ASSERT(control->reload);
    if (!reload_run(control->reload, control->worker, control->admin, &control->history, told))
        return false;
    take_published(control, false);
    return true;
}

/* The supervisor answers more often than it looks (watch_look_paced). */
static void on_renewal_look(struct timer *timer)
{
    struct control *control = CONTAINER_OF(timer, struct control, renewal);
    if (control->drain_until > 0)
        return;
    if (control->opener->has_renewal(control->opener) &&
        reload_renew(control->reload, control->worker, control->admin))
        take_published(control, true);
    timer_set(control->loop, &control->renewal, RENEWAL_LOOK_MS);
}

static void on_rest(struct timer *timer)
{
    struct control *control = CONTAINER_OF(timer, struct control, rest);
    worker_rest(control->worker);
    timer_set(control->loop, &control->rest, REST_LOOK_MS);
}

static void on_watch(struct timer *timer)
{
    struct control *control = CONTAINER_OF(timer, struct control, watch);
    worker_tidy(control->worker);
    if (worker_watch(control->worker))
        control->opener->tell_alive(control->opener);
    timer_set(control->loop, &control->watch, WATCH_MS);
}

static void obey(struct control *control, enum sys_signal signal)
{
    switch (signal) {
    case SYS_SIGNAL_STOP:
        control_stop(control);
        break;
    case SYS_SIGNAL_RELOAD:
        if (control->reload)
            (void)control_reload(control, NULL);
        break;
    case SYS_SIGNAL_REOPEN:
        if (control->reload)
            log_writer_reopen(control->reload->registries->log_writer);
        break;
    case SYS_SIGNAL_UPGRADE:
        if (control->supervisor > 0)
            control_leave(control);
        else
            log_event(LOG_WARNING, "a Weir of one process cannot be upgraded; restart it");
        break;
    case SYS_SIGNAL_NONE:
        break;
    }
}

static void on_signal(struct acceptor *acceptor)
{
    struct control *control = CONTAINER_OF(acceptor, struct control, on_signal);
    enum sys_signal signal;
    while ((signal = sys_signals_take(control->signals)) != SYS_SIGNAL_NONE)
        obey(control, signal);
}

void control_run(struct control *control)
{
    ASSERT(control->loop && !control->is_over);
    begin_to_ask(control);
    warner_take(control->warner, worker_snapshot(control->worker), true);
    timer_set(control->loop, &control->rest, REST_LOOK_MS);
    timer_set(control->loop, &control->watch, WATCH_MS);
    if (control->reload)
        timer_set(control->loop, &control->renewal, RENEWAL_LOOK_MS);
    while (!control->is_over)
        loop_turn(control->loop, -1);
}

/* ---- life */

bool control_init(struct control *control, struct worker *worker, const struct reload *reload,
                  struct sys_opener *opener)
{
    *control = (struct control){.worker = worker, .reload = reload, .signals = -1};
    control->opener = opener;
    control->supervisor = opener->process;
    control->started = sys_wall_seconds();
    control->started_ms = sys_monotonic_ms();
    timer_init(&control->rest, on_rest);
    timer_init(&control->watch, on_watch);
    timer_init(&control->drain, on_drain);
    timer_init(&control->renewal, on_renewal_look);
    control->loop = loop_new();
    if (!control->loop)
        return false;
    control->admin = admin_new(control->loop, opener, endpoints, control);
    control->health = health_new(control->loop, worker_servers(worker));
    control->stapler = stapler_new(control->loop, worker_servers(worker));
    if (control->health)
        roster_tell(worker_roster(worker), control->health);
    control->follower = follower_new(control->loop, worker_roster(worker));
    worker_set_follower(worker, control->follower);
    control->signals = sys_signals_open(control->supervisor > 0);
    control->warner = warner_new(control->loop);
    if (control->admin && control->health && control->stapler && control->follower &&
        control->warner && control->signals >= 0 &&
        acceptor_init(&control->on_signal, control->loop, control->signals, on_signal))
        return true;
    control_fini(control);
    return false;
}

void control_fini(struct control *control)
{
    if (!control->loop)
        return;
    /* The loop turns once more for the admin side, and the worker may be gone. */
    timer_fini(&control->rest);
    timer_fini(&control->watch);
    timer_fini(&control->drain);
    timer_fini(&control->renewal);
    if (control->on_signal.on_news)
        acceptor_fini(&control->on_signal);
    if (control->signals >= 0)
        sys_close(control->signals);
    health_free(control->health);
    stapler_free(control->stapler);
    warner_free(control->warner);
    admin_free(control->admin);
    loop_free(control->loop);
    follower_free(control->follower);
    *control = (struct control){0};
}
