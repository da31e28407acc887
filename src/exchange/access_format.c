/* common and combined, as Apache made them and everybody reads them:
 *
 *     client - - [time] "method target version" status bytes
 *     client - - [time] "method target version" status bytes "referer" "user agent"
 *
 * A line is built on the stack. */
#include "exchange/access_format.h"

#include "base/assert.h"
#include "exchange/exchange.h"
#include "exchange/json_text.h"
#include "exchange/outcome.h"
#include "exchange/request_id.h"
#include "obs/escape.h"

enum { /* escaped bytes; with all the rest they fit into a line */
       METHOD_MAX = 64,
       NAME_MAX_LENGTH = 512,
       TARGET_MAX = 8 * 1024,
       FIELD_MAX = 2 * 1024,
};

struct writer {
    struct text *line;
    struct exchange *exchange;
    const struct access_setting *setting;
    struct slice time;
    bool is_known; /* the request could be read */
    struct access_note note;
};

static struct access_note note_of(const struct exchange *exchange)
{
    if (exchange->plan)
        return exchange->access_note;
    return outcome_is_known(exchange) ? access_log_note(&exchange->request)
                                      : (struct access_note){0};
}

static struct slice shown_target(const struct writer *writer, struct slice target)
{
    return hide_in_target(target, &writer->setting->hidden, &writer->exchange->arena);
}

/* ---- common, combined */

static void add_request_line(struct writer *writer)
{
    const struct request_head *head = &writer->exchange->request;
    if (!writer->is_known) {
        text_add_byte(writer->line, '-');
        return;
    }
    escape_add(writer->line, head->method_text, METHOD_MAX);
    text_add_byte(writer->line, ' ');
    escape_add(writer->line, shown_target(writer, writer->exchange->client_target), TARGET_MAX);
    text_add_byte(writer->line, ' ');
    text_add(writer->line, outcome_protocol(writer->exchange));
}

static void add_status(struct text *line, unsigned status)
{
    ASSERT(status <= ACCESS_STATUS_MAX);
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

static void add_common(struct writer *writer)
{
    struct text *line = writer->line;
    ip_print(line, &writer->exchange->client);
    text_add(line, SLICE(" - - ["));
    text_add(line, writer->time);
    text_add(line, SLICE("] \""));
    add_request_line(writer);
    text_add(line, SLICE("\" "));
    add_status(line, outcome_status(writer->exchange));
    text_add_byte(line, ' ');
    text_add_number(line, writer->exchange->response_body_bytes);
}

static void add_combined(struct writer *writer)
{
    add_common(writer);
    add_field(writer->line, shown_target(writer, writer->note.referer));
    add_field(writer->line, writer->note.user_agent);
}

/* ---- values of variables */

/* What may be looked at where the request could not be read. */
static bool may_ask(const struct writer *writer, const struct variable *variable)
{
    static const char *const always[] = {"client_ip", "peer_ip", "request_id"};
    if (writer->is_known || variable->phase != TEMPLATE_REQUEST)
        return true;
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        if (strcmp(variable->name, always[i]) == 0)
            return true;
    }
    return false;
}

static struct slice value_of(const struct writer *writer, const struct template_part *part)
{
    const struct variable *variable = part->variable;
    struct arena *arena = &writer->exchange->arena;
    const struct hidden_names *hidden = &writer->setting->hidden;
    if (!variable)
        return part->text;
    if (!may_ask(writer, variable))
        return SLICE("");
    struct slice value = variable->get(writer->exchange, part->text, arena);
    if (!value.data)
        return SLICE("");
    if (strcmp(variable->name, "query.") == 0 && hidden_names_have(hidden, part->text))
        return value.length ? SLICE("[hidden]") : value;
    if (strcmp(variable->name, "query") == 0)
        return hide_in_query(value, hidden, arena);
    bool is_url = strcmp(variable->name, "target") == 0 ||
                  (slice_equal_fold(part->text, SLICE("referer"))) ||
                  slice_equal_fold(part->text, SLICE("location"));
    return is_url ? hide_in_target(value, hidden, arena) : value;
}

