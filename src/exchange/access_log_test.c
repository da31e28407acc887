#include "exchange/access_log.h"

#include "exchange/access_format.h"
#include "exchange/exchange.h"
#include "exchange/log_settings.h"
#include "obs/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

/* An exchange as it is at its end, and what it wrote. */
struct bench {
    struct arena arena;
    struct loop_context context;
    struct plans plans;
    struct snapshot_hold hold;
    struct server server;
    struct exchange exchange;
    char line[ACCESS_LINE_MAX], event[LOG_LINE_MAX];
    struct plan plan; /* of stages none: they would follow it */
};

static struct bench *bench;

static const struct access_setting combined = {.format = {.kind = ACCESS_COMBINED},
                                               .sample = ACCESS_SAMPLE_ALL};

static void keep(char *memory, size_t size, struct slice line)
{
    assert_true(line.length < size);
    memcpy(memory, line.data, line.length);
    memory[line.length] = '\0';
}

static void keep_line(struct log_sink *sink, enum log_severity severity, struct slice line)
{
    (void)severity;
    (void)sink;
    keep(bench->line, sizeof(bench->line), line);
}

static void keep_event(struct log_sink *sink, enum log_severity severity, struct slice line)
{
    (void)severity;
    (void)sink;
    keep(bench->event, sizeof(bench->event), line);
}

static struct log_sink line_sink = {.write = keep_line}, event_sink = {.write = keep_event};

static int64_t read_wall(void)
{
    return 1795201200123;
}

static void add_field(enum field_name id, struct slice value)
{
    assert_true(
        fields_add(&bench->exchange.request.fields, &bench->arena, id, field_name_text(id), value));
}

static int set_up(void **state)
{
    (void)state;
    bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    arena_init(&bench->arena, NULL, 1 << 20);
    bench->context.loop = loop_new();
    bench->hold.plans = &bench->plans;
    bench->plans.access_log = &line_sink;
    bench->plan.access_log = &line_sink;
    bench->plan.access = bench->plans.access = &combined;
    arena_init(&bench->exchange.arena, NULL, 1 << 20);
    bench->exchange.id = SLICE("f00d");
    bench->server.key = SLICE("10.0.0.1:80");
    struct exchange *exchange = &bench->exchange;
    exchange->context = &bench->context;
    exchange->hold = &bench->hold;
    exchange->client = (struct ip){.kind = ADDRESS_IPV4, .bytes = {192, 0, 2, 7}};
    exchange->client_target = SLICE("/a?b=c");
    exchange->request.method_text = SLICE("GET");
    exchange->request.minor_version = 1;
    assert_true(fields_init(&exchange->request.fields, &bench->arena, 4));
    log_start(&event_sink, LOG_DEBUG, read_wall);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    log_stop();
    loop_free(bench->context.loop);
    arena_fini(&bench->arena);
    arena_fini(&bench->exchange.arena);
    free(bench);
    return 0;
}

static void answered(unsigned status, uint64_t body_bytes)
{
    bench->exchange.response_sent = true;
    bench->exchange.response.status = (uint16_t)status;
    bench->exchange.response_body_bytes = body_bytes;
}

static void expect_line(const char *expected)
{
    struct text line = text_over(bench->line, sizeof(bench->line) - 1);
    access_format_print(&line, &bench->exchange, &combined, SLICE("20/Nov/2026:19:00:00 +0000"));
    bench->line[line.length] = '\0';
    assert_false(text_is_cut(&line));
    assert_string_equal(bench->line, expected);
}

static void a_line_is_in_the_combined_log_format(void **state)
{
    (void)state;
    add_field(FIELD_REFERER, SLICE("https://example.com/"));
    add_field(FIELD_USER_AGENT, SLICE("Mozilla/5.0 (X11)"));
    answered(200, 1234);
    expect_line("192.0.2.7 - - [20/Nov/2026:19:00:00 +0000] \"GET /a?b=c HTTP/1.1\" 200 1234 "
                "\"https://example.com/\" \"Mozilla/5.0 (X11)\"\n");
}

static void what_is_not_there_is_a_dash(void **state)
{
    (void)state;
    answered(304, 0);
    bench->exchange.request.minor_version = 0;
    expect_line("192.0.2.7 - - [20/Nov/2026:19:00:00 +0000] \"GET /a?b=c HTTP/1.0\" 304 0 "
                "\"-\" \"-\"\n");
}

