/* What an upgrade (main/upgrade.h) takes of the supervisor. */
#include "main/supervisor_int.h"
#include "obs/log.h"

#include <errno.h>

void supervisor_fail_upgrade(struct supervisor *supervisor, const char *problem)
{
    if (supervisor->opening.is_awaiting)
        supervisor_forget_checker(supervisor);
    opening_stop_awaiting(&supervisor->opening);
    upgrade_fail(&supervisor->upgrade, problem);
    if (supervisor->is_ending)
        return;
    if (!supervisor_has_worker(supervisor))
        supervisor_plan_start(supervisor);
    else if (supervisor->service.is_ready)
        service_tell_ready(&supervisor->service); /* a reload may have been refused meanwhile */
}

void supervisor_start_newcomer(struct supervisor *supervisor)
{
    opening_await(&supervisor->opening);
    int error = supervisor_start_worker(supervisor, CREW_COMES);
    if (error)
        supervisor_fail_upgrade(supervisor, strerrordesc_np(-error));
}

struct inheritance supervisor_inheritance_of(struct supervisor *supervisor)
{
    return (struct inheritance){supervisor->path, &supervisor->opening, &supervisor->upgrade,
                                &supervisor->crew, &supervisor->service};
}

/* Returns only where what served before goes on. */
static void become_new_program(struct supervisor *supervisor)
{
    const struct inheritance inheritance = supervisor_inheritance_of(supervisor);
    log_event(LOG_NOTICE, "the new program takes over",
              LOG_TEXT("version", slice_from_text(supervisor->upgrade.to)));
    int error = inheritance_leave(&inheritance);
    supervisor_fail_upgrade(supervisor, strerrordesc_np(-error));
}

static void let_new_program_try(struct supervisor *supervisor)
{
    const struct inheritance inheritance = supervisor_inheritance_of(supervisor);
    if (crew_count(&supervisor->crew, CREW_LEAVES) >= CREW_LEAVING_MAX) {
        supervisor_fail_upgrade(supervisor,
                                "too many workers of earlier upgrades still end what they have "
                                "begun");
        return;
    }
    int estate = inheritance_write(&inheritance);
    if (estate < 0) {
        supervisor_fail_upgrade(supervisor, strerrordesc_np(-estate));
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
    supervisor_fail_upgrade(supervisor, "the new worker was not ready in time");
}

/* A checker would be lost, and the worker that waits for it wait for ever; of a worker that is
 * being ended the next program would not know why. */
bool supervisor_must_stay(struct supervisor *supervisor)
{
    const struct crew_member *serving = crew_find(&supervisor->crew, CREW_SERVES);
    return supervisor->checker.process > 0 || supervisor->opening.wants_check ||
           (serving && serving->kill_at > 0);
}

void supervisor_see_to_upgrade(struct supervisor *supervisor)
{
    upgrade_look(&supervisor->upgrade);
    if (supervisor->upgrade.step == UPGRADE_CHECKED)
        let_new_program_try(supervisor);
    else if (supervisor->upgrade.step == UPGRADE_TRIED && !supervisor_must_stay(supervisor))
        become_new_program(supervisor);
    else if (supervisor->upgrade.step == UPGRADE_STARTS)
        see_to_newcomer(supervisor);
}

void supervisor_begin_upgrade(struct supervisor *supervisor)
{
    int error = upgrade_ask(&supervisor->upgrade);
    if (error == -ESHUTDOWN)
        log_event(LOG_WARNING, "Weir stops; an upgrade was not begun");
    else if (error)
        log_event(LOG_WARNING, "an upgrade is under way; another one was not begun");
}

/* The newcomer serves, so the one before may leave. */
void supervisor_change_places(struct supervisor *supervisor, struct crew_member *newcomer)
{
    struct crew_member *before = crew_find(&supervisor->crew, CREW_SERVES);
    upgrade_serves(&supervisor->upgrade);
    newcomer->role = CREW_SERVES;
    if (before) {
        before->role = CREW_LEAVES;
        sys_child_signal(&before->child, SYS_SIGNAL_UPGRADE);
        supervisor_limit_life(before, before->drain_ms + GRACE_MS);
    } else {
        upgrade_left(&supervisor->upgrade);
    }
}
