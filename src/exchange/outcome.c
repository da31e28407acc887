#include "exchange/outcome.h"

#include "exchange/exchange.h"
#include "sys/clock.h"

#include <time.h>

bool outcome_is_known(const struct exchange *exchange)
{
    return exchange->client_target.data != NULL;
}

unsigned outcome_status(const struct exchange *exchange)
{
    if (exchange->response_sent)
        return exchange->response.status;
    return exchange->error ? error_status(exchange->error) : 0;
}

unsigned outcome_attempts(const struct exchange *exchange)
{
    return exchange->call.server ? exchange->call.asked_count : 0;
}

uint64_t outcome_milliseconds(const struct exchange *exchange)
{
    return loop_now(exchange->context->loop) - exchange->started;
}

bool outcome_connect_milliseconds(const struct exchange *exchange, uint64_t *ret_time)
{
    *ret_time = exchange->connected - exchange->called;
    return exchange->connected > 0;
}

bool outcome_first_byte_milliseconds(const struct exchange *exchange, uint64_t *ret_time)
{
    *ret_time = exchange->answered - exchange->started;
    return exchange->answered > 0;
}

struct slice outcome_protocol(const struct exchange *exchange)
{
    if (exchange->request.major_version == 2)
        return SLICE("HTTP/2.0");
    return exchange->request.minor_version == 0 ? SLICE("HTTP/1.0") : SLICE("HTTP/1.1");
}

struct slice outcome_error(const struct exchange *exchange, struct arena *arena)
{
    struct slice name = slice_from_text(exchange->error ? error_name(exchange->error) : "");
    char *memory = arena_alloc(arena, name.length + 1);
    if (!memory)
        return SLICE("");
    for (size_t i = 0; i < name.length; i++)
        memory[i] = ascii_lower(name.data[i]);
    return slice_of(memory, name.length);
}

/* In the trailers; in the head, where nothing else came (Trailers-Only). */
struct slice outcome_grpc_status(const struct exchange *exchange)
{
    const struct slice name = SLICE("grpc-status");
    const struct field *field = fields_find_text(&exchange->response_trailers, name);
    if (!field)
        field = fields_find_text(&exchange->response.fields, name);
    return field ? field->value : SLICE("");
}

struct slice outcome_route(const struct exchange *exchange)
{
    return exchange->route ? plan_route_name(exchange->route) : SLICE("");
}

static void add_digits(struct text *text, unsigned number, unsigned count)
{
    char digits[4];
    for (unsigned i = count; i > 0; i--) {
        digits[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
    text_add(text, slice_of(digits, count));
}

void outcome_add_seconds(struct text *text, uint64_t milliseconds)
{
    text_add_number(text, milliseconds / 1000);
    text_add_byte(text, '.');
    add_digits(text, (unsigned)(milliseconds % 1000), 3);
}

/* In UTC; made once a second. */
struct slice outcome_common_time(struct loop_context *context)
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

void outcome_add_iso_time(struct text *text)
{
    int64_t now_ms = sys_wall_ms();
    struct tm tm;
    time_t seconds = (time_t)(now_ms / 1000);
    (void)gmtime_r(&seconds, &tm);
    add_digits(text, (unsigned)(tm.tm_year + 1900), 4);
    text_add_byte(text, '-');
    add_digits(text, (unsigned)tm.tm_mon + 1, 2);
    text_add_byte(text, '-');
    add_digits(text, (unsigned)tm.tm_mday, 2);
    text_add_byte(text, 'T');
    add_digits(text, (unsigned)tm.tm_hour, 2);
    text_add_byte(text, ':');
    add_digits(text, (unsigned)tm.tm_min, 2);
    text_add_byte(text, ':');
    add_digits(text, (unsigned)tm.tm_sec, 2);
    text_add_byte(text, '.');
    add_digits(text, (unsigned)(now_ms % 1000), 3);
    text_add_byte(text, 'Z');
}
