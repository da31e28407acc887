#include "main/supervisor.h"

#include "base/assert.h"
#include "main/foreign_sockets.h"
#include "main/inheritance.h"
#include "main/privileges.h"
#include "obs/log.h"
#include "sys/channel.h"
#include "sys/clock.h"
#include "sys/program.h"
#include "sys/sandbox.h"
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
    ABORT_MS = 2000,         /* how long a worker that hangs may take to end itself */
    SIGN_MS = 2000,          /* within so long a worker that is well gives a sign of life */
    PAUSED_MS = 2000,        /* woken so much too late, this process itself was paused */
    WRITE_MS = 1000,         /* how long whoever reads standard error may hold us up */
    STANDARD_ERROR = 2,
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

static void write_line(struct log_sink *sink, enum log_severity severity, struct slice line)
{
    (void)sink;
    (void)severity;
    (void)sys_write(STANDARD_ERROR, &line, WRITE_MS);
}

static struct log_sink standard_error = {.write = write_line};

/* ---- the end */

static void limit_life(struct crew_member *member, uint64_t most_ms)
{
    if (member->kill_at == 0)
        member->kill_at = sys_monotonic_ms() + most_ms;
}

/* What serves may end what it has begun; who does not serve yet has begun nothing. Asked again,
 * they cut what is left. */
static void stop_crew(struct supervisor *supervisor, bool is_second)
{
    for (unsigned i = 0; i < CREW_MAX; i++) {
        struct crew_member *member = &supervisor->crew.members[i];
        if (member->role == CREW_NONE)
            continue;
        if (member->role != CREW_LEAVES || is_second)
            sys_child_signal(&member->child, SYS_SIGNAL_STOP);
        limit_life(member, (member->role == CREW_COMES ? 0 : member->drain_ms) + GRACE_MS);
    }
}

/* As soon as all workers have ended, this process ends with the status. */
static void finish(struct supervisor *supervisor, int status)
{
    if (!supervisor->is_ending)
        service_tell_stopping(&supervisor->service);
    supervisor->is_ending = true;
    supervisor->status = status;
    upgrade_fail(&supervisor->upgrade, "Weir stops");
}

static void stop(struct supervisor *supervisor)
{
    bool is_second = supervisor->was_told;
    supervisor->was_told = true;
    finish(supervisor, 0);
    stop_crew(supervisor, is_second);
}

/* The worker was asked to stop, and does so. */
static void let_stop(struct supervisor *supervisor, struct crew_member *member)
{
    const struct crew_member *newcomer = crew_find(&supervisor->crew, CREW_COMES);
    finish(supervisor, 0);
    limit_life(member, member->drain_ms + GRACE_MS);
    if (newcomer)
        sys_child_signal(&newcomer->child, SYS_SIGNAL_STOP);
}

