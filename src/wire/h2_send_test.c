/* In what order content goes, and when: by urgency, in turn or one after the other, and as windows
 * allow. */
#include "wire/h2_testing.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { HEADERS = 1, SETTINGS = 4, WINDOW_UPDATE = 8, PRIORITY_UPDATE = 16 };
enum { REQUESTS = 3, PIECES = 3, PIECE = H2_FRAME_ROOM - H2_HEAD_LENGTH };

struct request {
    struct h2_stream *stream;
    struct arena arena;
    struct span bytes;
    struct request_head head;
};

static struct buffer_pools pools;
static struct h2 *h2;
static struct request requests[REQUESTS];
static char script_memory[4096], written[512 * 1024];
static struct text script;

static void begin(void)
{
    static const struct h2_settings settings = {
        .streams = 10,
        .window = H2_WINDOW_LEAST,
        .blocks = {.size = 4096, .count = 20},
        .gate = {.resets = 20, .controls = 100},
    };
    static const char window[] = {0, H2_SETTING_INITIAL_WINDOW_SIZE, 0, 16, 0, 0};
    assert_true(buffer_pools_init(&pools));
    h2 = h2_new(&settings, &pools);
    assert_non_null(h2);
    script = text_over(script_memory, sizeof(script_memory));
    text_add(&script, SLICE(H2_TESTING_PREFACE));
    h2_add_frame(&script, SETTINGS, 0, 0, slice_of(window, sizeof(window)));
    h2_add_frame(&script, WINDOW_UPDATE, 0, 0, SLICE("\0\x10\0\0"));
}

static void end(void)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        h2_release(requests[i].stream, H2_CANCEL);
        span_clear(&requests[i].bytes);
        arena_fini(&requests[i].arena);
    }
    h2_free(h2);
    buffer_pools_fini(&pools);
}

static void add_request(unsigned number, const char *priority)
{
    char memory[256];
    struct text block = text_over(memory, sizeof(memory));
    h2_add_field(&block, SLICE(":method"), SLICE("GET"));
    h2_add_field(&block, SLICE(":scheme"), SLICE("https"));
    h2_add_field(&block, SLICE(":authority"), SLICE("a"));
    h2_add_field(&block, SLICE(":path"), SLICE("/"));
    if (priority)
        h2_add_field(&block, SLICE("priority"), slice_from_text(priority));
    h2_add_frame(&script, HEADERS, 5, 2 * number + 1, text_slice(&block));
}

static void answer(struct request *request)
{
    static const struct h2_write_head how = {0};
    struct response_head head = {.status = 200, .body = BODY_STREAM};
    assert_true(fields_init(&head.fields, &request->arena, 1));
    assert_true(h2_send_head(request->stream, &head, &how, &request->arena));
    for (unsigned i = 0; i < PIECES; i++) {
        struct buffer *buffer = buffer_new(&pools, PIECE);
        assert_non_null(buffer);
        memset(buffer->data, 'x', PIECE);
        h2_send_body(request->stream, span_take_buffer(buffer, PIECE));
    }
    assert_true(h2_send_end(request->stream, NULL, &request->arena));
}

static void feed(void)
{
    assert_int_equal(h2_receive(h2, text_slice(&script), 0), H2_NO_ERROR);
    script = text_over(script_memory, sizeof(script_memory));
}

/* Each request is answered, the last one first. */
static void answer_all(void)
{
    feed();
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct request *request = &requests[i];
        *request = (struct request){.stream = h2_next_news(h2)};
        assert_non_null(request->stream);
        arena_init(&request->arena, NULL, 64 * 1024);
        h2_own(request->stream, request);
        assert_int_equal(h2_read_request(request->stream, &H2_TESTING_LIMITS, &request->arena,
                                         &request->bytes, &request->head),
                         ERROR_NONE);
    }
    for (unsigned i = REQUESTS; i > 0; i--)
        answer(&requests[i - 1]);
}

/* The streams of the frames of content, in their order. */
static void expect_order(const char *expected)
{
    char order[64];
    struct text found = text_over(order, sizeof(order));
    struct text text = text_over(written, sizeof(written));
    h2_write(h2, &text);
    for (struct slice rest = text_slice(&text); rest.length > 0;) {
        struct h2_frame frame = h2_frame_read(rest.data);
        if (frame.kind == H2_KIND_DATA)
            text_add_byte(&found, (char)('0' + frame.stream));
        rest = slice_from(rest, H2_HEAD_LENGTH + frame.length);
    }
    assert_int_equal(found.length, strlen(expected));
    assert_memory_equal(order, expected, found.length);
}

static void one_stream_goes_after_the_other(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < REQUESTS; i++)
        add_request(i, NULL);
    answer_all();
    expect_order("111333555");
    end();
}

static void what_is_of_use_in_parts_goes_in_turn(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < REQUESTS; i++)
        add_request(i, "i");
    answer_all();
    expect_order("531531531"); /* in which they came to have something */
    end();
}

static void the_urgent_goes_first(void **state)
{
    (void)state;
    begin();
    add_request(0, "u=5");
    add_request(1, "u=1");
    add_request(2, NULL);
    answer_all();
    expect_order("333555111");
    end();
}

/* RFC 9218 7.1: of streams that are there, and of such that come. */
static void a_priority_may_come_by_itself(void **state)
{
    (void)state;
    begin();
    h2_add_frame(&script, PRIORITY_UPDATE, 0, 0, SLICE("\0\0\0\x05u=0"));
    for (unsigned i = 0; i < REQUESTS; i++)
        add_request(i, NULL);
    answer_all();
    h2_add_frame(&script, PRIORITY_UPDATE, 0, 0, SLICE("\0\0\0\x01u=7"));
    feed();
    expect_order("555333111");
    end();
}

/* What waits for its own window lets others pass, and goes on where it stood. */
static void a_window_that_is_shut_holds_up_no_other(void **state)
{
    static const char none[] = {0, H2_SETTING_INITIAL_WINDOW_SIZE, 0, 0, 0, 0};
    (void)state;
    begin();
    h2_add_frame(&script, SETTINGS, 0, 0, slice_of(none, sizeof(none)));
    for (unsigned i = 0; i < REQUESTS; i++)
        add_request(i, NULL);
    answer_all();
    expect_order("");
    assert_false(h2_has_output(h2));
    assert_true(h2_is_held_up(requests[0].stream));
    h2_add_frame(&script, WINDOW_UPDATE, 0, 3, SLICE("\0\1\0\0"));
    feed();
    assert_false(h2_is_held_up(requests[1].stream));
    expect_order("333");
    assert_true(h2_is_written(requests[1].stream) && !h2_is_held_up(requests[1].stream));
    h2_add_frame(&script, WINDOW_UPDATE, 0, 1, SLICE("\0\0\0\1"));
    feed();
    expect_order("1");
    assert_int_equal(h2_written(requests[0].stream), 1);
    assert_int_equal(h2_written_in_all(h2), PIECES * PIECE + 1);
    assert_true(h2_is_held_up(requests[0].stream));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_stream_goes_after_the_other),
        cmocka_unit_test(what_is_of_use_in_parts_goes_in_turn),
        cmocka_unit_test(the_urgent_goes_first),
        cmocka_unit_test(a_priority_may_come_by_itself),
        cmocka_unit_test(a_window_that_is_shut_holds_up_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
