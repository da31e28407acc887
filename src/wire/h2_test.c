#include "wire/h2_field.h"
#include "wire/h2_testing.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING = 6, WINDOW_UPDATE = 8, CONTINUATION };
enum { END_STREAM = 1, END_HEADERS = 4, PADDED = 8 };

static struct h2_trial trial; /* large */
static char script_memory[9 * 1024];
static struct text script;

/* ---- what the client sends */

static void begin_script(void)
{
    script = text_over(script_memory, sizeof(script_memory));
    text_add(&script, SLICE(H2_TESTING_PREFACE));
    h2_add_frame(&script, SETTINGS, 0, 0, SLICE(""));
}

static void add_request(uint32_t stream, const char *method, const char *path, unsigned flags,
                        struct slice more)
{
    char memory[512];
    struct text block = text_over(memory, sizeof(memory));
    h2_add_field(&block, SLICE(":method"), slice_from_text(method));
    h2_add_field(&block, SLICE(":scheme"), SLICE("https"));
    h2_add_field(&block, SLICE(":authority"), SLICE("example.com:81"));
    h2_add_field(&block, SLICE(":path"), slice_from_text(path));
    text_add(&block, more);
    h2_add_frame(&script, HEADERS, flags, stream, text_slice(&block));
}

static struct slice field(char *memory, const char *name, const char *value)
{
    struct text text = text_over(memory, 300);
    h2_add_field(&text, slice_from_text(name), slice_from_text(value));
    return text_slice(&text);
}

static void feed_all(size_t piece)
{
    struct slice rest = text_slice(&script);
    h2_trial_init(&trial);
    while (rest.length > 0) {
        size_t length = rest.length < piece ? rest.length : piece;
        h2_trial_feed(&trial, slice_until(rest, length));
        rest = slice_from(rest, length);
    }
}

/* Runs the script whole, byte by byte, and cut at each place. */
static void in_every_split(void (*expect)(void))
{
    feed_all(1);
    expect();
    h2_trial_fini(&trial);
    for (size_t cut = 0; cut <= script.length; cut++) {
        h2_trial_init(&trial);
        h2_trial_feed(&trial, slice_until(text_slice(&script), cut));
        h2_trial_feed(&trial, slice_from(text_slice(&script), cut));
        expect();
        h2_trial_fini(&trial);
    }
}

static const struct h2_request *answered(uint32_t number)
{
    assert_true(number < trial.count);
    const struct h2_request *request = &trial.requests[number];
    assert_true(request->is_complete && request->is_answered && !request->stream);
    return request;
}

static void assert_slice(struct slice found, const char *expected)
{
    assert_int_equal(found.length, strlen(expected));
    assert_memory_equal(found.data, expected, found.length);
}

static bool was_written(struct slice bytes)
{
    for (size_t i = 0; i + bytes.length <= trial.written.length; i++) {
        if (slice_equal(slice_of(trial.written.data + i, bytes.length), bytes))
            return true;
    }
    return false;
}

/* ---- requests */

static void expect_get(void)
{
    const struct h2_request *request = answered(0);
    const struct request_head *head = &request->head;
    assert_int_equal(request->error, ERROR_NONE);
    assert_int_equal(trial.error, H2_NO_ERROR);
    assert_int_equal(head->method, METHOD_GET);
    assert_int_equal(head->major_version, 2);
    assert_int_equal(head->body, BODY_NONE);
    assert_int_equal(head->port, 81);
    assert_slice(head->target, "/a?b");
    assert_slice(head->path, "/a");
    assert_slice(head->query, "b");
    assert_slice(head->host, "example.com");
    assert_slice(fields_find(&head->fields, FIELD_HOST)->value, "example.com:81");
    assert_slice(fields_find(&head->fields, FIELD_COOKIE)->value, "a=1; b=2");
    assert_true(was_written(SLICE("hello")));
}

static void a_request_comes_in_any_split(void **state)
{
    char memory[600];
    struct text crumbs = text_over(memory, sizeof(memory));
    (void)state;
    h2_add_field(&crumbs, SLICE("cookie"), SLICE("a=1"));
    h2_add_field(&crumbs, SLICE("cookie"), SLICE("b=2"));
    begin_script();
    add_request(1, "GET", "/a?b", END_STREAM | END_HEADERS, text_slice(&crumbs));
    in_every_split(expect_get);
}

