/* The workers of a supervisor: how they start, end, and hang. */
#include "base/assert.h"
#include "main/privileges.h"
#include "main/supervisor_int.h"
#include "obs/log.h"
#include "sys/channel.h"
#include "sys/clock.h"
#include "sys/sandbox.h"

#include <stdlib.h>

enum {
    PAUSE_LEAST_MS = 100,    /* before the third start; before the second there is none */
    PAUSE_MOST_MS = 10000,   /* it doubles up to here */
    GOOD_SERVICE_MS = 60000, /* after so long a death counts as the first one */
    ABORT_MS = 2000,         /* how long a worker that hangs may take to end itself */
    SIGN_MS = 2000,          /* within so long a worker that is well gives a sign of life */
};

/* ---- the start of a process */

void supervisor_close_descriptor(int *descriptor)
{
    if (*descriptor >= 0)
        sys_close(*descriptor);
    *descriptor = -1;
}

/* In a new process: nothing of the supervisor stays open here. */
static void leave(struct supervisor *supervisor)
{
    log_stop();
    supervisor_close_descriptor(&supervisor->signals);
    supervisor_close_descriptor(&supervisor->checker_channel);
    supervisor_close_descriptor(&supervisor->checker.descriptor);
    crew_leave(&supervisor->crew);
    upgrade_leave(&supervisor->upgrade);
    opening_fini(&supervisor->opening, false);
}

/* 1 in this process; 0 in the new one, with what to ask (NULL: no memory); -errno. */
int supervisor_start_process(struct supervisor *supervisor, struct sys_child *ret_child,
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

_Noreturn void supervisor_end_process(struct sys_opener *opener, int status)
{
    if (opener)
        sys_opener_asking_free(opener);
    exit(status);
}

/* ---- the start of a worker */

/* In the new process, where its own log does not run yet. */
static bool drop_privileges(const struct supervisor *supervisor, uint32_t process)
{
    const struct opening *opening = &supervisor->opening;
    const struct opener_terms *terms =
        opening->has_served ? &opening->terms : &opening->loading_terms;
    log_start(&supervisor_standard_error, LOG_NOTICE, sys_wall_ms);
    bool good = privileges_drop(&terms->rights, process, supervisor->forbidden);
    log_stop();
    return good;
}

/* 0 or -errno. */
int supervisor_start_worker(struct supervisor *supervisor, enum crew_role role)
{
    struct sys_opener *opener = NULL;
    struct crew_member *place = crew_find(&supervisor->crew, CREW_NONE);
    ASSERT(place);
    supervisor->started_at = sys_monotonic_ms(); /* also where it fails: that is no good service */
    atomic_store(supervisor->forbidden, -1);
    int started = supervisor_start_process(supervisor, &place->child, &place->channel, &opener);
    if (started == 0) {
        bool good = opener && drop_privileges(supervisor, opener->process);
        supervisor_end_process(opener,
                               good ? supervisor->supervised->work(opener, supervisor->path) : 1);
    }
    if (started < 0)
        return started;
    place->role = role;
    place->started_at = supervisor->started_at;
    place->drain_ms = supervisor->opening.terms.drain_ms;
    return 0;
}

bool supervisor_has_worker(struct supervisor *supervisor)
{
    return crew_find(&supervisor->crew, CREW_SERVES) || crew_find(&supervisor->crew, CREW_COMES);
}

/* Whether there is something to serve, and nobody who does: not before the first check has come to
 * its end. */
bool supervisor_may_start(struct supervisor *supervisor)
{
    return !supervisor->is_ending && !supervisor_has_worker(supervisor) &&
           (supervisor->opening.has_served || supervisor->opening.awaits_worker);
}

/* The next start comes at once after good service, later and later after bad. */
void supervisor_plan_start(struct supervisor *supervisor)
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

void supervisor_try_start(struct supervisor *supervisor)
{
    opening_rewind(&supervisor->opening);
    upgrade_note_restart(&supervisor->upgrade);
    int error = supervisor_start_worker(supervisor, CREW_SERVES);
    if (!error)
        return;
    log_event(LOG_ERROR, "the system refuses a process for the worker",
              LOG_TEXT("problem", slice_from_text(strerrordesc_np(-error))));
    if (supervisor->opening.has_served)
        supervisor_plan_start(supervisor);
    else
        supervisor_finish(supervisor, 1);
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
        supervisor_finish(supervisor, end->was_killed ? 1 : end->number);
        supervisor_stop_crew(supervisor, false);
    } else if (!supervisor_has_worker(supervisor)) {
        supervisor_plan_start(supervisor);
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
        supervisor_forget_checker(supervisor);
        supervisor->opening.wants_check = false;
    }
    if (end.was_killed || supervisor->opening.has_served)
        tell_end(gone.child.process, &end);
    if (end.was_killed)
        tell_forbidden(supervisor);
    if (gone.role == CREW_SERVES)
        see_to_end_of_service(supervisor, &end, gone.kill_at > 0 && !gone.is_hung);
    else if (gone.role == CREW_COMES)
        supervisor_fail_upgrade(supervisor,
                                "the new worker did not come to serve; standard error tells why");
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
uint64_t supervisor_silent_at(const struct supervisor *supervisor, const struct crew_member *member)
{
    bool waits = supervisor->opening.wants_check && supervisor->opening.who_waits == member->role;
    bool is_watched = member->role == CREW_SERVES && member->alive_at > 0 && !member->is_hung;
    uint64_t hang_ms = supervisor->opening.terms.hang_ms;
    return is_watched && !waits && hang_ms > 0 ? member->alive_at + hang_ms : UINT64_MAX;
}

static void see_to_life(struct supervisor *supervisor, struct crew_member *member)
{
    if (sys_monotonic_ms() < supervisor_silent_at(supervisor, member))
        return;
    log_event(LOG_ERROR, "the worker gives no sign of life; it is ended",
              LOG_NUMBER("process", (uint64_t)member->child.process),
              LOG_NUMBER("seconds", supervisor->opening.terms.hang_ms / 1000));
    member->is_hung = true;
    sys_child_abort(&member->child);
    supervisor_limit_life(member, ABORT_MS);
}

/* Where there is no worker that could give a sign, it is being started, and all is well. */
bool supervisor_is_well(struct supervisor *supervisor)
{
    const struct crew_member *member = crew_find(&supervisor->crew, CREW_SERVES);
    return !member || member->alive_at == 0 ||
           sys_monotonic_ms() - member->alive_at < SIGN_MS + supervisor->service.watchdog_ms / 2;
}

/* While this process was paused (a machine that sleeps, a container that is frozen), so were they.
 */
void supervisor_forgive(struct supervisor *supervisor, uint64_t paused_ms)
{
    for (unsigned i = 0; i < CREW_MAX; i++) {
        struct crew_member *member = &supervisor->crew.members[i];
        if (member->alive_at > 0)
            member->alive_at += paused_ms;
    }
}

void supervisor_see_to_worker(struct supervisor *supervisor, struct crew_member *member)
{
    see_to_life(supervisor, member);
    if (member->role != CREW_NONE)
        see_to_kill(member);
    if (member->role != CREW_NONE)
        see_to_end(supervisor, member);
}
