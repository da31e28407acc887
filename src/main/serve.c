#include "main/serve.h"

#include "control/error_log.h"
#include "main/reload.h"
#include "main/vocabulary.h"
#include "main/worker.h"
#include "net/timeouts.h"
#include "obs/log.h"
#include "sys/clock.h"
#include "sys/signal.h"
#include "sys/thread.h"

#include <stdio.h>

enum {
    FIRST_LOOK_UP_MS = 2000, /* how long names may take before service begins without them */
    DRAIN_LOOK_MS = 20,
    REST_LOOK_MS = 5000,
    LISTENERS_TEXT_MAX = 1024,
};

static unsigned thread_count(const struct snapshot *snapshot)
{
    const struct configuration *configuration = snapshot->configuration;
    const struct process_settings *settings =
        scope_group(configuration, configuration->top, &process_group);
    return settings->threads > 0 ? (unsigned)settings->threads : sys_cpu_count();
}

static uint64_t drain_time(const struct snapshot *snapshot)
{
    const struct configuration *configuration = snapshot->configuration;
    const struct timeouts *timeouts =
        scope_group(configuration, configuration->top, &timeouts_group);
    return (uint64_t)timeouts->drain;
}

static void tell_look_up(void *context, const struct server *server, const char *problem)
{
    (void)context;
    if (problem)
        log_event(LOG_WARNING, "the name of a server cannot be looked up; trying again",
                  LOG_TEXT("name", server->host), LOG_TEXT("problem", slice_from_text(problem)));
    else
        log_event(LOG_NOTICE, "the name of a server was found", LOG_TEXT("name", server->host));
}

/* Until everything has come to its end; a second signal, or the end of the time, cuts the rest. */
static void drain(struct worker *worker, uint64_t drain_ms)
{
    uint64_t until = sys_monotonic_ms() + drain_ms;
    worker_drain(worker);
    while (!worker_is_done(worker)) {
        if (sys_monotonic_ms() >= until || sys_signals_wait(DRAIN_LOOK_MS) == SYS_SIGNAL_STOP) {
            worker_abort(worker);
            return;
        }
    }
}

/* Until it shall stop. */
static void obey_signals(struct worker *worker, const struct reload *reload)
{
    for (;;) {
        switch (sys_signals_wait(REST_LOOK_MS)) {
        case SYS_SIGNAL_STOP:
            return;
        case SYS_SIGNAL_RELOAD:
            if (reload)
                (void)reload_run(reload, worker);
            break;
        case SYS_SIGNAL_REOPEN:
        case SYS_SIGNAL_UPGRADE:
        case SYS_SIGNAL_NONE:
            worker_rest(worker);
            break;
        }
    }
}

static int run_worker(struct worker *worker, struct snapshot *snapshot, const struct reload *reload,
                      void (*ready)(struct slice listeners))
{
    unsigned threads = thread_count(snapshot);
    if (!worker_start(worker, snapshot, threads)) {
        (void)fprintf(stderr, "weir: %s\n", worker_problem(worker));
        return 1;
    }
    char memory[LISTENERS_TEXT_MAX];
    struct text listeners = text_over(memory, sizeof(memory));
    worker_print_listeners(worker, &listeners);
    (void)fprintf(stderr, "weir: ready, listening on %.*s\n", (int)listeners.length,
                  listeners.data);
    if (ready)
        ready(text_slice(&listeners));
    obey_signals(worker, reload);
    (void)fprintf(stderr, "weir: stopping\n");
    drain(worker, drain_time(worker_snapshot(worker)));
    return 0;
}

int serve(struct snapshot *snapshot, struct server_registry *servers, struct sys_opener *opener,
          const struct reload *reload, void (*ready)(struct slice listeners))
{
    error_log_start(snapshot);
    (void)sys_raise_descriptor_limit();
    sys_signals_prepare();
    struct worker *worker = worker_new(servers, opener);
    if (!worker || !server_registry_start(servers, tell_look_up, NULL)) {
        (void)fprintf(stderr, "weir: the system refuses memory or threads\n");
        snapshot_unref(snapshot);
        worker_free(worker);
        return 1;
    }
    server_registry_wait(servers, FIRST_LOOK_UP_MS);
    int status = run_worker(worker, snapshot, reload, ready);
    worker_free(worker);
    return status;
}