static void expect_body(void)
{
    const struct h2_request *request = answered(0);
    uint64_t sum = 0;
    for (const char *at = "hello, world"; *at; at++)
        sum = sum * 31 + (unsigned char)*at;
    assert_int_equal(request->head.body, BODY_COUNTED);
    assert_int_equal(request->head.body_length, 12);
    assert_int_equal(request->body_length, 12);
    assert_int_equal(request->body_sum, sum);
    assert_int_equal(request->trailers.count, 1);
    assert_slice(request->trailers.items[0].name, "x-sum");
    assert_int_equal(trial.error, H2_NO_ERROR);
}

static void a_body_with_trailers_comes_in_any_split(void **state)
{
    char memory[300], trailer[300];
    (void)state;
    begin_script();
    add_request(1, "POST", "/", END_HEADERS, field(memory, "content-length", "12"));
    h2_add_frame(&script, DATA, 0, 1, SLICE("hello"));
    h2_add_frame(&script, DATA, 0, 1, SLICE(", world"));
    h2_add_frame(&script, HEADERS, END_STREAM | END_HEADERS, 1, field(trailer, "x-sum", "1"));
    in_every_split(expect_body);
}

static void expect_two(void)
{
    assert_int_equal(trial.count, 2);
    assert_slice(answered(0)->head.path, "/one");
    assert_slice(answered(1)->head.path, "/two");
    assert_int_equal(answered(0)->body_length, 1);
    assert_int_equal(answered(1)->body_length, 2);
}

static void streams_come_interleaved(void **state)
{
    (void)state;
    begin_script();
    add_request(1, "POST", "/one", END_HEADERS, SLICE(""));
    add_request(3, "POST", "/two", END_HEADERS, SLICE(""));
    h2_add_frame(&script, DATA, END_STREAM, 3, SLICE("ab"));
    h2_add_frame(&script, DATA, END_STREAM, 1, SLICE("c"));
    in_every_split(expect_two);
}

static void a_head_that_is_too_large_is_told(void **state)
{
    char memory[300], value[120];
    (void)state;
    memset(value, 'y', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    struct slice one = field(memory, "x", value);
    begin_script();
    add_request(1, "GET", "/", END_STREAM, SLICE(""));
    for (unsigned i = 0; i < 15; i++)
        h2_add_frame(&script, CONTINUATION, 0, 1, one);
    h2_add_frame(&script, CONTINUATION, END_HEADERS, 1, one);
    feed_all(SIZE_MAX / 2);
    assert_int_equal(trial.count, 1);
    assert_int_equal(trial.requests[0].error, ERROR_NONE); /* 16 of 153 bytes, and those before */
    h2_trial_fini(&trial);
    begin_script();
    char twice[600];
    struct text two = text_over(twice, sizeof(twice));
    text_add(&two, one);
    text_add(&two, one);
    add_request(1, "HEAD", "/", END_STREAM, SLICE(""));
    for (unsigned i = 0; i < 13; i++)
        h2_add_frame(&script, CONTINUATION, 0, 1, text_slice(&two));
    h2_add_frame(&script, CONTINUATION, END_HEADERS, 1, text_slice(&two));
    feed_all(7);
    assert_int_equal(trial.count, 1);
    assert_int_equal(trial.requests[0].error, ERROR_HEAD_TOO_LARGE);
    assert_int_equal(trial.requests[0].head.method, METHOD_HEAD);
    h2_trial_fini(&trial);
}

/* ---- malformed */

static void expect_reset(void)
{
    assert_int_equal(trial.count, 1);
    assert_slice(trial.requests[0].head.path, "/good");
    assert_int_equal(trial.error, H2_NO_ERROR);
    assert_true(was_written(SLICE("\0\0\x04\x03\0\0\0\0\x01\0\0\0\x01"))); /* RST, PROTOCOL_ERROR */
}

static void what_is_malformed_is_reset_and_others_go_on(void **state)
{
    static const char *const bad[][2] = {
        {"Upper", "a"}, {"x", "a\rb"},     {"connection", "close"}, {"te", "deflate"},
        {":late", "a"}, {"host", "other"}, {"content-length", "x"}, {"upgrade", "h2c"},
        {"x y", "a"},   {"x", " a"},
    };
    char memory[300];
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin_script();
        add_request(1, "GET", "/bad", END_STREAM | END_HEADERS,
                    field(memory, bad[i][0], bad[i][1]));
        add_request(3, "GET", "/good", END_STREAM | END_HEADERS, SLICE(""));
        in_every_split(expect_reset);
    }
}