static void a_request_that_could_not_be_read_is_dashes(void **state)
{
    (void)state;
    bench->exchange.client_target = slice_of(NULL, 0);
    bench->exchange.request.method_text = SLICE("G@T");
    add_field(FIELD_REFERER, SLICE("https://example.com/"));
    answered(400, 66);
    expect_line("192.0.2.7 - - [20/Nov/2026:19:00:00 +0000] \"-\" 400 66 \"-\" \"-\"\n");
}

static void no_byte_from_outside_can_forge_a_line(void **state)
{
    (void)state;
    bench->exchange.request.method_text = SLICE("G\"T");
    bench->exchange.client_target = SLICE("/\r\n127.0.0.1 - -\\\xc3\xa9");
    add_field(FIELD_REFERER, SLICE("\" 200 0 \"-\" \"-"));
    add_field(FIELD_USER_AGENT, SLICE("\x1b]0;title\x07\t"));
    answered(200, 5);
    expect_line("192.0.2.7 - - [20/Nov/2026:19:00:00 +0000] "
                "\"G\\x22T /\\x0D\\x0A127.0.0.1 - -\\x5C\\xC3\\xA9 HTTP/1.1\" 200 5 "
                "\"\\x22 200 0 \\x22-\\x22 \\x22-\" \"\\x1B]0;title\\x07\\x09\"\n");
}

static void the_longest_line_has_its_end(void **state)
{
    (void)state;
    static char bytes[65536];
    memset(bytes, 0xff, sizeof(bytes));
    struct slice value = slice_of(bytes, sizeof(bytes));
    bench->exchange.request.method_text = bench->exchange.client_target = value;
    assert_true(ip_parse(SLICE("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"), &bench->exchange.client));
    add_field(FIELD_REFERER, value);
    add_field(FIELD_USER_AGENT, value);
    answered(200, UINT64_MAX);
    struct text line = text_over(bench->line, sizeof(bench->line));
    access_format_print(&line, &bench->exchange, &combined, SLICE("20/Nov/2026:19:00:00 +0000"));
    assert_false(text_is_cut(&line));
    assert_true(slice_ends_with(text_slice(&line), SLICE("\\xFF...\"\n")));
}

static void a_client_that_left_before_the_answer_is_499(void **state)
{
    (void)state;
    bench->exchange.error = ERROR_CLIENT_GONE;
    expect_line("192.0.2.7 - - [20/Nov/2026:19:00:00 +0000] \"GET /a?b=c HTTP/1.1\" 499 0 "
                "\"-\" \"-\"\n");
}

static void the_line_tells_of_the_request_as_it_came(void **state)
{
    (void)state;
    struct exchange *exchange = &bench->exchange;
    add_field(FIELD_USER_AGENT, SLICE("mine"));
    exchange->plan = &bench->plan;
    exchange->access_note = access_log_note(&exchange->request);
    exchange->request.target = SLICE("/rewritten");
    assert_true(fields_remove(&exchange->request.fields, FIELD_USER_AGENT));
    answered(200, 1);
    expect_line("192.0.2.7 - - [20/Nov/2026:19:00:00 +0000] \"GET /a?b=c HTTP/1.1\" 200 1 "
                "\"-\" \"mine\"\n");
}

static void the_log_of_the_plan_goes_before_that_of_all(void **state)
{
    (void)state;
    answered(200, 1);
    access_log_write(&bench->exchange);
    assert_non_null(strstr(bench->line, "\"GET /a?b=c HTTP/1.1\" 200 1 \"-\" \"-\"\n"));
    bench->line[0] = '\0';
    bench->exchange.plan = &bench->plan;
    bench->plan.access_log = NULL;
    access_log_write(&bench->exchange);
    assert_string_equal(bench->line, "");
    assert_string_equal(bench->event, "");
}

static void the_time_is_that_of_the_loop(void **state)
{
    (void)state;
    answered(200, 1);
    access_log_write(&bench->exchange);
    char expected[64];
    time_t now = (time_t)loop_wall(bench->context.loop);
    struct tm tm;
    assert_int_equal(
        strftime(expected, sizeof(expected), "[%d/%b/%Y:%H:%M:%S +0000]", gmtime_r(&now, &tm)), 28);
    assert_non_null(strstr(bench->line, expected));
}

