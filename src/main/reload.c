#include "main/reload.h"

#include "control/error_log.h"
#include "main/changes.h"
#include "main/load.h"
#include "main/registries.h"
#include "main/vocabulary.h"
#include "obs/log.h"

static void tell_refused(const char *problem)
{
    log_event(LOG_ERROR, "the configuration was not loaded; the one before stays",
              LOG_TEXT("problem", slice_from_text(problem)));
}

static void tell_loaded(const struct configuration *before, const struct configuration *after)
{
    char memory[CHANGES_TEXT_MAX];
    struct text changes = text_over(memory, sizeof(memory));
    changes_print(&changes, before, after);
    log_event(LOG_NOTICE, "the configuration was loaded",
              LOG_TEXT("changes", text_slice(&changes)));
}

static int64_t threads_of(const struct configuration *configuration)
{
    const struct process_settings *settings =
        scope_group(configuration, configuration->top, &process_group);
    return settings->threads;
}

bool reload_run(const struct reload *reload, struct worker *worker)
{
    struct snapshot *before = worker_snapshot(worker);
    struct snapshot *after =
        load_file(reload->path, reload->opener, &reload->registries->live, NULL);
    if (!after) {
        tell_refused("it is wrong, as told on standard error");
        return false;
    }
    /* Both are held, so that they can be compared, and the log goes on under one that lives. */
    snapshot_ref(before);
    snapshot_ref(after);
    bool published = worker_publish(worker, after);
    if (published) {
        error_log_start(after);
        tell_loaded(before->configuration, after->configuration);
        if (threads_of(before->configuration) != threads_of(after->configuration))
            log_event(LOG_WARNING, "another number of threads takes a restart");
    } else {
        tell_refused(worker_problem(worker));
    }
    snapshot_unref(after);
    snapshot_unref(before);
    return published;
}