static bool is_over(const struct supervisor *supervisor)
{
    return supervisor->is_ending && crew_count(&supervisor->crew, CREW_NONE) == CREW_MAX;
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
    close_descriptor(&supervisor->checker_channel);
    close_descriptor(&supervisor->checker.descriptor);
    crew_leave(&supervisor->crew);
    upgrade_leave(&supervisor->upgrade);
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
    sys_channel_refuse_descriptors(ends[0]);
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
    if (supervisor->opening.has_served && !supervisor->opening.is_awaiting)
        service_tell_reloading(&supervisor->service);
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

static void leave_no_core(const struct sys_rights *rights)
{
    if (!rights->core_dumps)
        sys_leave_no_core();
}

/* The first check tells what the worker will be. */
static void end_first_check(struct supervisor *supervisor)
{
    const struct sys_rights *rights = &supervisor->opening.loading_terms.rights;
    if (!supervisor->opening.is_vouched) {
        finish(supervisor, 1);
        return;
    }
    privileges_tell(rights);
    leave_no_core(rights);
}

/* Where there is not yet anything to serve, a check that fails is the end. */
static void end_check(struct supervisor *supervisor, int error)
{
    bool is_first = !supervisor->opening.has_served;
    const struct crew_member *waits = crew_find(&supervisor->crew, supervisor->opening.who_waits);
    opening_end_check(&supervisor->opening, waits ? waits->channel : -1, error);
    if (is_first)
        end_first_check(supervisor);
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

/* In the new process, where its own log does not run yet. */
static bool drop_privileges(const struct supervisor *supervisor, uint32_t process)
{
    const struct opening *opening = &supervisor->opening;
    const struct opener_terms *terms =
        opening->has_served ? &opening->terms : &opening->loading_terms;
    log_start(&standard_error, LOG_NOTICE, sys_wall_ms);
    bool good = privileges_drop(&terms->rights, process, supervisor->forbidden);
    log_stop();
    return good;
}

/* 0 or -errno. */
static int start_worker(struct supervisor *supervisor, enum crew_role role)
{
    struct sys_opener *opener = NULL;
    struct crew_member *place = crew_find(&supervisor->crew, CREW_NONE);
    ASSERT(place);
    supervisor->started_at = sys_monotonic_ms(); /* also where it fails: that is no good service */
    atomic_store(supervisor->forbidden, -1);
    int started = start_process(supervisor, &place->child, &place->channel, &opener);
    if (started == 0) {
        bool good = opener && drop_privileges(supervisor, opener->process);
        end_process(opener, good ? supervisor->supervised->work(opener, supervisor->path) : 1);
    }
    if (started < 0)
        return started;
    place->role = role;
    place->started_at = supervisor->started_at;
    place->drain_ms = supervisor->opening.terms.drain_ms;
    return 0;
}

static bool has_worker(struct supervisor *supervisor)
{
    return crew_find(&supervisor->crew, CREW_SERVES) || crew_find(&supervisor->crew, CREW_COMES);
}

/* Whether there is something to serve, and nobody who does: not before the first check has come to
 * its end. */
static bool may_start(struct supervisor *supervisor)
{
    return !supervisor->is_ending && !has_worker(supervisor) &&
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
    service_tell(&supervisor->service, "the worker has died; another one is started");
}

static void try_start(struct supervisor *supervisor)
{
    opening_rewind(&supervisor->opening);
    upgrade_note_restart(&supervisor->upgrade);
    int error = start_worker(supervisor, CREW_SERVES);
    if (!error)
        return;
    log_event(LOG_ERROR, "the system refuses a process for the worker",
              LOG_TEXT("problem", slice_from_text(strerrordesc_np(-error))));
    if (supervisor->opening.has_served)
        plan_start(supervisor);
    else
        finish(supervisor, 1);
}

/* ---- the worker of another version */

static void fail_upgrade(struct supervisor *supervisor, const char *problem)
{
    if (supervisor->opening.is_awaiting)
        forget_checker(supervisor);
    opening_stop_awaiting(&supervisor->opening);
    upgrade_fail(&supervisor->upgrade, problem);
    if (supervisor->is_ending)
        return;
    if (!has_worker(supervisor))
        plan_start(supervisor);
    else if (supervisor->service.is_ready)
        service_tell_ready(&supervisor->service); /* a reload may have been refused meanwhile */
}

static void start_newcomer(struct supervisor *supervisor)
{
    opening_await(&supervisor->opening);
    int error = start_worker(supervisor, CREW_COMES);
    if (error)
        fail_upgrade(supervisor, strerrordesc_np(-error));
}

static struct inheritance inheritance_of(struct supervisor *supervisor)
{
    return (struct inheritance){supervisor->path, &supervisor->opening, &supervisor->upgrade,
                                &supervisor->crew, &supervisor->service};
}

/* Returns only where what served before goes on. */
static void become_new_program(struct supervisor *supervisor)
{
    const struct inheritance inheritance = inheritance_of(supervisor);
    log_event(LOG_NOTICE, "the new program takes over",
              LOG_TEXT("version", slice_from_text(supervisor->upgrade.to)));
    int error = inheritance_leave(&inheritance);
    fail_upgrade(supervisor, strerrordesc_np(-error));
}

static void let_new_program_try(struct supervisor *supervisor)
{
    const struct inheritance inheritance = inheritance_of(supervisor);
    if (crew_count(&supervisor->crew, CREW_LEAVES) >= CREW_LEAVING_MAX) {
        fail_upgrade(supervisor, "too many workers of earlier upgrades still end what they have "
                                 "begun");
        return;
    }
    int estate = inheritance_write(&inheritance);
    if (estate < 0) {
        fail_upgrade(supervisor, strerrordesc_np(-estate));
        return;
    }
    upgrade_try(&supervisor->upgrade, estate);
    sys_close(estate);
}

static void see_to_newcomer(struct supervisor *supervisor)
{
    struct crew_member *newcomer = crew_find(&supervisor->crew, CREW_COMES);
    if (!newcomer || newcomer->kill_at > 0 || !upgrade_is_late(&supervisor->upgrade))
        return;
    newcomer->kill_at = UINT64_MAX;
    sys_child_kill(&newcomer->child);
    crew_close_channel(newcomer); /* what it asked for meanwhile nobody would close */
    fail_upgrade(supervisor, "the new worker was not ready in time");
}

/* A checker would be lost, and the worker that waits for it wait for ever; of a worker that is
 * being ended the next program would not know why. */
static bool must_stay(struct supervisor *supervisor)
{
    const struct crew_member *serving = crew_find(&supervisor->crew, CREW_SERVES);
    return supervisor->checker.process > 0 || supervisor->opening.wants_check ||
           (serving && serving->kill_at > 0);
}

static void see_to_upgrade(struct supervisor *supervisor)
{
    upgrade_look(&supervisor->upgrade);
    if (supervisor->upgrade.step == UPGRADE_CHECKED)
        let_new_program_try(supervisor);
    else if (supervisor->upgrade.step == UPGRADE_TRIED && !must_stay(supervisor))
        become_new_program(supervisor);
    else if (supervisor->upgrade.step == UPGRADE_STARTS)
        see_to_newcomer(supervisor);
}

static void begin_upgrade(struct supervisor *supervisor)
{
    if (upgrade_ask(&supervisor->upgrade) != 0)
        log_event(LOG_WARNING, "an upgrade is under way; another one was not begun");
}

/* The newcomer serves, so the one before may leave. */
static void change_places(struct supervisor *supervisor, struct crew_member *newcomer)
{
    struct crew_member *before = crew_find(&supervisor->crew, CREW_SERVES);
    upgrade_serves(&supervisor->upgrade);
    newcomer->role = CREW_SERVES;
    if (before) {
        before->role = CREW_LEAVES;
        sys_child_signal(&before->child, SYS_SIGNAL_UPGRADE);
        limit_life(before, before->drain_ms + GRACE_MS);
    } else {
        upgrade_left(&supervisor->upgrade);
    }
}

/* ---- the end of a worker */

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

static void tell_forbidden(const struct supervisor *supervisor)
{
    char name[SYS_CALL_NAME_MAX];
    int call = atomic_exchange(supervisor->forbidden, -1);
    if (call < 0)
        return;
    sys_call_name(call, name);
    log_event(LOG_ERROR, "the worker made a system call that its sandbox does not allow",
              LOG_TEXT("call", slice_from_text(name)), LOG_NUMBER("number", (uint64_t)call));
}

static void see_to_end_of_service(struct supervisor *supervisor, const struct sys_end *end,
                                  bool was_told)
{
    bool ended_by_itself = !end->was_killed && end->number == 0;
    if (ended_by_itself || was_told || supervisor->is_ending || !supervisor->opening.has_served) {
        finish(supervisor, end->was_killed ? 1 : end->number);
        stop_crew(supervisor, false);
    } else if (!has_worker(supervisor)) {
        plan_start(supervisor);
    }
}

static void see_to_end(struct supervisor *supervisor, struct crew_member *member)
{
    struct sys_end end;
    struct crew_member gone = *member;
    if (!sys_child_take_end(&member->child, &end))
        return;
    crew_close_channel(member);
    *member = (struct crew_member){.child = member->child, .channel = -1};
    if (gone.role == supervisor->opening.who_waits && supervisor->opening.wants_check) {
        forget_checker(supervisor);
        supervisor->opening.wants_check = false;
    }
    if (end.was_killed || supervisor->opening.has_served)
        tell_end(gone.child.process, &end);
    if (end.was_killed)
        tell_forbidden(supervisor);
    if (gone.role == CREW_SERVES)
        see_to_end_of_service(supervisor, &end, gone.kill_at > 0 && !gone.is_hung);
    else if (gone.role == CREW_COMES)
        fail_upgrade(supervisor, "the new worker did not come to serve; standard error tells why");
    else
        upgrade_left(&supervisor->upgrade);
}

static void see_to_kill(struct crew_member *member)
{
    if (member->kill_at == 0 || sys_monotonic_ms() < member->kill_at)
        return;
    log_event(LOG_ERROR, "the worker does not stop; it is ended");
    sys_child_kill(&member->child);
    member->kill_at = UINT64_MAX;
}

/* ---- a worker that hangs */

/* When it has been silent for too long; UINT64_MAX: it need not give a sign. A worker that waits
 * for a check of ours cannot. */
static uint64_t silent_at(const struct supervisor *supervisor, const struct crew_member *member)
{
    bool waits = supervisor->opening.wants_check && supervisor->opening.who_waits == member->role;
    bool is_watched = member->role == CREW_SERVES && member->alive_at > 0 && !member->is_hung;
    uint64_t hang_ms = supervisor->opening.terms.hang_ms;
    return is_watched && !waits && hang_ms > 0 ? member->alive_at + hang_ms : UINT64_MAX;
}

static void see_to_life(struct supervisor *supervisor, struct crew_member *member)
{
    if (sys_monotonic_ms() < silent_at(supervisor, member))
        return;
    log_event(LOG_ERROR, "the worker gives no sign of life; it is ended",
              LOG_NUMBER("process", (uint64_t)member->child.process),
              LOG_NUMBER("seconds", supervisor->opening.terms.hang_ms / 1000));
    member->is_hung = true;
    sys_child_abort(&member->child);
    limit_life(member, ABORT_MS);
}

/* Where there is no worker that could give a sign, it is being started, and all is well. */
static bool is_well(struct supervisor *supervisor)
{
    const struct crew_member *member = crew_find(&supervisor->crew, CREW_SERVES);
    return !member || member->alive_at == 0 ||
           sys_monotonic_ms() - member->alive_at < SIGN_MS + supervisor->service.watchdog_ms / 2;
}

/* While this process was paused (a machine that sleeps, a container that is frozen), so were they.
 */
static void forgive(struct supervisor *supervisor, uint64_t paused_ms)
{
    for (unsigned i = 0; i < CREW_MAX; i++) {
        struct crew_member *member = &supervisor->crew.members[i];
        if (member->alive_at > 0)
            member->alive_at += paused_ms;
    }
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
            begin_upgrade(supervisor);
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
        change_places(supervisor, member);
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
    if (supervisor->upgrade.step != UPGRADE_TRIED || !must_stay(supervisor))
        until = earlier(until, upgrade_next_look(&supervisor->upgrade));
    if (may_start(supervisor))
        until = earlier(until, supervisor->start_at);
    if (supervisor->checker.process > 0)
        until = earlier(until, supervisor->checker_until);
    for (unsigned i = 0; i < CREW_MAX; i++) {
        const struct crew_member *member = &supervisor->crew.members[i];
        if (member->role != CREW_NONE && member->kill_at > 0)
            until = earlier(until, member->kill_at);
        until = earlier(until, silent_at(supervisor, member));
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
        forgive(supervisor, waited - (uint64_t)most_ms);
}

static void turn(struct supervisor *supervisor)
{
    if (may_start(supervisor) && sys_monotonic_ms() >= supervisor->start_at)
        try_start(supervisor);
    if (is_over(supervisor))
        return;
    await_news(supervisor);
    take_signals(supervisor);
    for (unsigned i = 0; i < CREW_MAX; i++) {
        struct crew_member *member = &supervisor->crew.members[i];
        answer(supervisor, member);
        see_to_life(supervisor, member);
        if (member->role != CREW_NONE)
            see_to_kill(member);
        if (member->role != CREW_NONE)
            see_to_end(supervisor, member);
    }
    see_to_checker(supervisor);
    see_to_upgrade(supervisor);
    service_look(&supervisor->service, is_well(supervisor));
}

/* ---- the whole */

/* Where another version was this process before, its work goes on; otherwise all begins. False:
 * what was left cannot be read, which was tried before, or a descriptor is missing. */
static bool begin(struct supervisor *supervisor)
{
    const struct inheritance inheritance = inheritance_of(supervisor);
    int estate = inheritance_find();
    if (estate < 0) {
        service_init(&supervisor->service);
        foreign_sockets_take(&supervisor->opening.listeners);
        try_check(supervisor);
        return true;
    }
    privileges_standard(&supervisor->opening.terms.rights);
    if (!inheritance_take(&inheritance, estate))
        return false;
    leave_no_core(&supervisor->opening.terms.rights);
    struct crew_member *serving = crew_find(&supervisor->crew, CREW_SERVES);
    if (serving)
        serving->alive_at = sys_monotonic_ms();
    upgrade_resume(&supervisor->upgrade);
    start_newcomer(supervisor);
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
    log_start(&standard_error, LOG_NOTICE, sys_wall_ms);
    if (begin(supervisor)) {
        while (!is_over(supervisor))
            turn(supervisor);
    } else {
        (void)fprintf(stderr, "weir: what the version before has left cannot be read\n");
        supervisor->status = 1;
    }
    forget_checker(supervisor);
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
