#include "main/serve.h"

#include "base/assert.h"
#include "control/error_log.h"
#include "exchange/exchange.h"
#include "main/control.h"
#include "main/privileges.h"
#include "main/vocabulary.h"
#include "obs/log.h"
#include "sys/signal.h"
#include "sys/thread.h"
#include "sys/usage.h"
#include "upstream/follower.h"
#include "upstream/resolver_settings.h"

#include <stdio.h>

enum {
    FIRST_LOOK_UP_MS = 2000, /* how long names may take before service begins without them */
    STOP_LOOK_MS = 20,
};

static unsigned thread_count(const struct snapshot *snapshot)
{
    const struct configuration *configuration = snapshot->configuration;
    const struct process_settings *settings =
        scope_group(configuration, configuration->top, &process_group);
    return settings->threads > 0 ? (unsigned)settings->threads : sys_cpu_count();
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

/* On the thread of a loop that hangs. */
static void tell_in_hand(void)
{
    exchange_tell_in_hand(NULL);
}

/* False: Weir is to stop before it has begun. */
static bool await_names(struct server_registry *servers, bool is_supervised)
{
    for (int waited = 0; waited < FIRST_LOOK_UP_MS; waited += STOP_LOOK_MS) {
        if (server_registry_wait(servers, STOP_LOOK_MS))
            return true;
        if (sys_signals_stop_waits(is_supervised))
            return false;
    }
    return true;
}

static int run_worker(struct control *control, struct snapshot *snapshot, struct sys_opener *opener,
                      void (*ready)(struct slice listeners))
{
    struct worker *worker = control->worker;
    if (!worker_start(worker, snapshot, thread_count(snapshot))) {
        (void)fprintf(stderr, "weir: %s\n", worker_problem(worker));
        return 1;
    }
    const char *path = control->reload ? control->reload->path : NULL;
    if (!reload_open_admin(control->admin, worker_snapshot(worker), path, opener))
        return 1;
    opener->keep_loaded(opener);
    char memory[LISTENERS_TEXT_MAX];
    struct text listeners = text_over(memory, sizeof(memory));
    worker_print_listeners(worker, &listeners);
    (void)fprintf(stderr, "weir: ready, listening on %.*s\n", (int)listeners.length,
                  listeners.data);
    if (ready)
        ready(text_slice(&listeners));
    control_run(control);
    return 0;
}

int serve(struct snapshot *snapshot, struct server_registry *servers, struct sys_opener *opener,
          const struct reload *reload, void (*ready)(struct slice listeners))
{
    error_log_start(snapshot);
    sys_usage_prepare();
    if (opener->process == 0)
        privileges_keep_as_told(snapshot->configuration);
    (void)sys_raise_descriptor_limit();
    sys_signals_prepare();
    assert_hook = exchange_tell_in_hand;
    sys_thread_on_interrupt(tell_in_hand);
    const struct dns_settings name_servers = resolver_settings_of(snapshot->configuration);
    server_registry_ask(servers, &name_servers);
    struct control control = {0};
    struct worker *worker = worker_new(servers, opener);
    if (!worker || !control_init(&control, worker, reload, opener) ||
        !server_registry_start(servers, tell_look_up, NULL)) {
        (void)fprintf(stderr, "weir: the system refuses memory, threads or descriptors\n");
        snapshot_unref(snapshot);
        control_fini(&control);
        worker_free(worker);
        return 1;
    }
    int status = 0;
    if (await_names(servers, opener->process > 0)) {
        status = run_worker(&control, snapshot, opener, ready);
    } else {
        (void)fprintf(stderr, "weir: stopping\n");
        snapshot_unref(snapshot);
    }
    follower_stop(control.follower);
    worker_free(worker);
    control_fini(&control);
    return status;
}
