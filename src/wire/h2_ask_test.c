/* The side that asks: against bytes of a server that are made by hand, in every split, and against
 * our own side that serves. */
#include "wire/h2_testing.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { DATA, HEADERS, RST_STREAM = 3, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };
enum { CALLS_MAX = 2, ARENA_MAX = 256 * 1024 };

struct call {
    struct h2_stream *stream;
    struct arena arena;
    enum method method;
    struct span bytes;
    struct response_head head; /* the last that came */
    struct fields trailers;
    enum h2_head head_event;
    enum h2_body body_event;
    enum error_code error;
    unsigned interims;
    char body[64];
    size_t body_length;
};

struct asker {
    struct buffer_pools pools;
    struct h2 *h2;
    struct call calls[CALLS_MAX];
    uint32_t count;
    struct text written;
    char memory[256 * 1024];
};

static struct asker asker; /* large */
static struct h2_trial trial;
static char script_memory[72 * 1024];
static struct text script;

/* ---- the side that asks */

static void begin(void)
{
    static const struct h2_settings settings = {
        .streams = 10,
        .window = H2_WINDOW_LEAST,
        .blocks = {.size = 4096, .count = 20},
        .gate = {.resets = UINT32_MAX, .controls = 100},
    };
    asker = (struct asker){0};
    assert_true(buffer_pools_init(&asker.pools));
    asker.h2 = h2_new_to_server(&settings, &asker.pools);
    assert_non_null(asker.h2);
    asker.written = text_over(asker.memory, sizeof(asker.memory));
}

static void end(void)
{
    for (uint32_t i = 0; i < asker.count; i++) {
        struct call *call = &asker.calls[i];
        if (call->stream)
            h2_release(call->stream, H2_CANCEL);
        span_clear(&call->bytes);
        arena_fini(&call->arena);
    }
    h2_free(asker.h2);
    buffer_pools_fini(&asker.pools);
}

static struct request_head head_of(struct call *call, enum method method, const char *text)
{
    struct request_head head = {
        .method = method, .method_text = slice_from_text(text), .target = SLICE("/a?b")};
    struct slice host = SLICE("example.com:81");
    assert_true(fields_init(&head.fields, &call->arena, 6));
    assert_true(fields_add(&head.fields, &call->arena, FIELD_HOST, SLICE("Host"), host));
    return head;
}

static struct call *begin_call(enum method method)
{
    struct call *call = &asker.calls[asker.count++];
    assert_true(asker.count <= CALLS_MAX);
    *call = (struct call){.method = method};
    arena_init(&call->arena, NULL, ARENA_MAX);
    return call;
}

static void ask(struct call *call, const struct request_head *head)
{
    call->stream = h2_ask(asker.h2, head, SLICE("http"), call, &call->arena);
    assert_non_null(call->stream);
}

static struct call *get(void)
{
    struct call *call = begin_call(METHOD_GET);
    struct request_head head = head_of(call, METHOD_GET, "GET");
    ask(call, &head);
    return call;
}

static struct call *post(void)
{
    struct call *call = begin_call(METHOD_POST);
    struct request_head head = head_of(call, METHOD_POST, "POST");
    head.body = BODY_STREAM;
    ask(call, &head);
    return call;
}

static void send_bytes(struct call *call, const char *bytes, size_t length)
{
    struct buffer *buffer = buffer_new(&asker.pools, length);
    assert_non_null(buffer);
    memcpy(buffer->data, bytes, length);
    h2_send_body(call->stream, span_take_buffer(buffer, (uint32_t)length));
}

static void write_out(void)
{
    char memory[H2_FRAME_ROOM];
    struct text text;
    do {
        text = text_over(memory, sizeof(memory));
        h2_write(asker.h2, &text);
        text_add(&asker.written, text_slice(&text));
    } while (text.length > 0);
    assert_false(text_is_cut(&asker.written));
}

static void take_heads(struct call *call)
{
    do {
        struct span bytes = {0};
        call->head_event = h2_take_response(call->stream, call->method, &call->arena, &bytes,
                                            &call->head, &call->error);
        if (call->head_event == H2_HEAD_READY || call->head_event == H2_HEAD_BAD) {
            span_clear(&call->bytes);
            call->bytes = bytes;
        }
        if (call->head_event == H2_HEAD_READY && call->head.status < 200)
            call->interims++;
    } while (call->head_event == H2_HEAD_READY && call->head.status < 200);
}

