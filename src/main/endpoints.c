#include "main/endpoints.h"

#include "control/log_writer.h"
#include "control/metrics_page.h"
#include "control/stapler.h"
#include "control/upstream_change.h"
#include "control/upstream_page.h"
#include "main/control.h"
#include "main/explain_live.h"
#include "main/hidden.h"
#include "main/registries.h"
#include "main/upgrade.h"
#include "net/listener.h"
#include "sys/clock.h"
#include "sys/open.h"
#include "sys/usage.h"
#include "upstream/follower.h"
#include "upstream/upstream.h"

#include <errno.h>

static const char JSON[] = "application/json";

enum { OUTCOME_MAX = 2 * UPGRADE_WORDS_MAX };

static const struct snapshot *snapshot_of(const struct control *control)
{
    return worker_snapshot(control->worker);
}

/* ---- what there is */

static void answer_index(void *context, const struct admin_request *request,
                         struct admin_reply *reply)
{
    (void)context;
    (void)request;
    for (const struct admin_endpoint *endpoint = endpoints; endpoint->path; endpoint++)
        (void)fprintf(reply->body, "%-4s %-17s %s\n", endpoint->changes ? "POST" : "GET",
                      endpoint->path, endpoint->summary);
}

static void answer_health(void *context, const struct admin_request *request,
                          struct admin_reply *reply)
{
    (void)request;
    const struct control *control = context;
    bool stops = worker_is_draining(control->worker);
    reply->status = stops ? 503 : 200;
    (void)fputs(stops ? "stopping\n" : "good\n", reply->body);
}

/* ---- status */

static void print_listeners(FILE *file, const struct worker *worker)
{
    char memory[LISTENERS_TEXT_MAX];
    struct text text = text_over(memory, sizeof(memory));
    worker_print_listeners(worker, &text);
    struct slice rest = text_slice(&text);
    for (bool is_first = true; !slice_is_empty(rest); is_first = false) {
        (void)fputs(is_first ? "" : ", ", file);
        admin_print_json(file, slice_trim(slice_cut(&rest, ',')));
    }
}

static void print_reloads(FILE *file, const struct reload_history *history)
{
    (void)fprintf(file, "{\"done\": %llu, \"refused\": %llu, \"last\": ",
                  (unsigned long long)history->done, (unsigned long long)history->refused);
    if (history->last == 0) {
        (void)fputs("null}", file);
        return;
    }
    (void)fprintf(file, "{\"time\": %lld, \"done\": %s, \"words\": ", (long long)history->last,
                  history->last_was_done ? "true" : "false");
    admin_print_json(file, slice_from_text(history->words));
    (void)fputs("}}", file);
}

static void print_supervisor(FILE *file, uint32_t process)
{
    if (process > 0)
        (void)fprintf(file, "%u", process);
    else
        (void)fputs("null", file);
}

static void answer_status(void *context, const struct admin_request *request,
                          struct admin_reply *reply)
{
    (void)request;
    const struct control *control = context;
    const struct snapshot *snapshot = snapshot_of(control);
    FILE *file = reply->body;
    reply->type = JSON;
    (void)fprintf(file,
                  "{\n  \"version\": \"%s\",\n  \"process\": %u,\n  \"supervisor\": ", WEIR_VERSION,
                  sys_process());
    print_supervisor(file, control->supervisor);
    (void)fprintf(file,
                  ",\n  \"started\": %lld,\n  \"uptime_seconds\": %lld,\n"
                  "  \"state\": \"%s\",\n  \"configuration\": ",
                  (long long)control->started,
                  (long long)((sys_monotonic_ms() - control->started_ms) / 1000),
                  worker_is_draining(control->worker) ? "stopping" : "serving");
    admin_print_json(file, snapshot->configuration->sources[0].name);
    (void)fprintf(file, ",\n  \"threads\": %u,\n  \"connections\": %llu,\n  \"listeners\": [",
                  worker_threads(control->worker),
                  (unsigned long long)worker_connections(control->worker));
    print_listeners(file, control->worker);
    (void)fputs("],\n  \"reloads\": ", file);
    print_reloads(file, &control->history);
    (void)fputs(",\n  \"upstreams\": [", file);
    upstream_page_print_json(file, snapshot_get(snapshot, &upstream_part), sys_monotonic_ms());
    (void)fputs("\n  ]\n}\n", file);
}

