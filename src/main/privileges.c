#include "main/privileges.h"

#include "obs/log.h"
#include "sys/open.h"
#include "sys/sandbox.h"
#include "sys/signal.h"
#include "sys/usage.h"

#include <string.h>

static const struct privileges_settings *settings_of(const struct configuration *configuration)
{
    return scope_group(configuration, configuration->top, &privileges_group);
}

/* Where nobody is unknown, as in an image without /etc/passwd, it has its usual number. */
static void become_nobody(struct sys_rights *rights)
{
    enum { NOBODY = 65534 };
    const char *problem;
    if (!sys_find_user("nobody", "", &rights->user, &rights->group, &problem))
        rights->user = rights->group = NOBODY;
}

void privileges_standard(struct sys_rights *ret_rights)
{
    *ret_rights = (struct sys_rights){.user = sys_user(), .sandbox = true};
    if (sys_user() == 0)
        become_nobody(ret_rights);
    ret_rights->changes_user = sys_user() == 0 && ret_rights->user != 0;
}

void privileges_of(const struct configuration *configuration, struct sys_rights *ret_rights)
{
    const struct privileges_settings *settings = settings_of(configuration);
    const struct user_setting *user = &settings->user;
    privileges_standard(ret_rights);
    ret_rights->sandbox = settings->sandbox;
    ret_rights->core_dumps = settings->core_dumps;
    if (!user->is_named)
        return;
    ret_rights->user = user->user;
    ret_rights->group = user->group;
    ret_rights->changes_user = sys_user() == 0 && user->user != 0;
}

void privileges_tell(const struct sys_rights *rights)
{
    if (!rights->changes_user && rights->user != sys_user())
        log_event(LOG_WARNING, "only root can become the user of the configuration",
                  LOG_NUMBER("named", rights->user), LOG_NUMBER("stays", sys_user()));
}

static bool is_left(const struct sys_rights *rights, uint32_t supervisor)
{
    const char *step = NULL;
    int error = sys_give_up_rights(rights, &step);
    if (error)
        log_event(LOG_ERROR, "the worker cannot give up its rights, and does not serve",
                  LOG_TEXT("step", slice_from_text(step)),
                  LOG_TEXT("problem", slice_from_text(strerrordesc_np(-error))));
    sys_signal_stop_with_parent();
    return !error && sys_parent_process() == supervisor; /* else it ended meanwhile */
}

/* A build that looks for faults of memory has libraries under it that do what they like. */
static void wall_off(atomic_int *forbidden)
{
#ifdef WEIR_SANITIZED
    (void)forbidden;
#else
    int error = sys_wall_off_files();
    if (error)
        log_event(LOG_NOTICE, "this system has no Landlock; the worker opens what its user may",
                  LOG_TEXT("problem", slice_from_text(strerrordesc_np(-error))));
    error = sys_wall_off_calls(forbidden);
    if (error)
        log_event(LOG_NOTICE, "this system has no filter of system calls; the worker may make any",
                  LOG_TEXT("problem", slice_from_text(strerrordesc_np(-error))));
#endif
}

bool privileges_drop(const struct sys_rights *rights, uint32_t supervisor, atomic_int *forbidden)
{
    sys_usage_prepare(); /* /proc is behind the walls */
    if (!is_left(rights, supervisor))
        return false;
    if (rights->sandbox)
        wall_off(forbidden);
    return true;
}

/* ---- one process */

void privileges_keep(void)
{
    sys_take_no_new_rights();
}

void privileges_keep_as_told(const struct configuration *configuration)
{
    const struct privileges_settings *settings = settings_of(configuration);
    if (!settings->core_dumps)
        sys_leave_no_core();
    if (settings->user.is_named && settings->user.user != sys_user())
        log_event(LOG_WARNING, "as one process Weir keeps the user it was started as",
                  LOG_NUMBER("named", settings->user.user), LOG_NUMBER("stays", sys_user()));
}

bool privileges_differ(const struct configuration *a, const struct configuration *b)
{
    const struct privileges_settings *before = settings_of(a), *after = settings_of(b);
    return before->user.is_named != after->user.is_named || before->user.user != after->user.user ||
           before->user.group != after->user.group || before->sandbox != after->sandbox ||
           before->core_dumps != after->core_dumps;
}