/* ---- blocks */

static bool put(struct h2_block *block, const struct h2_block_limits *limits,
                struct buffer_pools *pools, struct slice name, struct slice value)
{
    const struct field field = {
        .name = name,
        .value = value,
        .id = name.data[0] == ':' ? FIELD_OTHER : field_name_find(name),
    };
    block->is_unsound |= !h2_name_is_sound(name) || !h2_value_is_sound(value);
    return h2_block_put(block, limits, pools, &field);
}

static bool is_request(const char *const (*pairs)[2], size_t count)
{
    static const struct h2_block_limits limits = {4096, 20};
    struct buffer_pools pools;
    struct h2_block block = {0};
    assert_true(buffer_pools_init(&pools));
    for (size_t i = 0; i < count; i++)
        assert_true(put(&block, &limits, &pools, slice_from_text(pairs[i][0]),
                        slice_from_text(pairs[i][1])));
    struct h2_block_facts facts;
    bool good = h2_block_is_request(&block, &facts);
    h2_block_clear(&block);
    buffer_pools_fini(&pools);
    return good;
}

#define IS_REQUEST(...)                                                                            \
    is_request((const char *const[][2]){__VA_ARGS__},                                              \
               sizeof((const char *const[][2]){__VA_ARGS__}) / sizeof(const char *[2]))

static void the_check_knows_what_is_well_formed(void **state)
{
    (void)state;
#define METHOD {":method", "GET"}
#define SCHEME                                                                                     \
    {                                                                                              \
        ":scheme", "http"                                                                          \
    }
#define PATH                                                                                       \
    {                                                                                              \
        ":path", "/"                                                                               \
    }
#define HOST                                                                                       \
    {                                                                                              \
        ":authority", "a"                                                                          \
    }
    assert_true(IS_REQUEST(HOST, METHOD, SCHEME, PATH));
    assert_true(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {"te", "trailers"}));
    assert_true(IS_REQUEST(METHOD, SCHEME, PATH, {"host", "a"}));
    assert_true(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {"host", "A"}));
    assert_false(IS_REQUEST(METHOD, SCHEME, PATH));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {"host", "b"}));
    assert_false(IS_REQUEST(METHOD, SCHEME, PATH, {"host", "a"}, {"host", "a"}));
    assert_true(IS_REQUEST({":method", "CONNECT"}, {":authority", "a:1"}));
    assert_true(IS_REQUEST(HOST, {":method", "OPTIONS"}, SCHEME, {":path", "*"}));
    assert_false(IS_REQUEST(HOST, SCHEME, PATH));
    assert_false(IS_REQUEST(HOST, METHOD, PATH));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME));
    assert_false(IS_REQUEST(HOST, METHOD, METHOD, SCHEME, PATH));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {":protocol", "websocket"}));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, {"x", "y"}, PATH));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, {":path", "*"}));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, {":path", "a"}));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, {":path", "/\r"}));
    assert_false(IS_REQUEST(HOST, {":method", "G T"}, SCHEME, PATH));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {":status", "200"}));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {":x", "y"}));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {"content-length", "+1"}));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {"x", " a"}));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {"x y", "a"}));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {"te", "gzip"}));
    assert_false(IS_REQUEST({":method", "CONNECT"}, SCHEME, PATH, {":authority", "a"}));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {"transfer-encoding", "chunked"}));
    assert_false(
        IS_REQUEST(HOST, METHOD, SCHEME, PATH, {"content-length", "1"}, {"content-length", "1"}));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {"x", "a\nb"}));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {"X", "a"}));
    assert_false(IS_REQUEST(HOST, METHOD, SCHEME, PATH, {"", "a"}));
}

/* In every place of a value that is read by words. */
static void a_value_has_no_controls_save_tabs(void **state)
{
    char value[40];
    (void)state;
    for (size_t length = 1; length <= sizeof(value); length++) {
        for (size_t at = 0; at < length; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                memset(value, 'v', length);
                value[at] = (char)byte;
                bool is_inside = at > 0 && at < length - 1;
                bool is_control = byte < 0x20 || byte == 0x7f;
                bool is_good = byte == '\t' || byte == ' ' ? is_inside : !is_control;
                assert_int_equal(h2_value_is_sound(slice_of(value, length)), is_good);
            }
        }
    }
    assert_true(h2_value_is_sound(SLICE("")));
    assert_true(h2_value_is_sound(SLICE("one\tand another\tand more")));
    assert_false(h2_value_is_sound(SLICE("one\tand another\tand\n more")));
}

