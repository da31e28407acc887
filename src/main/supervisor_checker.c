/* The checker of a supervisor: the process that loads a configuration first (main/checker.h). */
#include "main/privileges.h"
#include "main/supervisor_int.h"
#include "obs/log.h"
#include "sys/clock.h"
#include "sys/rights.h"

#include <errno.h>

enum {
    CHECK_MS = 60000, /* how long a check of the configuration may take */
};

/* 0 or -errno. */
static int start_checker(struct supervisor *supervisor)
{
    struct sys_opener *opener = NULL;
    bool tells = !supervisor->opening.has_served;
    if (supervisor->opening.has_served && !supervisor->opening.is_awaiting)
        service_tell_reloading(&supervisor->service);
    opening_begin_check(&supervisor->opening);
    int started = supervisor_start_process(supervisor, &supervisor->checker,
                                           &supervisor->checker_channel, &opener);
    if (started == 0)
        supervisor_end_process(
            opener, opener ? supervisor->supervised->check(opener, supervisor->path, tells) : 1);
    supervisor->checker_until = sys_monotonic_ms() + CHECK_MS;
    supervisor->checker_is_forgotten = false;
    return started < 0 ? started : 0;
}

void supervisor_leave_no_core(const struct sys_rights *rights)
{
    if (!rights->core_dumps)
        sys_leave_no_core();
}

/* The first check tells what the worker will be. */
static void end_first_check(struct supervisor *supervisor)
{
    const struct sys_rights *rights = &supervisor->opening.loading_terms.rights;
    if (!supervisor->opening.is_vouched) {
        supervisor_finish(supervisor, 1);
        return;
    }
    privileges_tell(rights);
    supervisor_leave_no_core(rights);
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

void supervisor_try_check(struct supervisor *supervisor)
{
    int error = start_checker(supervisor);
    if (!error)
        return;
    log_event(LOG_ERROR, "the system refuses a process that checks the configuration",
              LOG_TEXT("problem", slice_from_text(strerrordesc_np(-error))));
    end_check(supervisor, error);
}

/* The worker that waited for it is gone. */
void supervisor_forget_checker(struct supervisor *supervisor)
{
    if (supervisor->checker.process == 0)
        return;
    sys_child_kill(&supervisor->checker);
    supervisor_close_descriptor(&supervisor->checker_channel);
    supervisor->checker_is_forgotten = true;
}

static void see_to_checker_end(struct supervisor *supervisor)
{
    struct sys_end end;
    if (!sys_child_take_end(&supervisor->checker, &end))
        return;
    supervisor_close_descriptor(&supervisor->checker_channel);
    if (supervisor->checker_is_forgotten)
        return;
    if (end.was_killed)
        log_event(LOG_ERROR, "the check of the configuration was ended by a signal",
                  LOG_TEXT("signal", slice_from_text(sys_signal_name(end.number))));
    end_check(supervisor, end.was_killed ? -ECANCELED : 0);
}

void supervisor_see_to_checker(struct supervisor *supervisor)
{
    if (supervisor->checker.process == 0 && supervisor->opening.wants_check)
        supervisor_try_check(supervisor);
    if (supervisor->checker.process == 0)
        return;
    if (supervisor->checker_channel >= 0 &&
        !opening_answer_checker(&supervisor->opening, supervisor->checker_channel))
        supervisor_close_descriptor(&supervisor->checker_channel);
    if (sys_monotonic_ms() >= supervisor->checker_until) {
        log_event(LOG_ERROR, "the check of the configuration takes too long; it is ended");
        sys_child_kill(&supervisor->checker);
        supervisor->checker_until = UINT64_MAX;
    }
    see_to_checker_end(supervisor);
}