static void take_body(struct call *call)
{
    struct span piece = {0};
    while ((call->body_event = h2_take_body(call->stream, &call->arena, &call->trailers, &piece)) ==
           H2_BODY_PIECE) {
        assert_true(call->body_length + piece.length <= sizeof(call->body));
        memcpy(call->body + call->body_length, span_slice(&piece).data, piece.length);
        call->body_length += piece.length;
        span_clear(&piece);
    }
}

static void run(void)
{
    while (h2_next_news(asker.h2))
        continue;
    for (uint32_t i = 0; i < asker.count; i++) {
        struct call *call = &asker.calls[i];
        if (call->head.status < 200)
            take_heads(call);
        if (call->head.status >= 200)
            take_body(call);
    }
    write_out();
}

/* Shown to the codec in memory of just that size. */
static enum h2_error feed(struct slice bytes)
{
    char *memory = malloc(bytes.length ? bytes.length : 1);
    assert_non_null(memory);
    memcpy(memory, bytes.data, bytes.length);
    enum h2_error error = h2_receive(asker.h2, slice_of(memory, bytes.length), 0);
    free(memory);
    run();
    return error;
}

static enum h2_error feed_script(void)
{
    return feed(text_slice(&script));
}

/* ---- what a server sends */

static void begin_script(void)
{
    script = text_over(script_memory, sizeof(script_memory));
    h2_add_frame(&script, SETTINGS, 0, 0, SLICE(""));
}

static void add_head(uint32_t stream, const char *status, unsigned flags, const char *name,
                     const char *value)
{
    char memory[512];
    struct text block = text_over(memory, sizeof(memory));
    if (status)
        h2_add_field(&block, SLICE(":status"), slice_from_text(status));
    if (name)
        h2_add_field(&block, slice_from_text(name), slice_from_text(value));
    h2_add_frame(&script, HEADERS, flags | END_HEADERS, stream, text_slice(&block));
}

static void add_number_frame(unsigned kind, uint32_t stream, uint32_t number)
{
    const char bytes[4] = {(char)(number >> 24), (char)(number >> 16), (char)(number >> 8),
                           (char)number};
    h2_add_frame(&script, kind, 0, stream, slice_of(bytes, sizeof(bytes)));
}

static void add_setting(unsigned id, uint32_t value)
{
    const char bytes[6] = {(char)(id >> 8),     (char)id,           (char)(value >> 24),
                           (char)(value >> 16), (char)(value >> 8), (char)value};
    h2_add_frame(&script, SETTINGS, 0, 0, slice_of(bytes, sizeof(bytes)));
}

static void add_goaway(uint32_t last)
{
    const char bytes[8] = {0, 0, 0, (char)last};
    h2_add_frame(&script, GOAWAY, 0, 0, slice_of(bytes, sizeof(bytes)));
}

static void assert_slice(struct slice found, const char *expected)
{
    assert_int_equal(found.length, strlen(expected));
    assert_memory_equal(found.data, expected, found.length);
}

/* ---- responses */

static void expect_response(const struct call *call)
{
    assert_int_equal(call->interims, 1);
    assert_int_equal(call->head_event, H2_HEAD_READY);
    assert_int_equal(call->head.status, 200);
    assert_int_equal(call->body_event, H2_BODY_END);
    assert_slice(slice_of(call->body, call->body_length), "hello, world");
    assert_int_equal(call->trailers.count, 1);
    assert_slice(call->trailers.items[0].name, "x-sum");
    assert_int_equal(h2_reason(asker.h2), H2_NO_ERROR);
}

static void a_response_comes_in_any_split(void **state)
{
    (void)state;
    begin_script();
    add_head(1, "103", 0, "link", "</a>");
    add_head(1, "200", 0, "content-length", "12");
    h2_add_frame(&script, DATA, 0, 1, SLICE("hello"));
    h2_add_frame(&script, DATA, 0, 1, SLICE(", world"));
    add_head(1, NULL, END_STREAM, "x-sum", "1");
    for (size_t cut = 0; cut <= script.length; cut++) {
        begin();
        struct call *call = get();
        write_out();
        assert_int_equal(feed(slice_until(text_slice(&script), cut)), H2_NO_ERROR);
        assert_int_equal(feed(slice_from(text_slice(&script), cut)), H2_NO_ERROR);
        expect_response(call);
        end();
    }
}