/* ---- a text with variables */

static void add_text(struct writer *writer)
{
    const struct template *text = writer->setting->format.text;
    for (uint32_t i = 0; i < template_part_count(text); i++) {
        struct template_part part = template_part(text, i);
        struct slice value = value_of(writer, &part);
        if (!part.variable)
            text_add(writer->line, value);
        else if (value.length == 0)
            text_add_byte(writer->line, '-');
        else
            escape_add(writer->line, value, TARGET_MAX);
    }
}

/* ---- json */

static void add_key(struct text *line, struct slice key)
{
    text_add(line, line->data[line->length - 1] == '{' ? SLICE("") : SLICE(","));
    json_add_text(line, key, 6 * ACCESS_KEY_MAX);
    text_add_byte(line, ':');
}

static void add_plain_key(struct text *line, const char *key)
{
    text_add(line, line->data[line->length - 1] == '{' ? SLICE("\"") : SLICE(",\""));
    text_add(line, slice_from_text(key));
    text_add(line, SLICE("\":"));
}

static void add_json(struct writer *writer, const char *key, struct slice value, size_t max)
{
    add_plain_key(writer->line, key);
    if (value.length == 0)
        text_add(writer->line, SLICE("null"));
    else
        json_add_text(writer->line, value, max);
}

static void add_json_number(struct writer *writer, const char *key, uint64_t number)
{
    add_plain_key(writer->line, key);
    text_add_number(writer->line, number);
}

static void add_json_ip(struct writer *writer, const char *key, const struct ip *ip)
{
    char memory[ADDRESS_TEXT_MAX];
    struct text text = text_over(memory, sizeof(memory));
    ip_print(&text, ip);
    add_json(writer, key, text_slice(&text), sizeof(memory));
}

static void add_json_time(struct writer *writer)
{
    text_add(writer->line, SLICE("\"time\":\""));
    outcome_add_iso_time(writer->line);
    text_add_byte(writer->line, '"');
}

static void add_json_way(struct writer *writer)
{
    const struct exchange *exchange = writer->exchange;
    const struct upstream *upstream = exchange->plan ? exchange->plan->upstream : NULL;
    const struct server *server = exchange->call.server;
    struct slice none = SLICE("");
    add_json_ip(writer, "client", &exchange->client);
    add_json_ip(writer, "peer", &exchange->peer);
    add_json(writer, "site", exchange->site ? exchange->site->name : none, NAME_MAX_LENGTH);
    add_json(writer, "route", outcome_route(exchange), NAME_MAX_LENGTH);
    add_json(writer, "upstream", upstream ? upstream->name : none, NAME_MAX_LENGTH);
    add_json(writer, "server", server ? server->key : none, NAME_MAX_LENGTH);
}

static void add_json_request(struct writer *writer)
{
    const struct exchange *exchange = writer->exchange;
    struct slice none = SLICE("");
    bool is_known = writer->is_known;
    add_json(writer, "method", is_known ? exchange->request.method_text : none, METHOD_MAX);
    add_json(writer, "host", is_known ? exchange->host : none, NAME_MAX_LENGTH);
    add_json(writer, "target", is_known ? shown_target(writer, exchange->client_target) : none,
             TARGET_MAX);
    add_json(writer, "protocol", is_known ? outcome_protocol(exchange) : none, METHOD_MAX);
    add_json(writer, "referer", shown_target(writer, writer->note.referer), FIELD_MAX);
    add_json(writer, "user_agent", writer->note.user_agent, FIELD_MAX);
}

static void add_json_seconds(struct writer *writer, const char *key, bool is_known,
                             uint64_t milliseconds)
{
    add_plain_key(writer->line, key);
    if (is_known)
        outcome_add_seconds(writer->line, milliseconds);
    else
        text_add(writer->line, SLICE("null"));
}