/* ---- the configuration */

static void answer_configuration(void *context, const struct admin_request *request,
                                 struct admin_reply *reply)
{
    (void)request;
    const struct configuration *configuration = snapshot_of(context)->configuration;
    for (size_t i = 0; i < configuration->source_count; i++) {
        struct slice name = configuration->sources[i].name;
        (void)fprintf(reply->body, "%s# ---- %.*s\n", i > 0 ? "\n" : "", (int)name.length,
                      name.data);
        hidden_print_source(reply->body, configuration, i);
    }
}

/* ---- metrics */

static void answer_metrics(void *context, const struct admin_request *request,
                           struct admin_reply *reply)
{
    (void)request;
    const struct control *control = context;
    const struct worker *worker = control->worker;
    const struct loop_counts *loops[LISTENER_LOOPS_MAX];
    const struct loop_gauges *gauges[LISTENER_LOOPS_MAX];
    uint64_t delays[LISTENER_LOOPS_MAX];
    for (unsigned i = 0; i < worker_threads(worker); i++) {
        loops[i] = worker_counts(worker, i);
        gauges[i] = worker_gauges(worker, i);
        delays[i] = worker_delay_microseconds(worker, i);
    }
    struct accept_queue queues[ACCEPT_QUEUES_MAX];
    struct sys_usage usage = sys_process_usage();
    struct follower_counts names;
    struct stapler_counts staples;
    follower_count(control->follower, &names);
    stapler_count(control->stapler, &staples);
    const struct log_writer *logs =
        control->reload ? control->reload->registries->log_writer : NULL;
    const struct metrics_sources sources = {
        .routes = worker_metrics(worker),
        .loops = loops,
        .gauges = gauges,
        .delays = delays,
        .loop_count = worker_threads(worker),
        .accept_queues = queues,
        .accept_queue_count = worker_accept_queues(worker, queues, ACCEPT_QUEUES_MAX),
        .snapshot = snapshot_of(control),
        .snapshots = worker_snapshots(worker),
        .servers = server_registry_count(worker_servers(worker)),
        .names = names.names,
        .names_failing = names.failing,
        .look_ups = names.look_ups,
        .look_ups_failed = names.failures,
        .staples = &staples,
        .connections = worker_connections(worker),
        .hangs = worker_hangs(worker),
        .reloads_done = control->history.done,
        .reloads_refused = control->history.refused,
        .reloaded = control->history.last,
        .started = control->started,
        .log_lines_lost = logs ? log_writer_lost(logs) : 0,
        .log_waiting_bytes = logs ? log_writer_waiting(logs) : 0,
        .resident_bytes = usage.resident_bytes,
        .descriptors = usage.descriptors,
        .threads = usage.threads,
    };
    reply->type = metrics_page_type;
    metrics_page_print(reply->body, &sources);
}

/* ---- servers */

static struct upstream_change change_of(const struct control *control)
{
    return (struct upstream_change){.table = snapshot_get(snapshot_of(control), &upstream_part),
                                    .servers = worker_servers(control->worker),
                                    .health = control->health,
                                    .roster = worker_roster(control->worker),
                                    .now_ms = sys_monotonic_ms()};
}

static void answer_upstreams(void *context, const struct admin_request *request,
                             struct admin_reply *reply)
{
    const struct upstream_change change = change_of(context);
    upstream_list_answer(&change, request, reply);
}

static void answer_upstreams_change(void *context, const struct admin_request *request,
                                    struct admin_reply *reply)
{
    const struct upstream_change change = change_of(context);
    upstream_change_answer(&change, request, reply);
}

/* ---- a request */

static void answer_explain(void *context, const struct admin_request *request,
                           struct admin_reply *reply)
{
    const struct worker *worker = ((const struct control *)context)->worker;
    explain_live_answer(worker_snapshot(worker), worker_servers(worker), request, reply);
}