static void a_block_takes_memory_as_it_grows(void **state)
{
    enum { LIMIT = 64 * 1024, VALUE = 3000 };
    static const struct h2_block_limits limits = {.size = LIMIT, .count = 100};
    struct buffer_pools pools;
    struct h2_block block = {0};
    char value[VALUE];
    uint32_t count = 0;
    (void)state;
    assert_true(buffer_pools_init(&pools));
    memset(value, 'v', sizeof(value));
    for (;; count++) {
        assert_true(put(&block, &limits, &pools, SLICE("x-long"), slice_of(value, sizeof(value))));
        if (block.too_large)
            break;
        assert_true(block.bytes.length > BUFFER_SMALL ||
                    block.bytes.buffer->capacity == BUFFER_SMALL);
        assert_true(block.bytes.length > BUFFER_MEDIUM ||
                    block.bytes.buffer->capacity <= BUFFER_MEDIUM);
    }
    assert_int_equal(count, LIMIT / (VALUE + 6 + 32));
    struct slice rest = span_slice(&block.bytes);
    for (struct field field; h2_block_next(&rest, &field); count--)
        assert_true(slice_equal(field.value, slice_of(value, sizeof(value))));
    assert_int_equal(count, 0);
    h2_block_clear(&block);
    buffer_pools_fini(&pools);
}

static void the_fields_of_a_block_are_known_by_their_names(void **state)
{
    static const struct h2_block_limits limits = {64 * 1024, 20};
    static const struct {
        const char *name;
        enum field_name id;
    } names[] = {{":path", FIELD_OTHER}, {"host", FIELD_HOST}, {"x-y", FIELD_OTHER},
                 {"", FIELD_OTHER},      {"te", FIELD_TE},     {"cookie", FIELD_COOKIE}};
    size_t count = sizeof(names) / sizeof(names[0]);
    char longest[BUFFER_SMALL]; /* with it the first buffer is left for the second */
    struct slice value = slice_of(longest, sizeof(longest));
    struct buffer_pools pools;
    struct h2_block block = {0};
    (void)state;
    memset(longest, 'v', sizeof(longest));
    assert_true(buffer_pools_init(&pools));
    for (size_t i = 0; i < count; i++)
        assert_true(put(&block, &limits, &pools, slice_from_text(names[i].name),
                        slice_until(value, i == 3 ? value.length : i)));
    struct slice rest = span_slice(&block.bytes);
    struct field field = {0};
    for (size_t i = 0; i < count; i++) {
        assert_true(h2_block_next(&rest, &field));
        assert_int_equal(field.id, names[i].id);
        assert_true(slice_equal(field.name, slice_from_text(names[i].name)));
        assert_true(slice_equal(field.value, slice_until(value, i == 3 ? value.length : i)));
    }
    assert_false(h2_block_next(&rest, &field));
    h2_block_clear(&block);
    buffer_pools_fini(&pools);
}

/* ---- the gate */

/* What the frames of the script, behind the preface, come to. */
static enum h2_error gate(void)
{
    static const struct h2_gate_limits limits = {.resets = 3, .controls = 10};
    struct slice rest = slice_from(text_slice(&script), strlen(H2_TESTING_PREFACE));
    struct h2_gate state;
    enum h2_error error = H2_NO_ERROR;
    h2_gate_init(&state);
    while (rest.length > 0 && !error) {
        struct h2_frame frame = h2_frame_read(rest.data);
        error = h2_gate_pass(&state, &limits, &frame);
        if (!error && frame.kind == DATA && frame.flags & PADDED)
            error = h2_gate_pass_padded(&state, &limits, &frame, (uint8_t)rest.data[9]);
        rest = slice_from(rest, 9 + frame.length);
    }
    return error;
}

static void assert_gate(enum h2_error expected)
{
    assert_int_equal(gate(), expected);
}