/* The second stream goes on whatever becomes of the first. */
static void expect_reset(void)
{
    begin();
    struct call *bad = get(), *good = get();
    write_out();
    add_head(3, "204", END_STREAM, NULL, NULL);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    run(); /* the reset has left by now */
    bool is_gone = bad->head_event == H2_HEAD_GONE || bad->body_event == H2_BODY_GONE;
    assert_true(is_gone && h2_is_gone(bad->stream));
    assert_int_equal(h2_stream_error(bad->stream), H2_PROTOCOL_ERROR);
    assert_int_equal(good->head.status, 204);
    assert_int_equal(good->body_event, H2_BODY_END);
    end();
}

static void a_malformed_head_resets_its_stream_alone(void **state)
{
    static const char *const heads[][3] = {
        {NULL, "x", "y"},
        {"99", "x", "y"},
        {"abc", "x", "y"},
        {"600", "x", "y"},
        {"101", "x", "y"},
        {"200", "X-Large", "y"},
        {"200", "connection", "x"},
        {"200", "upgrade", "x"},
        {"200", "transfer-encoding", "x"},
        {"200", "x", "a\rb"},
        {"200", "x", "a\nb"},
        {"200", "x", " y"},
        {"200", "a b", "y"},
        {"200", ":status", "200"},
        {"200", ":path", "/"},
        {"200", "", "y"},
        {"200", "content-length", "x"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        for (unsigned flags = 0; flags <= END_STREAM; flags++) {
            begin_script();
            add_head(1, heads[i][0], flags, heads[i][1], heads[i][2]);
            expect_reset();
        }
    }
}

static void a_body_of_another_length_is_not_whole(void **state)
{
    (void)state;
    begin_script();
    add_head(1, "200", 0, "content-length", "5");
    h2_add_frame(&script, DATA, END_STREAM, 1, SLICE("hell"));
    expect_reset();
    begin_script();
    add_head(1, "200", 0, "content-length", "5");
    h2_add_frame(&script, DATA, 0, 1, SLICE("hello!"));
    expect_reset();
}

static void trailers_are_held_to_their_rules(void **state)
{
    (void)state;
    begin_script();
    add_head(1, "200", 0, NULL, NULL);
    add_head(1, "200", END_STREAM, "x", "y");
    expect_reset();
    begin_script();
    add_head(1, "200", 0, NULL, NULL);
    add_head(1, NULL, END_STREAM, "connection", "y");
    expect_reset();
}

static void interim_heads_are_bounded(void **state)
{
    (void)state;
    begin_script();
    for (unsigned i = 0; i < 40; i++)
        add_head(1, "103", 0, "x", "y");
    expect_reset();
}

static void a_head_that_is_too_large_is_told(void **state)
{
    char value[101];
    (void)state;
    memset(value, 'y', sizeof(value));
    value[100] = '\0';
    char memory[4096];
    struct text block = text_over(memory, sizeof(memory));
    h2_add_field(&block, SLICE(":status"), SLICE("200"));
    for (unsigned i = 0; i < 21; i++)
        h2_add_field(&block, SLICE("x"), slice_from_text(value));
    begin_script();
    h2_add_frame(&script, HEADERS, END_STREAM | END_HEADERS, 1, text_slice(&block));
    begin();
    struct call *call = get();
    write_out();
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_int_equal(call->head_event, H2_HEAD_BAD);
    assert_int_equal(call->error, ERROR_RESPONSE_HEAD_TOO_LARGE);
    end();
}

static void a_head_without_content_has_no_body(void **state)
{
    (void)state;
    begin();
    struct call *call = begin_call(METHOD_HEAD);
    struct request_head head = head_of(call, METHOD_HEAD, "HEAD");
    ask(call, &head);
    write_out();
    begin_script();
    add_head(1, "200", END_STREAM, "content-length", "12");
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_int_equal(call->head.body, BODY_NONE);
    assert_int_equal(call->head.body_length, 12);
    assert_int_equal(call->body_event, H2_BODY_END);
    end();
}

/* ---- ends */

static void what_the_server_did_not_take_up_is_refused(void **state)
{
    (void)state;
    begin();
    struct call *first = get(), *second = get();
    write_out();
    begin_script();
    add_goaway(1);
    add_head(1, "204", END_STREAM, NULL, NULL);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_int_equal(first->head.status, 204);
    assert_int_equal(second->head_event, H2_HEAD_GONE);
    assert_int_equal(h2_stream_error(second->stream), H2_REFUSED_STREAM);
    assert_false(h2_may_ask(asker.h2));
    end();
}

static void a_reset_tells_its_reason(void **state)
{
    (void)state;
    begin();
    struct call *call = get();
    write_out();
    begin_script();
    add_number_frame(RST_STREAM, 1, H2_CANCEL);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_int_equal(call->head_event, H2_HEAD_GONE);
    assert_int_equal(h2_stream_error(call->stream), H2_CANCEL);
    assert_true(h2_may_ask(asker.h2));
    end();
}

static void expect_flood(void (*add)(void))
{
    begin();
    (void)get();
    write_out();
    begin_script();
    for (unsigned i = 0; i < 200; i++)
        add();
    assert_int_equal(feed_script(), H2_ENHANCE_YOUR_CALM);
    end();
}

static void add_reset(void)
{
    add_number_frame(RST_STREAM, 1, H2_CANCEL);
}

static void add_interim(void)
{
    add_head(1, "103", 0, NULL, NULL);
}

/* Resets of what has ended, and heads of what was reset, cost the server nothing. */
static void what_is_for_nobody_is_a_flood(void **state)
{
    (void)state;
    expect_flood(add_reset);
    expect_flood(add_interim);
}

/* RFC 9113 8.1: a response may be whole before the request is. */
static void a_response_that_came_early_is_whole(void **state)
{
    (void)state;
    begin();
    struct call *call = post();
    write_out();
    begin_script();
    add_head(1, "403", 0, NULL, NULL);
    h2_add_frame(&script, DATA, END_STREAM, 1, SLICE("no"));
    add_number_frame(RST_STREAM, 1, H2_NO_ERROR);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_int_equal(call->head.status, 403);
    assert_slice(slice_of(call->body, call->body_length), "no");
    assert_int_equal(call->body_event, H2_BODY_END);
    end();
}

static void expect_end(enum h2_error error)
{
    begin();
    (void)get();
    write_out();
    (void)feed_script();
    assert_int_equal(h2_reason(asker.h2), error);
    assert_false(h2_may_ask(asker.h2));
    end();
}

static void what_breaks_the_session_ends_it(void **state)
{
    (void)state;
    begin_script();
    add_head(3, "200", END_STREAM, NULL, NULL); /* which was not asked */
    expect_end(H2_PROTOCOL_ERROR);
    begin_script();
    add_head(2, "200", END_STREAM, NULL, NULL);
    expect_end(H2_PROTOCOL_ERROR);
    begin_script();
    h2_add_frame(&script, PUSH_PROMISE, END_HEADERS, 1, SLICE("\0\0\0\2\x82\x86\x84"));
    expect_end(H2_PROTOCOL_ERROR);
    begin_script();
    for (unsigned i = 0; i < 150; i++)
        h2_add_frame(&script, PING, 0, 0, SLICE("12345678"));
    expect_end(H2_ENHANCE_YOUR_CALM);
    script = text_over(script_memory, sizeof(script_memory));
    text_add(&script, SLICE("HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect_end(H2_FRAME_SIZE_ERROR);
}

/* ---- requests */

/* What one of our sides writes the other one reads. */
static void speak(void)
{
    size_t from = 0;
    for (unsigned turn = 0; turn < 4; turn++) {
        write_out();
        h2_trial_feed(&trial,
                      slice_from(text_slice(&asker.written),
                                 asker.written.length < from ? asker.written.length : from));
        from = asker.written.length;
        assert_int_equal(trial.error, H2_NO_ERROR);
        assert_int_equal(feed(text_slice(&trial.written)), H2_NO_ERROR);
        trial.written.length = 0;
    }
}

static void a_request_arrives_as_it_was_asked(void **state)
{
    (void)state;
    begin();
    h2_trial_init(&trial);
    struct call *call = begin_call(METHOD_POST);
    struct request_head head = head_of(call, METHOD_POST, "POST");
    struct slice connection = SLICE("close");
    assert_true(
        fields_add(&head.fields, &call->arena, FIELD_CONNECTION, SLICE("Connection"), connection));
    assert_true(fields_add(&head.fields, &call->arena, FIELD_OTHER, SLICE("X-Name"), SLICE("v")));
    head.body = BODY_COUNTED;
    head.body_length = 5;
    head.wants_trailers = true;
    ask(call, &head);
    send_bytes(call, "hello", 5);
    assert_true(h2_send_end(call->stream, NULL, &call->arena));
    speak();
    assert_int_equal(trial.count, 1);
    const struct h2_request *request = &trial.requests[0];
    assert_int_equal(request->error, ERROR_NONE);
    assert_int_equal(request->head.method, METHOD_POST);
    assert_slice(request->head.target, "/a?b");
    assert_slice(request->head.authority, "example.com:81");
    assert_true(fields_list_has(&request->head.fields, FIELD_TE, SLICE("trailers")));
    assert_int_equal(request->head.body_length, 5);
    assert_int_equal(request->body_length, 5);
    assert_null(fields_find(&request->head.fields, FIELD_CONNECTION));
    assert_slice(fields_find_text(&request->head.fields, SLICE("x-name"))->value, "v");
    assert_int_equal(call->head.status, 200);
    assert_slice(slice_of(call->body, call->body_length), "hello");
    assert_int_equal(call->body_event, H2_BODY_END);
    h2_trial_fini(&trial);
    end();
}

/* A head above the size of a frame goes in several (RFC 9113 6.10). */
static void a_large_head_goes_on_in_continuations(void **state)
{
    enum { CONTINUATION = 9 };
    static char value[40000];
    (void)state;
    memset(value, '\x7f' - 1, sizeof(value)); /* packed it would be larger */
    begin();
    h2_trial_init(&trial);
    struct call *call = begin_call(METHOD_GET);
    struct request_head head = head_of(call, METHOD_GET, "GET");
    assert_true(fields_add(&head.fields, &call->arena, FIELD_OTHER, SLICE("x"),
                           slice_of(value, sizeof(value))));
    ask(call, &head);
    write_out();
    unsigned continuations = 0;
    struct slice rest = slice_from(text_slice(&asker.written), strlen(H2_TESTING_PREFACE));
    while (rest.length > 0) {
        struct h2_frame frame = h2_frame_read(rest.data);
        assert_true(9 + frame.length <= H2_FRAME_ROOM && 9 + frame.length <= rest.length);
        continuations += frame.kind == CONTINUATION;
        rest = slice_from(rest, 9 + frame.length);
    }
    assert_int_equal(continuations, 2);
    h2_trial_feed(&trial, text_slice(&asker.written));
    assert_int_equal(trial.error, H2_NO_ERROR);
    assert_int_equal(trial.count, 1);
    assert_int_equal(trial.requests[0].error, ERROR_HEAD_TOO_LARGE);
    h2_trial_fini(&trial);
    end();
}

static void a_websocket_is_asked_for_where_it_is_offered(void **state)
{
    (void)state;
    begin();
    h2_trial_init(&trial);
    assert_false(h2_has_settings(asker.h2));
    assert_false(h2_takes_connect(asker.h2));
    speak();
    assert_true(h2_has_settings(asker.h2));
    assert_true(h2_takes_connect(asker.h2));
    struct call *call = begin_call(METHOD_GET);
    struct request_head head = head_of(call, METHOD_GET, "GET");
    struct slice key = SLICE("Sec-WebSocket-Key"), value = SLICE("dGhlIHNhbXBsZSBub25jZQ==");
    head.wants_upgrade = true;
    assert_true(fields_add(&head.fields, &call->arena, FIELD_UPGRADE, SLICE("Upgrade"),
                           SLICE("websocket")));
    assert_true(fields_add(&head.fields, &call->arena, FIELD_OTHER, key, value));
    ask(call, &head);
    asker.written.length = 0;
    speak();
    assert_int_equal(trial.count, 1);
    assert_int_equal(trial.requests[0].error, ERROR_NONE);
    assert_true(trial.requests[0].head.wants_upgrade);
    assert_null(fields_find_text(&trial.requests[0].head.fields, key));
    h2_trial_fini(&trial);
    end();
}

/* ---- windows and limits of the server */

static void a_body_waits_for_the_window(void **state)
{
    enum { INITIAL_WINDOW_SIZE = 4 };
    (void)state;
    begin();
    begin_script();
    add_setting(INITIAL_WINDOW_SIZE, 0);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    struct call *call = post();
    send_bytes(call, "hello", 5);
    write_out();
    assert_false(h2_is_written(call->stream));
    assert_int_equal(h2_written(call->stream), 0);
    begin_script();
    add_number_frame(WINDOW_UPDATE, 1, 3);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_int_equal(h2_written(call->stream), 3);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_int_equal(h2_written(call->stream), 5);
    assert_true(h2_is_written(call->stream));
    end();
}

static void what_waits_to_be_sent_has_a_bound(void **state)
{
    static char bytes[16 * 1024];
    enum { INITIAL_WINDOW_SIZE = 4 };
    (void)state;
    begin();
    begin_script();
    add_setting(INITIAL_WINDOW_SIZE, 0);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    struct call *call = post();
    unsigned pieces = 0;
    for (; h2_has_room(call->stream) && pieces < 100; pieces++)
        send_bytes(call, bytes, sizeof(bytes));
    assert_int_equal(pieces, H2_WAITING_MAX / sizeof(bytes));
    end();
}

static void the_server_says_how_many_streams_it_takes(void **state)
{
    enum { MAX_CONCURRENT_STREAMS = 3 };
    (void)state;
    begin();
    begin_script();
    add_setting(MAX_CONCURRENT_STREAMS, 1);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_int_equal(h2_peer_streams(asker.h2), 1);
    (void)get();
    struct call *second = get();
    asker.written.length = 0;
    write_out();
    size_t before = asker.written.length;
    begin_script();
    add_head(1, "204", END_STREAM, NULL, NULL);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_true(asker.written.length > before); /* now the second one leaves */
    begin_script();
    add_head(3, "204", END_STREAM, NULL, NULL);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_int_equal(second->head.status, 204);
    end();
}

/* What is held back is not forgotten over its body and over windows that change. */
static void a_request_with_a_body_waits_for_its_place(void **state)
{
    enum { MAX_CONCURRENT_STREAMS = 3, INITIAL_WINDOW_SIZE = 4 };
    (void)state;
    begin();
    begin_script();
    add_setting(MAX_CONCURRENT_STREAMS, 1);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    (void)get();
    struct call *second = post();
    send_bytes(second, "hello", 5);
    begin_script();
    add_setting(INITIAL_WINDOW_SIZE, 70000);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_true(h2_send_end(second->stream, NULL, &second->arena));
    assert_int_equal(h2_written(second->stream), 0);
    begin_script();
    add_head(1, "204", END_STREAM, NULL, NULL);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_int_equal(h2_written(second->stream), 5);
    assert_true(h2_is_written(second->stream));
    end();
}

static void what_is_held_back_may_be_let_go(void **state)
{
    enum { MAX_CONCURRENT_STREAMS = 3 };
    (void)state;
    begin();
    begin_script();
    add_setting(MAX_CONCURRENT_STREAMS, 1);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    (void)get();
    struct call *second = get();
    h2_release(second->stream, H2_CANCEL);
    second->stream = NULL;
    asker.count = 1;
    arena_fini(&second->arena);
    struct call *third = get();
    write_out();
    asker.written.length = 0;
    begin_script();
    add_head(1, "204", END_STREAM, NULL, NULL);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_true(asker.written.length > 9);
    assert_int_equal(asker.written.data[9 + 3], HEADERS); /* behind the acknowledgement */
    assert_int_equal(asker.written.data[9 + 8], 5);
    begin_script();
    add_goaway(1);
    assert_int_equal(feed_script(), H2_NO_ERROR);
    assert_int_equal(third->head_event, H2_HEAD_GONE);
    assert_int_equal(h2_stream_error(third->stream), H2_REFUSED_STREAM);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_response_comes_in_any_split),
        cmocka_unit_test(a_malformed_head_resets_its_stream_alone),
        cmocka_unit_test(what_is_for_nobody_is_a_flood),
        cmocka_unit_test(a_body_of_another_length_is_not_whole),
        cmocka_unit_test(trailers_are_held_to_their_rules),
        cmocka_unit_test(interim_heads_are_bounded),
        cmocka_unit_test(a_head_that_is_too_large_is_told),
        cmocka_unit_test(a_head_without_content_has_no_body),
        cmocka_unit_test(what_the_server_did_not_take_up_is_refused),
        cmocka_unit_test(a_reset_tells_its_reason),
        cmocka_unit_test(a_response_that_came_early_is_whole),
        cmocka_unit_test(what_breaks_the_session_ends_it),
        cmocka_unit_test(a_request_arrives_as_it_was_asked),
        cmocka_unit_test(a_large_head_goes_on_in_continuations),
        cmocka_unit_test(a_websocket_is_asked_for_where_it_is_offered),
        cmocka_unit_test(a_body_waits_for_the_window),
        cmocka_unit_test(what_waits_to_be_sent_has_a_bound),
        cmocka_unit_test(the_server_says_how_many_streams_it_takes),
        cmocka_unit_test(a_request_with_a_body_waits_for_its_place),
        cmocka_unit_test(what_is_held_back_may_be_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