static void a_failing_server_is_a_warning(void **state)
{
    (void)state;
    struct exchange *exchange = &bench->exchange;
    exchange->call.server = &bench->server;
    exchange->error = ERROR_CONNECT_REFUSED;
    answered(502, 72);
    access_log_write(exchange);
    assert_string_equal(bench->event, "2026-11-20T19:00:00.123Z warning the server refuses "
                                      "connections server=10.0.0.1:80 client=192.0.2.7 method=GET "
                                      "status=502 request_id=f00d\n");
}

static void a_mistake_of_a_client_is_for_debugging(void **state)
{
    (void)state;
    bench->exchange.error = ERROR_BAD_FIELD;
    bench->exchange.client_target = slice_of(NULL, 0);
    answered(400, 66);
    access_log_write(&bench->exchange);
    assert_string_equal(bench->event, "2026-11-20T19:00:00.123Z debug a field of the request is "
                                      "malformed client=192.0.2.7 status=400 request_id=f00d\n");
}

/* ---- the logs of a snapshot */

struct counting_sinks {
    struct log_sinks sinks;
    unsigned opened, closed;
    const char *problem; /* NULL: opening works */
};

static struct log_sink *open_counted(struct log_sinks *sinks, struct slice name,
                                     const char **ret_problem)
{
    struct counting_sinks *self = (struct counting_sinks *)sinks;
    (void)name;
    *ret_problem = self->problem;
    if (self->problem)
        return NULL;
    self->opened++;
    return &line_sink;
}

static void close_counted(struct log_sinks *sinks, struct log_sink *sink)
{
    assert_ptr_equal(sink, &line_sink);
    ((struct counting_sinks *)sinks)->closed++;
}

static struct access_setting setting_to(const char *name)
{
    return (struct access_setting){.format = {.kind = ACCESS_COMBINED},
                                   .to = slice_from_text(name)};
}

static void a_file_is_opened_once_for_all_routes(void **state)
{
    (void)state;
    struct counting_sinks sinks = {.sinks = {open_counted, close_counted}};
    struct access_logs *logs = access_logs_new(&sinks.sinks);
    struct access_setting off = {.format = {.kind = ACCESS_OFF}};
    struct access_setting a = setting_to("a"), same = setting_to("a"), b = setting_to("b");
    struct log_sink *sink = &line_sink;
    assert_true(access_logs_open(logs, &off, NULL, &sink));
    assert_null(sink);
    assert_true(access_logs_open(logs, &a, NULL, &sink));
    assert_ptr_equal(sink, &line_sink);
    assert_true(access_logs_open(logs, &same, NULL, &sink));
    assert_true(access_logs_open(logs, &b, NULL, &sink));
    assert_int_equal(sinks.opened, 2);
    access_logs_free(logs);
    assert_int_equal(sinks.closed, 2);
}

static void a_file_that_cannot_be_opened_is_an_error_of_the_configuration(void **state)
{
    (void)state;
    struct counting_sinks sinks = {.sinks = {open_counted, close_counted}, .problem = "No"};
    struct access_logs *logs = access_logs_new(&sinks.sinks);
    struct diagnostics *diagnostics = diagnostics_new(4);
    struct access_setting a = setting_to("/a");
    struct log_sink *sink = NULL;
    assert_false(access_logs_open(logs, &a, diagnostics, &sink));
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    struct slice what = diagnostics_get(diagnostics, 0)->what;
    assert_true(slice_equal(what, SLICE("the access log \"/a\" cannot be opened: No")));
    diagnostics_free(diagnostics);
    access_logs_free(logs);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_in_the_combined_log_format),
        TEST(what_is_not_there_is_a_dash),
        TEST(a_request_that_could_not_be_read_is_dashes),
        TEST(no_byte_from_outside_can_forge_a_line),
        TEST(the_longest_line_has_its_end),
        TEST(a_client_that_left_before_the_answer_is_499),
        TEST(the_line_tells_of_the_request_as_it_came),
        TEST(the_log_of_the_plan_goes_before_that_of_all),
        TEST(the_time_is_that_of_the_loop),
        TEST(a_failing_server_is_a_warning),
        TEST(a_mistake_of_a_client_is_for_debugging),
        TEST(a_file_is_opened_once_for_all_routes),
        TEST(a_file_that_cannot_be_opened_is_an_error_of_the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
