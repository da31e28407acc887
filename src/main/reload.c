#include "main/reload.h"

#include "control/admin.h"
#include "control/error_log.h"
#include "main/admin_place.h"
#include "main/changes.h"
#include "main/control.h"
#include "main/load.h"
#include "main/privileges.h"
#include "main/registries.h"
#include "main/vocabulary.h"
#include "obs/log.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(((struct reload_history *)0)->words) > CHANGES_TEXT_MAX, "changes fit");

static void note(struct reload_history *history, bool done, struct slice words)
{
    struct text text = text_over(history->words, sizeof(history->words) - 1);
    text_add(&text, words);
    history->words[text.length] = '\0';
    history->last = sys_wall_seconds();
    history->last_was_done = done;
    if (done)
        history->done++;
    else
        history->refused++;
}

/* One time of loading, and who hears of it. */
struct attempt {
    const struct reload *reload;
    bool is_renewal;
    struct reload_history *history; /* of a reload */
    FILE *told;                     /* the same; NULL: nobody has asked for it */
};

static void tell_refused(const struct attempt *attempt, const char *problem)
{
    if (attempt->is_renewal) {
        log_event(LOG_ERROR, "changed certificates were not loaded; those before stay",
                  LOG_TEXT("problem", slice_from_text(problem)));
        return;
    }
    log_event(LOG_ERROR, "the configuration was not loaded; the one before stays",
              LOG_TEXT("problem", slice_from_text(problem)));
    note(attempt->history, false, slice_from_text(problem));
    if (attempt->told)
        (void)fprintf(attempt->told, "the configuration was not loaded; the one before stays: %s\n",
                      problem);
}

static int64_t threads_of(const struct configuration *configuration)
{
    const struct process_settings *settings =
        scope_group(configuration, configuration->top, &process_group);
    return settings->threads;
}

static void warn_of_threads(const struct configuration *before, const struct configuration *after,
                            FILE *told)
{
    if (threads_of(before) == threads_of(after))
        return;
    log_event(LOG_WARNING, "another number of threads takes a restart; the one before stays");
    if (told)
        (void)fputs("warning: another number of threads takes a restart; the one before stays\n",
                    told);
}

static void warn_of_rights(const struct configuration *before, const struct configuration *after,
                           FILE *told)
{
    if (!privileges_differ(before, after))
        return;
    log_event(LOG_WARNING, "user, sandbox and core_dumps take a restart; those before stay");
    if (told)
        (void)fputs("warning: user, sandbox and core_dumps take a restart; those before stay\n",
                    told);
}

static void tell_changes(const struct attempt *attempt, const struct configuration *before,
                         const struct configuration *after)
{
    char memory[CHANGES_TEXT_MAX];
    struct text changes = text_over(memory, sizeof(memory));
    changes_print(&changes, before, after);
    log_event(LOG_NOTICE, "the configuration was loaded",
              LOG_TEXT("changes", text_slice(&changes)));
    note(attempt->history, true, text_slice(&changes));
    if (attempt->told)
        (void)fprintf(attempt->told, "the configuration was loaded: %.*s\n", (int)changes.length,
                      changes.data);
}

static void tell_loaded(const struct attempt *attempt, const struct configuration *before,
                        const struct configuration *after)
{
    if (attempt->is_renewal) {
        log_event(LOG_NOTICE, "certificates that have changed were read again");
        return;
    }
    tell_changes(attempt, before, after);
    warn_of_threads(before, after, attempt->told);
    warn_of_rights(before, after, attempt->told);
}

/* ---- the admin side */

static const struct admin_settings *admin_of(const struct snapshot *snapshot)
{
    const struct configuration *configuration = snapshot->configuration;
    return scope_group(configuration, configuration->top, &admin_group);
}

/* Opens what is to be open. False: an address that the file names cannot be had; `problem` says
 * so. */