static void the_gate_knows_what_has_ended(void **state)
{
    (void)state;
    begin_script();
    add_request(5, "GET", "/", END_STREAM | END_HEADERS, SLICE(""));
    h2_add_frame(&script, WINDOW_UPDATE, 0, 5, SLICE("\0\0\0\1"));
    h2_add_frame(&script, RST_STREAM, 0, 5, SLICE("\0\0\0\0"));
    assert_gate(H2_NO_ERROR);
    h2_add_frame(&script, DATA, 0, 5, SLICE("x"));
    assert_gate(H2_STREAM_CLOSED);
    begin_script();
    h2_add_frame(&script, DATA, 0, 1, SLICE("x"));
    assert_gate(H2_PROTOCOL_ERROR);
    begin_script();
    add_request(5, "GET", "/", END_STREAM | END_HEADERS, SLICE(""));
    add_request(3, "GET", "/", END_STREAM | END_HEADERS, SLICE(""));
    assert_gate(H2_PROTOCOL_ERROR);
}

static void the_gate_forgets_in_its_time(void **state)
{
    (void)state;
    script = text_over(script_memory, sizeof(script_memory));
    text_add(&script, SLICE(H2_TESTING_PREFACE));
    h2_add_frame(&script, HEADERS, END_HEADERS | END_STREAM, 1, SLICE(""));
    h2_add_frame(&script, HEADERS, END_HEADERS, 1 + 2 * H2_GATE_MEMORY, SLICE(""));
    h2_add_frame(&script, DATA, 0, 1 + 2 * H2_GATE_MEMORY, SLICE("x"));
    h2_add_frame(&script, DATA, 0, 1, SLICE("x")); /* too long ago */
    assert_gate(H2_NO_ERROR);
    h2_add_frame(&script, DATA, 0, 3, SLICE("x")); /* skipped, and remembered to be */
    assert_gate(H2_PROTOCOL_ERROR);
}

static void the_gate_counts(void **state)
{
    (void)state;
    begin_script();
    for (unsigned i = 0; i < 9; i++)
        h2_add_frame(&script, PING, 0, 0, SLICE("12345678"));
    assert_gate(H2_NO_ERROR); /* SETTINGS is the tenth */
    h2_add_frame(&script, PING, 0, 0, SLICE("12345678"));
    assert_gate(H2_ENHANCE_YOUR_CALM);
    begin_script();
    for (uint32_t i = 0; i < 4; i++) {
        add_request(2 * i + 1, "GET", "/", END_STREAM | END_HEADERS, SLICE(""));
        h2_add_frame(&script, RST_STREAM, 0, 2 * i + 1, SLICE("\0\0\0\0"));
    }
    assert_gate(H2_ENHANCE_YOUR_CALM);
}

/* Padding is no content (RFC 9113 6.1). */
static void the_gate_sees_through_padding(void **state)
{
    (void)state;
    begin_script();
    add_request(1, "POST", "/", END_HEADERS, SLICE(""));
    for (unsigned i = 0; i < 20; i++)
        h2_add_frame(&script, DATA, PADDED, 1, SLICE("\2x\0\0"));
    assert_gate(H2_NO_ERROR);
    begin_script();
    add_request(1, "POST", "/", END_HEADERS, SLICE(""));
    for (unsigned i = 0; i < 6; i++) {
        h2_add_frame(&script, DATA, PADDED, 1, SLICE("\0"));
        h2_add_frame(&script, DATA, PADDED, 1, SLICE("\2\0\0"));
    }
    assert_gate(H2_ENHANCE_YOUR_CALM);
}

/* Whoever took part of a body, or none, keeps no window of the connection shut for ever. */
static void what_nobody_takes_opens_the_window_again(void **state)
{
    static char piece[8000];
    enum h2_error error = H2_NO_ERROR;
    (void)state;
    h2_trial_init(&trial);
    begin_script();
    for (uint32_t i = 0; i < 200 && !error; i++) { /* more than 10 windows of streams */
        add_request(2 * i + 1, "POST", "/", END_HEADERS, SLICE(""));
        error = h2_receive(trial.h2, text_slice(&script), i * H2_GATE_PERIOD_MS);
        script = text_over(script_memory, sizeof(script_memory));
        h2_add_frame(&script, DATA, 0, 2 * i + 1, slice_of(piece, sizeof(piece)));
        h2_add_frame(&script, RST_STREAM, 0, 2 * i + 1, SLICE("\0\0\0\x08"));
        error = error ? error : h2_receive(trial.h2, text_slice(&script), i * H2_GATE_PERIOD_MS);
        script = text_over(script_memory, sizeof(script_memory));
        assert_null(h2_next_news(trial.h2));
        h2_testing_write(&trial);
    }
    assert_int_equal(error, H2_NO_ERROR);
    h2_trial_fini(&trial);
}