/* ---- what changes something */

static void answer_reload(void *context, const struct admin_request *request,
                          struct admin_reply *reply)
{
    (void)request;
    struct control *control = context;
    if (!control->reload) {
        reply->status = 409;
        (void)fputs("this Weir was started without a file that could be read again\n", reply->body);
    } else if (!control_reload(control, reply->body)) {
        reply->status = 422;
    }
}

static void answer_stop(void *context, const struct admin_request *request,
                        struct admin_reply *reply)
{
    (void)request;
    struct control *control = context;
    if (!worker_is_draining(control->worker)) {
        control->opener->tell_stopping(control->opener);
        control_stop(control);
    }
    reply->status = 202;
    (void)fputs("stopping\n", reply->body);
}

static void answer_upgrade(void *context, const struct admin_request *request,
                           struct admin_reply *reply)
{
    (void)request;
    struct sys_opener *opener = ((struct control *)context)->opener;
    int error = opener->begin_upgrade(opener);
    reply->status = error ? 409 : 202;
    if (error == -EBUSY)
        (void)fputs("an upgrade is under way already\n", reply->body);
    else if (error == -ESHUTDOWN)
        (void)fputs("Weir is told to stop\n", reply->body);
    else if (error == -ENOTSUP)
        (void)fputs("a Weir of one process cannot be upgraded; restart it\n", reply->body);
    else if (error)
        (void)fprintf(reply->body, "the supervisor does not answer: %s\n", strerrordesc_np(-error));
    else
        (void)fputs("the upgrade has begun\n", reply->body);
}

static unsigned outcome_status(struct slice word)
{
    return slice_equal(word, SLICE("done"))     ? 200
           : slice_equal(word, SLICE("begun"))  ? 202
           : slice_equal(word, SLICE("failed")) ? 422
                                                : 404;
}

static void answer_upgrade_outcome(void *context, const struct admin_request *request,
                                   struct admin_reply *reply)
{
    (void)request;
    struct sys_opener *opener = ((struct control *)context)->opener;
    struct arena arena;
    struct slice words = {0};
    arena_init(&arena, NULL, 2 * (size_t)OUTCOME_MAX);
    int file = opener->open_upgrade_outcome(opener);
    if (file >= 0) {
        (void)sys_read_opened(file, OUTCOME_MAX, &arena, &words);
        sys_close(file);
    }
    struct slice word = slice_cut(&words, '\n');
    reply->status = outcome_status(word);
    if (reply->status == 202)
        words = SLICE("an upgrade is under way\n");
    else if (reply->status == 404)
        words = SLICE("there was no upgrade since Weir was started\n");
    (void)fwrite(words.data, 1, words.length, reply->body);
    arena_fini(&arena);
}

const struct admin_endpoint endpoints[] = {
    {"/", false, answer_index, "this list"},
    {"/healthz", false, answer_health, "200 while it serves, 503 when it stops"},
    {"/status", false, answer_status, "what it is and how it is, in JSON"},
    {"/upstreams", false, answer_upstreams,
     "the servers and how they are: all, or ?upstream=NAME, or that with &server=ADDRESS"},
    {"/upstreams/change", true, answer_upstreams_change,
     "tells a server: ?upstream=NAME&server=ADDRESS&order=drain, disable, enable, remove, add, or "
     "&weight=N"},
    {"/metrics", false, answer_metrics, "what was counted, for Prometheus"},
    {"/explain", false, answer_explain, "what becomes of a request: ?method=GET&url=http://..."},
    {"/config", false, answer_configuration, "the files of the configuration, without tokens"},
    {"/reload", true, answer_reload,
     "loads the configuration anew; 422 and why, where it is wrong"},
    {"/upgrade", true, answer_upgrade,
     "begins an upgrade to the program that lies on the disk now"},
    {"/upgrade/outcome", false, answer_upgrade_outcome,
     "what became of it: 202 it goes on, 200 done, 422 and why it failed, 404 there was none"},
    {"/stop", true, answer_stop, "ends what runs, and stops"},
    {0},
};
