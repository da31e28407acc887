/* The Combined Log Format, as Apache made it and everybody reads it:
 *
 *     client - - [time] "method target version" status bytes "referer" "user agent"
 *
 * Bytes from outside are escaped, so that no line can be forged. A line is built on the stack and
 * handed to its sink; nothing is allocated. */
#include "exchange/access_log.h"

#include "base/assert.h"
#include "base/map.h"
#include "exchange/exchange.h"
#include "exchange/log_settings.h"
#include "obs/escape.h"
#include "obs/log.h"

#include <stdlib.h>
#include <time.h>

enum { /* escaped bytes; with all the rest they fit into a line */
       METHOD_MAX = 64,
       TARGET_MAX = 8 * 1024,
       FIELD_MAX = 2 * 1024,
};

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
    if (!logs->sinks || setting->format == ACCESS_OFF)
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

/* ---- the line */

struct access_note access_log_note(const struct request_head *head)
{
    const struct field *referer = fields_find(&head->fields, FIELD_REFERER);
    const struct field *user_agent = fields_find(&head->fields, FIELD_USER_AGENT);
    struct slice none = slice_of(NULL, 0);
    return (struct access_note){.referer = referer ? referer->value : none,
                                .user_agent = user_agent ? user_agent->value : none};
}

/* Whether the request could be read at all. */
static bool is_known(const struct exchange *exchange)
{
    return exchange->client_target.data != NULL;
}

static struct access_note note_of(const struct exchange *exchange)
{
    if (exchange->plan)
        return exchange->access_note;
    return is_known(exchange) ? access_log_note(&exchange->request) : (struct access_note){0};
}

/* What the client was told, or would have been; 0: nothing. */
static unsigned status_of(const struct exchange *exchange)
{
    if (exchange->response_sent)
        return exchange->response.status;
    return exchange->error ? error_status(exchange->error) : 0;
}

static void add_request_line(struct text *line, const struct exchange *exchange)
{
    const struct request_head *head = &exchange->request;
    if (!is_known(exchange)) {
        text_add_byte(line, '-');
        return;
    }
    escape_add(line, head->method_text, METHOD_MAX);
    text_add_byte(line, ' ');
    escape_add(line, exchange->client_target, TARGET_MAX);
    text_add(line, head->minor_version == 0 ? SLICE(" HTTP/1.0") : SLICE(" HTTP/1.1"));
}

static void add_status(struct text *line, unsigned status)
{
    ASSERT(status <= 999);
    text_add_byte(line, (char)('0' + status / 100));
    text_add_byte(line, (char)('0' + status / 10 % 10));
    text_add_byte(line, (char)('0' + status % 10));
}

static void add_field(struct text *line, struct slice value)
{
    text_add(line, SLICE(" \""));
    if (value.length == 0)
        text_add_byte(line, '-');
    escape_add(line, value, FIELD_MAX);
    text_add_byte(line, '"');
}

void access_log_print(struct text *line, const struct exchange *exchange, struct slice time)
{
    struct access_note note = note_of(exchange);
    ip_print(line, &exchange->client);
    text_add(line, SLICE(" - - ["));
    text_add(line, time);
    text_add(line, SLICE("] \""));
    add_request_line(line, exchange);
    text_add(line, SLICE("\" "));
    add_status(line, status_of(exchange));
    text_add_byte(line, ' ');
    text_add_number(line, exchange->response_body_bytes);
    add_field(line, note.referer);
    add_field(line, note.user_agent);
    text_add_byte(line, '\n');
}

/* In UTC; made once a second. */
static struct slice time_of(struct loop_context *context)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t now = loop_wall(context->loop);
    struct text text = text_over(context->log_time, sizeof(context->log_time));
    if (context->log_second != now || context->log_time[0] == '\0') {
        struct tm tm;
        time_t seconds = (time_t)now;
        (void)gmtime_r(&seconds, &tm);
        text_print(&text, "%02d/%s/%04d:%02d:%02d:%02d +0000", tm.tm_mday, months[tm.tm_mon],
                   tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        context->log_second = now;
    }
    return slice_of(context->log_time, 26);
}

/* ---- the end of an exchange */

static void tell_failure(const struct exchange *exchange)
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
              LOG_TEXT("method", is_known(exchange) ? exchange->request.method_text : none),
              LOG_NUMBER("status", status_of(exchange)));
}

void access_log_write(struct exchange *exchange)
{
    if (exchange->error)
        tell_failure(exchange);
    struct log_sink *sink =
        exchange->plan ? exchange->plan->access_log : exchange->hold->plans->access_log;
    if (!sink)
        return;
    char memory[ACCESS_LINE_MAX];
    struct text line = text_over(memory, sizeof(memory));
    access_log_print(&line, exchange, time_of(exchange->context));
    ASSERT(!text_is_cut(&line));
    log_sink_write(sink, text_slice(&line));
}
