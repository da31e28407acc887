#include "main/supervisor.h"

#include "main/foreign_sockets.h"
#include "main/privileges.h"
#include "main/supervisor_int.h"
#include "obs/log.h"
#include "sys/clock.h"
#include "sys/sandbox.h"
#include "sys/signal.h"

#include <stdio.h>

enum {
    PAUSED_MS = 2000, /* woken so much too late, this process itself was paused */
    WRITE_MS = 1000,  /* how long whoever reads standard error may hold us up */
    STANDARD_ERROR = 2,
};

static void write_line(struct log_sink *sink, enum log_severity severity, struct slice line)
{
    (void)sink;
    (void)severity;
    (void)sys_write(STANDARD_ERROR, &line, WRITE_MS);
}

struct log_sink supervisor_standard_error = {.write = write_line};
/* ---- the end */

void supervisor_limit_life(struct crew_member *member, uint64_t most_ms)
{
    if (member->kill_at == 0)
        member->kill_at = sys_monotonic_ms() + most_ms;
}

/* What serves may end what it has begun; who does not serve yet has begun nothing. Asked again,
 * they cut what is left. */
void supervisor_stop_crew(struct supervisor *supervisor, bool is_second)
{
    for (unsigned i = 0; i < CREW_MAX; i++) {
        struct crew_member *member = &supervisor->crew.members[i];
        if (member->role == CREW_NONE)
            continue;
        if (member->role != CREW_LEAVES || is_second)
            sys_child_signal(&member->child, SYS_SIGNAL_STOP);
        supervisor_limit_life(member,
                              (member->role == CREW_COMES ? 0 : member->drain_ms) + GRACE_MS);
    }
}

/* As soon as all workers have ended, this process ends with the status. */
void supervisor_finish(struct supervisor *supervisor, int status)
{
    if (!supervisor->is_ending)
        service_tell_stopping(&supervisor->service);
    supervisor->is_ending = true;
    supervisor->status = status;
    upgrade_stop(&supervisor->upgrade);
}

static void stop(struct supervisor *supervisor)
{
    bool is_second = supervisor->was_told;
    supervisor->was_told = true;
    supervisor_finish(supervisor, 0);
    supervisor_stop_crew(supervisor, is_second);
}

/* The worker was asked to stop, and does so. */
static void let_stop(struct supervisor *supervisor, struct crew_member *member)
{
    const struct crew_member *newcomer = crew_find(&supervisor->crew, CREW_COMES);
    supervisor_finish(supervisor, 0);
    supervisor_limit_life(member, member->drain_ms + GRACE_MS);
    if (newcomer)
        sys_child_signal(&newcomer->child, SYS_SIGNAL_STOP);
}

static bool is_over(const struct supervisor *supervisor)
{
    return supervisor->is_ending && crew_count(&supervisor->crew, CREW_NONE) == CREW_MAX;
}

/* ---- what comes */

static void pass_on(struct supervisor *supervisor, enum sys_signal signal)
{
    if (!crew_find(&supervisor->crew, CREW_SERVES))
        log_event(LOG_WARNING, "a signal found no worker; send it again when one serves");
    for (unsigned i = 0; i < CREW_MAX; i++) {
        const struct crew_member *member = &supervisor->crew.members[i];
        if (member->role == CREW_SERVES ||
            (member->role != CREW_NONE && signal == SYS_SIGNAL_REOPEN))
            sys_child_signal(&member->child, signal);
    }
}

static void take_signals(struct supervisor *supervisor)
{
    enum sys_signal signal;
    while ((signal = sys_signals_take(supervisor->signals)) != SYS_SIGNAL_NONE) {
        if (signal == SYS_SIGNAL_STOP)
            stop(supervisor);
        else if (signal == SYS_SIGNAL_UPGRADE)
            supervisor_begin_upgrade(supervisor);
        else
            pass_on(supervisor, signal);
    }
}