static void add_json_outcome(struct writer *writer)
{
    const struct exchange *exchange = writer->exchange;
    uint64_t connect, first_byte;
    add_json_number(writer, "status", outcome_status(exchange));
    add_json_number(writer, "bytes_in", exchange->request_body_bytes);
    add_json_number(writer, "bytes_out", exchange->response_body_bytes);
    bool is_connected = outcome_connect_milliseconds(exchange, &connect);
    bool is_answered = outcome_first_byte_milliseconds(exchange, &first_byte);
    add_json_seconds(writer, "time_connect", is_connected, connect);
    add_json_seconds(writer, "time_first_byte", is_answered, first_byte);
    add_json_seconds(writer, "time_total", true, outcome_milliseconds(exchange));
    add_json_number(writer, "attempts", outcome_attempts(exchange));
    add_json(writer, "error", outcome_error(exchange, &writer->exchange->arena), NAME_MAX_LENGTH);
}

static void add_json_line(struct writer *writer)
{
    text_add_byte(writer->line, '{');
    add_json_time(writer);
    add_json(writer, "request_id", request_id(writer->exchange), REQUEST_ID_MAX);
    add_json_way(writer);
    add_json_request(writer);
    add_json_outcome(writer);
    text_add_byte(writer->line, '}');
}

/* ---- JSON with keys of one's own */

/* The value of a field in one piece. */
static struct slice join_value(const struct writer *writer, const struct template *value)
{
    struct slice parts[TEMPLATE_PIECES_MAX];
    uint32_t count = template_part_count(value);
    for (uint32_t i = 0; i < count; i++) {
        struct template_part part = template_part(value, i);
        parts[i] = value_of(writer, &part);
    }
    return count == 1 ? parts[0] : arena_join(&writer->exchange->arena, parts, count);
}

/* A single variable that counts or measures is a number. */
static bool is_number(const struct template *value)
{
    if (template_part_count(value) != 1)
        return false;
    static const char *const numbers[] = {"status",     "bytes_in",       "bytes_out",
                                          "attempts",   "time.connect",   "time.first_byte",
                                          "time.total", "time.handshake", "time.queue"};
    const struct variable *variable = template_part(value, 0).variable;
    if (!variable)
        return false;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(variable->name, numbers[i]) == 0)
            return true;
    }
    return false;
}

static void add_own_fields(struct writer *writer)
{
    const struct access_format_setting *format = &writer->setting->format;
    enum { OTHERS_MAX = 6 * ACCESS_KEY_MAX + 32 };
    text_add_byte(writer->line, '{');
    for (uint32_t i = 0; i < format->field_count; i++) {
        const struct access_field *field = &format->fields[i];
        struct slice value = join_value(writer, field->value);
        size_t reserved = (format->field_count - i) * OTHERS_MAX;
        size_t used = writer->line->length + reserved;
        size_t room = used < writer->line->capacity ? writer->line->capacity - used : 0;
        add_key(writer->line, field->key);
        if (value.length == 0)
            text_add(writer->line, SLICE("null"));
        else if (is_number(field->value) && json_is_number(value))
            text_add(writer->line, value);
        else
            json_add_text(writer->line, value, room < TARGET_MAX ? room + 3 : TARGET_MAX);
    }
    text_add_byte(writer->line, '}');
}

/* ---- */

void access_format_print(struct text *line, struct exchange *exchange,
                         const struct access_setting *setting, struct slice time)
{
    struct text body = text_over(line->data, line->capacity - sizeof("..."));
    struct writer writer = {.line = &body,
                            .exchange = exchange,
                            .setting = setting,
                            .time = time,
                            .is_known = outcome_is_known(exchange),
                            .note = note_of(exchange)};
    static void (*const formats[])(struct writer * writer) = {
        [ACCESS_COMMON] = add_common,     [ACCESS_COMBINED] = add_combined,
        [ACCESS_JSON] = add_json_line,    [ACCESS_TEXT] = add_text,
        [ACCESS_FIELDS] = add_own_fields,
    };
    ASSERT(setting->format.kind != ACCESS_OFF && line->length == 0);
    formats[setting->format.kind](&writer);
    line->length = body.length;
    if (text_is_cut(&body))
        text_add(line, SLICE("..."));
    text_add_byte(line, '\n');
}