/* POST without :path, which is reset, and content behind it. */
static enum h2_error receive_late_body(uint32_t stream, size_t length)
{
    static char content[4096];
    enum h2_error error = H2_NO_ERROR;
    script = text_over(script_memory, sizeof(script_memory));
    h2_add_frame(&script, HEADERS, END_HEADERS, stream, SLICE("\x83\x86"));
    while (!error && length > 0) {
        size_t part = length < sizeof(content) ? length : sizeof(content);
        h2_add_frame(&script, DATA, 0, stream, slice_of(content, part));
        error = h2_receive(trial.h2, text_slice(&script), stream * (uint64_t)H2_GATE_PERIOD_MS);
        script = text_over(script_memory, sizeof(script_memory));
        length -= part;
    }
    return error;
}

/* A window of each stream that was reset may have been on its way, and one more is forgiven. */
static void what_comes_late_has_an_end(void **state)
{
    (void)state;
    h2_trial_init(&trial);
    begin_script();
    assert_int_equal(h2_receive(trial.h2, text_slice(&script), 0), H2_NO_ERROR);
    for (uint32_t i = 0; i < 100; i++) { /* ten windows of the connection */
        assert_int_equal(receive_late_body(2 * i + 1, H2_WINDOW_LEAST), H2_NO_ERROR);
        h2_testing_write(&trial);
    }
    assert_int_equal(receive_late_body(201, 2 * (size_t)H2_WINDOW_LEAST), H2_NO_ERROR);
    assert_int_equal(receive_late_body(203, H2_WINDOW_LEAST + 1), H2_ENHANCE_YOUR_CALM);
    h2_trial_fini(&trial);
}

/* Who has not read it yet sends whole requests, which nobody takes (RFC 9113 6.8). */
static void what_comes_behind_our_goaway_is_late(void **state)
{
    (void)state;
    h2_trial_init(&trial);
    begin_script();
    assert_int_equal(h2_receive(trial.h2, text_slice(&script), 0), H2_NO_ERROR);
    h2_end(trial.h2);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(receive_late_body(2 * i + 1, H2_WINDOW_LEAST), H2_NO_ERROR);
        h2_testing_write(&trial);
    }
    h2_trial_fini(&trial);
}

/* A stream that is not answered outlasts what the gate remembers. */
static void what_has_ended_long_ago_has_ended(void **state)
{
    (void)state;
    for (unsigned kind = DATA; kind <= HEADERS; kind++) {
        enum h2_error error = H2_NO_ERROR;
        h2_trial_init(&trial);
        begin_script();
        add_request(1, "GET", "/", END_STREAM | END_HEADERS, SLICE(""));
        for (uint32_t i = 1; i < 2 * H2_GATE_MEMORY && !error; i++) {
            add_request(2 * i + 1, "GET", "bad", END_STREAM | END_HEADERS, SLICE(""));
            error = h2_receive(trial.h2, text_slice(&script), i * H2_GATE_PERIOD_MS);
            script = text_over(script_memory, sizeof(script_memory));
            h2_testing_write(&trial);
        }
        assert_int_equal(error, H2_NO_ERROR);
        h2_add_frame(&script, kind, END_STREAM | END_HEADERS, 1, SLICE("\x88"));
        assert_int_equal(h2_receive(trial.h2, text_slice(&script), 0), H2_STREAM_CLOSED);
        h2_trial_fini(&trial);
    }
}

static void settings_come_in_small_numbers(void **state)
{
    static char settings[6 * (H2_GATE_SETTINGS_MAX + 1)];
    (void)state;
    begin_script();
    h2_add_frame(&script, SETTINGS, 0, 0, slice_of(settings, sizeof(settings) - 6));
    assert_gate(H2_NO_ERROR);
    h2_add_frame(&script, SETTINGS, 0, 0, slice_of(settings, sizeof(settings)));
    assert_gate(H2_ENHANCE_YOUR_CALM);
}

/* Nothing is kept of what nobody knows. */
static void unknown_frames_come_in_any_split(void **state)
{
    char bytes[300] = {0};
    (void)state;
    begin_script();
    h2_add_frame(&script, 99, 0xff, 7, slice_of(bytes, sizeof(bytes)));
    add_request(1, "GET", "/good", END_STREAM | END_HEADERS, SLICE(""));
    h2_add_frame(&script, 99, 0, 0, SLICE(""));
    for (size_t piece = 1; piece < 20; piece++) {
        feed_all(piece);
        assert_slice(answered(0)->head.path, "/good");
        assert_int_equal(trial.error, H2_NO_ERROR);
        h2_trial_fini(&trial);
    }
}

