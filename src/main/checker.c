#include "main/checker.h"

#include "base/list.h"
#include "control/admin_settings.h"
#include "exchange/plan.h"
#include "main/admin_place.h"
#include "main/load.h"
#include "main/privileges.h"
#include "main/vocabulary.h"
#include "net/timeouts.h"
#include "obs/log_sink.h"
#include "obs/syslog.h"
#include "sys/asking_opener.h"
#include "upstream/upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Logs that are asked for and not written. */
struct named_logs {
    struct log_sinks sinks;
    struct log_sink sink;
    struct sys_opener *opener;
};

static void write_nothing(struct log_sink *sink, enum log_severity severity, struct slice line)
{
    (void)sink;
    (void)severity;
    (void)line;
}

static struct log_sink *name_log(struct log_sinks *sinks, struct slice name,
                                 const char **ret_problem)
{
    struct named_logs *logs = CONTAINER_OF(sinks, struct named_logs, sinks);
    struct address address;
    char *path = strndup(name.data, name.length);
    if (!path) {
        *ret_problem = "the system refuses memory";
        return NULL;
    }
    if (syslog_address(name, &address))
        (void)logs->opener->connect_datagram(logs->opener, &address);
    else if (!slice_equal(name, SLICE("stdout")) && !slice_equal(name, SLICE("stderr")))
        (void)logs->opener->open_to_append(logs->opener, path);
    free(path);
    return &logs->sink;
}

static void forget_log(struct log_sinks *sinks, struct log_sink *sink)
{
    (void)sinks;
    (void)sink;
}

/* What the check refers to, and what came of it. */
struct checking {
    struct live live;
    struct sys_opener *opener;
    bool keeps_before; /* the load begins again, with what some files were before */
};

/* Where a renewal has read a file that is not good, what it was before is better than nothing. */
static void keep_before(struct live *live, struct slice path)
{
    struct checking *checking = CONTAINER_OF(live, struct checking, live);
    char *text = strndup(path.data, path.length);
    checking->keeps_before |= text && checking->opener->keep_before(checking->opener, text);
    free(text);
}

static void name_listeners(const struct snapshot *snapshot, struct sys_opener *opener)
{
    const struct plans *plans = snapshot_get(snapshot, &plan_part);
    const struct sys_listen_options options = {0};
    for (uint32_t i = 0; i < plans->listener_count; i++)
        (void)opener->listen(opener, &plans->listeners[i].address, &options);
}

static void name_admin(const struct snapshot *snapshot, struct sys_opener *opener, const char *path)
{
    const struct configuration *configuration = snapshot->configuration;
    const struct admin_settings *settings =
        scope_group(configuration, configuration->top, &admin_group);
    const struct sys_listen_options options = {.is_private = true};
    struct address address;
    if (!settings->is_off && admin_place(settings, path, opener, &address))
        (void)opener->listen(opener, &address, &options);
}

static const struct timeouts *top_timeouts(const struct snapshot *snapshot)
{
    const struct configuration *configuration = snapshot->configuration;
    return scope_group(configuration, configuration->top, &timeouts_group);
}

static bool vouch(const struct snapshot *snapshot, struct sys_opener *opener, const char *path)
{
    const struct timeouts *timeouts = top_timeouts(snapshot);
    struct opener_terms terms = {.drain_ms = (uint64_t)timeouts->drain,
                                 .hang_ms = (uint64_t)timeouts->hang};
    privileges_of(snapshot->configuration, &terms.rights);
    name_listeners(snapshot, opener);
    name_admin(snapshot, opener, path);
    return sys_opener_vouch(opener, &terms);
}

/* NULL: it is wrong. The worker that comes after tells of warnings, and of what is wrong with a
 * configuration that it is asked to load anew; a first one that is wrong has no worker, and is
 * loaded once more, from the same bytes, to tell. */
static struct snapshot *load(const char *path, struct sys_opener *opener, struct checking *checking,
                             bool tells)
{
    struct live *live = &checking->live;
    char *text = NULL;
    size_t length = 0;
    FILE *silence = open_memstream(&text, &length);
    if (!silence)
        return NULL;
    struct snapshot *snapshot = load_file(path, opener, live, silence, NULL);
    if (checking->keeps_before) {
        if (snapshot)
            snapshot_unref(snapshot);
        snapshot = load_file(path, opener, live, silence, NULL);
    }
    (void)fclose(silence);
    free(text);
    if (!snapshot && tells)
        (void)load_file(path, opener, live, stderr, NULL);
    return snapshot;
}

int check_for_supervisor(struct sys_opener *opener, const char *path, bool tells)
{
    struct named_logs logs = {.sinks = {.open = name_log, .close = forget_log},
                              .sink = {.write = write_nothing},
                              .opener = opener};
    struct checking checking = {.live = {.servers = server_registry_new(),
                                         .stages = stages,
                                         .stage_count = stage_count,
                                         .logs = &logs.sinks,
                                         .is_lenient = true,
                                         .note_bad_file = keep_before},
                                .opener = opener};
    if (!checking.live.servers)
        return 1;
    struct snapshot *snapshot = load(path, opener, &checking, tells);
    bool good = snapshot && vouch(snapshot, opener, path);
    if (snapshot)
        snapshot_unref(snapshot);
    server_registry_free(checking.live.servers);
    return good ? 0 : 1;
}