static bool prepare_admin(struct admin *admin, const struct admin_settings *settings,
                          const char *path, struct sys_opener *opener, struct text *problem)
{
    struct address address;
    if (settings->is_off || !admin_place(settings, path, opener, &address))
        return true;
    int error = admin_prepare(admin, &address);
    if (error == 0)
        return true;
    bool is_default = settings->address.ip.kind == ADDRESS_NONE;
    const char *words = strerrordesc_np(-error);
    if (is_default) {
        log_event(LOG_WARNING,
                  "the admin side cannot listen; status, metrics and commands are not "
                  "to be had",
                  LOG_ADDRESS("address", &address), LOG_TEXT("problem", slice_from_text(words)));
        return true;
    }
    text_add(problem, SLICE("cannot listen on "));
    address_print(problem, &address);
    text_print(problem, " for the admin side: %s", words);
    return false;
}

bool reload_open_admin(struct admin *admin, const struct snapshot *snapshot, const char *path,
                       struct sys_opener *opener)
{
    char memory[256];
    struct text problem = text_over(memory, sizeof(memory));
    if (!prepare_admin(admin, admin_of(snapshot), path, opener, &problem)) {
        (void)fprintf(stderr, "weir: %.*s\n", (int)problem.length, problem.data);
        return false;
    }
    admin_commit(admin, admin_of(snapshot));
    return true;
}

/* ---- the reload */

static struct snapshot *load(const struct attempt *attempt)
{
    const struct reload *reload = attempt->reload;
    void *live = &reload->registries->live;
    return attempt->is_renewal
               ? load_renewal(reload->path, reload->opener, live, stderr)
               : load_anew(reload->path, reload->opener, live, stderr, attempt->told);
}

/* Takes over one reference to `after`. */
static bool publish(const struct reload *reload, struct worker *worker, struct admin *admin,
                    struct snapshot *after, struct text *problem)
{
    if (!prepare_admin(admin, admin_of(after), reload->path, reload->opener, problem)) {
        snapshot_unref(after);
        return false;
    }
    if (!worker_publish(worker, after)) {
        admin_cancel(admin);
        text_add(problem, slice_from_text(worker_problem(worker)));
        return false;
    }
    admin_commit(admin, admin_of(after));
    reload->opener->keep_loaded(reload->opener);
    return true;
}

static const char *why_not_loaded(const struct attempt *attempt)
{
    if (attempt->is_renewal)
        return "something is wrong with them, as told on standard error";
    return attempt->told ? "it is wrong or cannot be read"
                         : "it is wrong or cannot be read, as told on standard error";
}

static bool refuse(const struct attempt *attempt, const char *problem)
{
    tell_refused(attempt, problem);
    attempt->reload->opener->drop_loaded(attempt->reload->opener);
    return false;
}

static bool run(const struct attempt *attempt, struct worker *worker, struct admin *admin)
{
    struct snapshot *before = worker_snapshot(worker);
    struct snapshot *after = load(attempt);
    if (!after)
        return refuse(attempt, why_not_loaded(attempt));
    /* Both are held, so that they can be compared, and the log goes on under one that lives. */
    snapshot_ref(before);
    snapshot_ref(after);
    char memory[512] = "";
    struct text problem = text_over(memory, sizeof(memory) - 1);
    bool published = publish(attempt->reload, worker, admin, after, &problem);
    if (published) {
        error_log_start(after);
        tell_loaded(attempt, before->configuration, after->configuration);
    } else {
        memory[problem.length] = '\0';
        (void)refuse(attempt, memory);
    }
    snapshot_unref(after);
    snapshot_unref(before);
    return published;
}

bool reload_run(const struct reload *reload, struct worker *worker, struct admin *admin,
                struct reload_history *history, FILE *told)
{
    const struct attempt attempt = {.reload = reload, .history = history, .told = told};
    return run(&attempt, worker, admin);
}

bool reload_renew(const struct reload *reload, struct worker *worker, struct admin *admin)
{
    const struct attempt attempt = {.reload = reload, .is_renewal = true};
    return run(&attempt, worker, admin);
}
