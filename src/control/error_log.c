#include "control/error_log.h"

#include "exchange/log_settings.h"
#include "sys/clock.h"
#include "upstream/upstream.h"

#include <stdlib.h>

struct error_log {
    struct log_sinks *sinks;
    struct log_sink *sink; /* NULL: nothing is told */
    enum log_level level;
};

static bool open_sink(struct error_log *log, const struct error_setting *setting,
                      struct diagnostics *diagnostics)
{
    const char *problem = NULL;
    struct slice to = error_setting_to(setting);
    if (!log->sinks)
        return true;
    log->sink = log->sinks->open(log->sinks, to, &problem);
    if (!log->sink)
        diagnostics_error(diagnostics, setting->position,
                          "name a file that can be written, stdout or stderr",
                          "the error log \"%.*s\" cannot be opened: %s", SHOWN(to), problem);
    return log->sink != NULL;
}

static void *build_error_log(struct snapshot *snapshot, struct diagnostics *diagnostics)
{
    const struct configuration *configuration = snapshot->configuration;
    const struct log_settings *settings =
        scope_group(configuration, configuration->top, &log_group);
    struct error_log *log = calloc(1, sizeof(*log));
    if (!log)
        return NULL;
    log->sinks = ((const struct live *)snapshot->live)->logs;
    log->level = error_setting_level(&settings->error);
    if (open_sink(log, &settings->error, diagnostics))
        return log;
    free(log);
    return NULL;
}

static void free_error_log(void *part)
{
    struct error_log *log = part;
    if (log->sink)
        log->sinks->close(log->sinks, log->sink);
    free(log);
}

const struct snapshot_part error_log_part = {
    .name = "error log",
    .build = build_error_log,
    .free = free_error_log,
};

void error_log_start(const struct snapshot *snapshot)
{
    const struct error_log *log = snapshot_get(snapshot, &error_log_part);
    if (log->sink)
        log_start(log->sink, log->level, sys_wall_ms);
}
