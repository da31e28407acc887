#include "exchange/access_log.h"

#include "base/map.h"
#include "exchange/access_format.h"
#include "exchange/exchange.h"
#include "exchange/log_settings.h"
#include "exchange/outcome.h"
#include "exchange/request_id.h"
#include "obs/log.h"

#include <stdlib.h>

/* ---- the logs of a snapshot */

struct access_logs {
    struct log_sinks *sinks;
    struct map opened; /* sinks by name; names belong to the configuration */
};

struct access_logs *access_logs_new(struct log_sinks *sinks)
{
    struct access_logs *logs = calloc(1, sizeof(*logs));
    if (!logs)
        return NULL;
    logs->sinks = sinks;
    map_init(&logs->opened);
    return logs;
}

static struct log_sink *open_sink(struct access_logs *logs, const struct access_setting *setting,
                                  struct diagnostics *diagnostics)
{
    const char *problem = NULL;
    struct log_sink *sink = logs->sinks->open(logs->sinks, setting->to, &problem);
    if (!sink) {
        diagnostics_error(
            diagnostics, setting->position, "name a file that can be written, stdout or stderr",
            "the access log \"%.*s\" cannot be opened: %s", SHOWN(setting->to), problem);
        return NULL;
    }
    if (map_set(&logs->opened, setting->to, sink))
        return sink;
    logs->sinks->close(logs->sinks, sink);
    return NULL;
}

bool access_logs_open(struct access_logs *logs, const struct access_setting *setting,
                      struct diagnostics *diagnostics, struct log_sink **ret_sink)
{
    *ret_sink = NULL;
    if (!logs->sinks || setting->format.kind == ACCESS_OFF)
        return true;
    *ret_sink = map_get(&logs->opened, setting->to);
    if (!*ret_sink)
        *ret_sink = open_sink(logs, setting, diagnostics);
    return *ret_sink != NULL;
}

void access_logs_free(struct access_logs *logs)
{
    if (!logs)
        return;
    for (size_t i = 0; i < logs->opened.capacity; i++) {
        if (logs->opened.entries[i].value)
            logs->sinks->close(logs->sinks, logs->opened.entries[i].value);
    }
    map_fini(&logs->opened);
    free(logs);
}

/* ---- the end of an exchange */

struct access_note access_log_note(const struct request_head *head)
{
    const struct field *referer = fields_find(&head->fields, FIELD_REFERER);
    const struct field *user_agent = fields_find(&head->fields, FIELD_USER_AGENT);
    struct slice none = slice_of(NULL, 0);
    return (struct access_note){.referer = referer ? referer->value : none,
                                .user_agent = user_agent ? user_agent->value : none};
}

__attribute__((noinline)) COLD static void tell_failure(struct exchange *exchange)
{
    bool by_client = error_side(exchange->error) == ERROR_SIDE_CLIENT;
    const struct upstream *upstream = exchange->plan ? exchange->plan->upstream : NULL;
    const struct server *server = exchange->call.server;
    struct slice none = SLICE("");
    log_event(by_client ? LOG_DEBUG : LOG_WARNING, error_words(exchange->error),
              LOG_TEXT("server", server ? server->key : none),
              LOG_TEXT("upstream", upstream ? upstream->name : none),
              LOG_TEXT("site", exchange->site ? exchange->site->name : none),
              LOG_IP("client", &exchange->client),
              LOG_TEXT("method", outcome_is_known(exchange) ? exchange->request.method_text : none),
              LOG_NUMBER("status", outcome_status(exchange)),
              LOG_TEXT("request_id", request_id(exchange)));
}

/* A whole trace is kept or left, wherever its id was made. What failed by us or a server is kept.
 */
static bool is_sampled(struct exchange *exchange, const struct access_setting *setting)
{
    if (setting->sample >= ACCESS_SAMPLE_ALL || outcome_status(exchange) >= 500)
        return true;
    return slice_hash(request_id(exchange), 0) >> 32 < setting->sample;
}

static bool is_wanted(struct exchange *exchange, const struct access_setting *setting)
{
    const struct access_when *when = setting->when;
    return is_sampled(exchange, setting) &&
           (!when ||
            access_when_holds(when, outcome_status(exchange), outcome_milliseconds(exchange)));
}

/* A function of its own, and not inlined: a frame as large as a line is touched page by page where
 * it is entered (-fstack-clash-protection), which an exchange that is not logged need not pay. */
__attribute__((noinline)) static void write_line(struct exchange *exchange, struct log_sink *sink,
                                                 const struct access_setting *setting)
{
    char memory[ACCESS_LINE_MAX];
    struct text line = text_over(memory, sizeof(memory));
    access_format_print(&line, exchange, setting, outcome_common_time(exchange->context));
    log_sink_write(
        sink, outcome_status(exchange) >= 500 ? LOG_SEVERITY_WARNING : LOG_SEVERITY_INFORMATION,
        text_slice(&line));
}

void access_log_write(struct exchange *exchange)
{
    if (exchange->error)
        tell_failure(exchange);
    const struct plan *plan = exchange->plan;
    const struct plans *plans = exchange->hold->plans;
    struct log_sink *sink = plan ? plan->access_log : plans->access_log;
    if (!sink)
        return;
    const struct access_setting *setting = plan ? plan->access : plans->access;
    if (is_wanted(exchange, setting))
        write_line(exchange, sink, setting);
}