/* Streams above the limit, of a client that takes none of the resets. */
static void what_waits_to_be_written_has_a_limit(void **state)
{
    enum { STREAMS_PER_RUN = 20, RUNS = 500 };
    enum h2_error error = H2_NO_ERROR;
    (void)state;
    h2_trial_init(&trial);
    begin_script();
    for (uint32_t run = 0, stream = 1; run < RUNS && !error; run++) {
        for (unsigned i = 0; i < STREAMS_PER_RUN; i++, stream += 2)
            add_request(stream, "GET", "/", END_STREAM | END_HEADERS, SLICE(""));
        error = h2_receive(trial.h2, text_slice(&script), 0);
        assert_true(run > 1 || !error);
        script = text_over(script_memory, sizeof(script_memory));
    }
    assert_int_equal(error, H2_ENHANCE_YOUR_CALM);
    h2_trial_fini(&trial);
}

static void content_lets_windows_be_opened_and_nothing_else(void **state)
{
    static const struct h2_gate_limits limits = {.resets = 1, .controls = 3};
    const struct h2_frame ping = {.length = 8, .kind = PING};
    const struct h2_frame update = {.length = 4, .kind = WINDOW_UPDATE};
    struct h2_gate gate_state;
    (void)state;
    h2_gate_init(&gate_state);
    h2_gate_earn(&gate_state, 10 * H2_GATE_PIECE);
    for (unsigned i = 0; i < 10 + 2 + 3; i++)
        assert_int_equal(h2_gate_pass(&gate_state, &limits, &update), H2_NO_ERROR);
    assert_int_equal(h2_gate_pass(&gate_state, &limits, &update), H2_ENHANCE_YOUR_CALM);
    h2_gate_init(&gate_state);
    h2_gate_earn(&gate_state, 10 * H2_GATE_PIECE);
    for (unsigned i = 0; i < 2 + 3; i++)
        assert_int_equal(h2_gate_pass(&gate_state, &limits, &ping), H2_NO_ERROR);
    assert_int_equal(h2_gate_pass(&gate_state, &limits, &ping), H2_ENHANCE_YOUR_CALM);
}

static void the_gate_forgives_with_time(void **state)
{
    static const struct h2_gate_limits limits = {.resets = 1, .controls = 3};
    const struct h2_frame ping = {.length = 8, .kind = PING};
    struct h2_gate gate_state;
    (void)state;
    h2_gate_init(&gate_state);
    for (uint64_t now = 0; now < 100; now++) {
        h2_gate_turn_over(&gate_state, now * H2_GATE_PERIOD_MS / 2);
        assert_int_equal(h2_gate_pass(&gate_state, &limits, &ping), H2_NO_ERROR);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_comes_in_any_split),
        cmocka_unit_test(a_body_with_trailers_comes_in_any_split),
        cmocka_unit_test(streams_come_interleaved),
        cmocka_unit_test(a_head_that_is_too_large_is_told),
        cmocka_unit_test(what_is_malformed_is_reset_and_others_go_on),
        cmocka_unit_test(the_check_knows_what_is_well_formed),
        cmocka_unit_test(a_value_has_no_controls_save_tabs),
        cmocka_unit_test(the_fields_of_a_block_are_known_by_their_names),
        cmocka_unit_test(a_block_takes_memory_as_it_grows),
        cmocka_unit_test(the_gate_knows_what_has_ended),
        cmocka_unit_test(the_gate_forgets_in_its_time),
        cmocka_unit_test(the_gate_counts),
        cmocka_unit_test(the_gate_sees_through_padding),
        cmocka_unit_test(what_nobody_takes_opens_the_window_again),
        cmocka_unit_test(what_comes_late_has_an_end),
        cmocka_unit_test(what_comes_behind_our_goaway_is_late),
        cmocka_unit_test(what_has_ended_long_ago_has_ended),
        cmocka_unit_test(settings_come_in_small_numbers),
        cmocka_unit_test(unknown_frames_come_in_any_split),
        cmocka_unit_test(what_waits_to_be_written_has_a_limit),
        cmocka_unit_test(content_lets_windows_be_opened_and_nothing_else),
        cmocka_unit_test(the_gate_forgives_with_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