static void answer(struct supervisor *supervisor, struct crew_member *member)
{
    enum opener_question done;
    if (member->channel < 0)
        return;
    if (!opening_answer(&supervisor->opening, member->channel, member->role, &done))
        crew_close_channel(member);
    if (done != OPENER_QUESTION_COUNT && member->alive_at > 0)
        member->alive_at = sys_monotonic_ms();
    if (done == OPENER_KEEP_LOADED) {
        member->drain_ms = supervisor->opening.terms.drain_ms;
        member->alive_at = sys_monotonic_ms();
    }
    if ((done == OPENER_KEEP_LOADED || done == OPENER_DROP_LOADED) && !supervisor->is_ending)
        service_tell_ready(&supervisor->service);
    if (done == OPENER_KEEP_LOADED && supervisor->upgrade.step == UPGRADE_STARTS)
        supervisor_change_places(supervisor, member);
    else if (done == OPENER_LEFT && member->role == CREW_LEAVES)
        upgrade_left(&supervisor->upgrade);
    else if (done == OPENER_STOPS && member->role == CREW_SERVES)
        let_stop(supervisor, member);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* How long nothing happens by itself; -1: for ever. */
static int patience(struct supervisor *supervisor)
{
    enum { LONGEST_MS = 3600 * 1000 };
    uint64_t until = service_next_sign(&supervisor->service);
    if (supervisor->upgrade.step != UPGRADE_TRIED || !supervisor_must_stay(supervisor))
        until = earlier(until, upgrade_next_look(&supervisor->upgrade));
    if (supervisor_may_start(supervisor))
        until = earlier(until, supervisor->start_at);
    if (supervisor->checker.process > 0)
        until = earlier(until, supervisor->checker_until);
    for (unsigned i = 0; i < CREW_MAX; i++) {
        const struct crew_member *member = &supervisor->crew.members[i];
        if (member->role != CREW_NONE && member->kill_at > 0)
            until = earlier(until, member->kill_at);
        until = earlier(until, supervisor_silent_at(supervisor, member));
    }
    uint64_t now = sys_monotonic_ms();
    if (until == UINT64_MAX)
        return -1;
    return until <= now ? 0 : (int)earlier(until - now, LONGEST_MS);
}

static void await_news(struct supervisor *supervisor)
{
    int awaited[2 * CREW_MAX + 4];
    unsigned count = 0;
    awaited[count++] = supervisor->signals;
    awaited[count++] = supervisor->upgrade.errand.descriptor;
    awaited[count++] = supervisor->checker.descriptor;
    awaited[count++] = supervisor->checker_channel;
    for (unsigned i = 0; i < CREW_MAX; i++) {
        awaited[count++] = supervisor->crew.members[i].channel;
        awaited[count++] = supervisor->crew.members[i].child.descriptor;
    }
    uint64_t before = sys_monotonic_ms();
    int most_ms = patience(supervisor);
    sys_await_readable(awaited, count, most_ms);
    uint64_t waited = sys_monotonic_ms() - before;
    if (most_ms >= 0 && waited > (uint64_t)most_ms + PAUSED_MS)
        supervisor_forgive(supervisor, waited - (uint64_t)most_ms);
}

static void turn(struct supervisor *supervisor)
{
    if (supervisor_may_start(supervisor) && sys_monotonic_ms() >= supervisor->start_at)
        supervisor_try_start(supervisor);
    if (is_over(supervisor))
        return;
    await_news(supervisor);
    take_signals(supervisor);
    for (unsigned i = 0; i < CREW_MAX; i++) {
        struct crew_member *member = &supervisor->crew.members[i];
        answer(supervisor, member);
        supervisor_see_to_worker(supervisor, member);
    }
    supervisor_see_to_checker(supervisor);
    supervisor_see_to_upgrade(supervisor);
    service_look(&supervisor->service, supervisor_is_well(supervisor));
}

/* ---- the whole */

/* Where another version was this process before, its work goes on; otherwise all begins. False:
 * what was left cannot be read, which was tried before, or a descriptor is missing. */
static bool begin(struct supervisor *supervisor)
{
    const struct inheritance inheritance = supervisor_inheritance_of(supervisor);
    int estate = inheritance_find();
    if (estate < 0) {
        service_init(&supervisor->service);
        foreign_sockets_take(&supervisor->opening.listeners);
        supervisor_try_check(supervisor);
        return true;
    }
    privileges_standard(&supervisor->opening.terms.rights);
    if (!inheritance_take(&inheritance, estate))
        return false;
    supervisor_leave_no_core(&supervisor->opening.terms.rights);
    struct crew_member *serving = crew_find(&supervisor->crew, CREW_SERVES);
    if (serving)
        serving->alive_at = sys_monotonic_ms();
    upgrade_resume(&supervisor->upgrade);
    supervisor_start_newcomer(supervisor);
    return true;
}

static int begin_and_run(struct supervisor *supervisor)
{
    (void)sys_raise_descriptor_limit();
    sys_signals_prepare();
    supervisor->signals = sys_signals_open(false);
    supervisor->forbidden = sys_shared_number();
    if (supervisor->signals < 0 || !supervisor->forbidden) {
        (void)fprintf(stderr, "weir: the system refuses descriptors or memory\n");
        return 1;
    }
    log_start(&supervisor_standard_error, LOG_NOTICE, sys_wall_ms);
    if (begin(supervisor)) {
        while (!is_over(supervisor))
            turn(supervisor);
    } else {
        (void)fprintf(stderr, "weir: what the version before has left cannot be read\n");
        supervisor->status = 1;
    }
    supervisor_forget_checker(supervisor);
    log_stop();
    sys_close(supervisor->signals);
    return supervisor->status;
}

int supervise(const struct supervised *supervised, const char *path)
{
    struct supervisor supervisor = {
        .supervised = supervised, .path = path, .checker.descriptor = -1, .checker_channel = -1};
    crew_init(&supervisor.crew);
    upgrade_init(&supervisor.upgrade, path);
    opening_init(&supervisor.opening, &supervisor.upgrade);
    int status = begin_and_run(&supervisor);
    opening_fini(&supervisor.opening, true);
    crew_leave(&supervisor.crew);
    return status;
}

int supervisor_try_estate(int file)
{
    struct upgrade upgrade;
    struct opening opening;
    struct crew crew;
    struct service service = {0};
    const struct inheritance inheritance = {NULL, &opening, &upgrade, &crew, &service};
    crew_init(&crew);
    upgrade_init(&upgrade, NULL);
    opening_init(&opening, &upgrade);
    bool good = inheritance_read(&inheritance, file);
    opening_fini(&opening, false);
    (void)fputs(good ? UPGRADE_GREETING WEIR_VERSION "\n"
                     : "weir run: version " WEIR_VERSION
                       " cannot read what the running one would leave to it\n",
                good ? stdout : stderr);
    return good ? 0 : 1;
}
