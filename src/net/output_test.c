#include "net/output.h"

#include "base/pool.h"
#include "net/h1_writer.h"
#include "net/test_pair.h"

struct fixture {
    struct loop *loop;
    struct test_pair pair;
    struct output output;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->loop = loop_new();
    assert_non_null(fixture->loop);
    test_pair_open(&fixture->pair, fixture->loop);
    output_init(&fixture->output, loop_buffers(fixture->loop));
    *state = fixture;
    return 0;
}

/* loop_free holds that every buffer came back. */
static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    output_fini(&fixture->output);
    test_pair_close(&fixture->pair);
    loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static struct span span_of(struct fixture *fixture, const char *text)
{
    size_t length = strlen(text);
    struct buffer *buffer = buffer_new(loop_buffers(fixture->loop), length + 1);
    assert_non_null(buffer);
    memcpy(buffer->data, text, length);
    return span_take_buffer(buffer, length);
}

static void add_text(struct fixture *fixture, const char *words)
{
    struct text text;
    assert_true(output_reserve(&fixture->output, strlen(words), &text));
    text_add(&text, slice_from_text(words));
    output_add_text(&fixture->output, &text);
}

static void assert_flushed(struct fixture *fixture, const char *expected)
{
    size_t sent = 0;
    assert_int_equal(output_flush(&fixture->output, &fixture->pair.transport, &sent), IO_DONE);
    assert_int_equal(sent, strlen(expected));
    assert_true(output_is_empty(&fixture->output));
    loop_turn(fixture->loop, 0);
    char memory[1024];
    assert_int_equal(test_pair_read(&fixture->pair, memory, sizeof(memory)), sent);
    assert_memory_equal(memory, expected, sent);
}

static void texts_and_spans_go_out_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    add_text(fixture, "head ");
    output_add(&fixture->output, span_of(fixture, "piece "));
    add_text(fixture, "between ");
    output_add(&fixture->output, span_of(fixture, "last"));
    assert_int_equal(fixture->output.bytes, 23);
    assert_flushed(fixture, "head piece between last");
}

static void a_small_piece_and_the_text_before_it_are_one_part(void **state)
{
    struct fixture *fixture = *state;
    add_text(fixture, "head ");
    output_add(&fixture->output, span_of(fixture, "piece "));
    add_text(fixture, "end");
    assert_int_equal(output_parts(&fixture->output), 1);
    assert_flushed(fixture, "head piece end");
}

static void a_large_piece_is_not_copied(void **state)
{
    struct fixture *fixture = *state;
    char large[1100];
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    add_text(fixture, "head ");
    output_add(&fixture->output, span_of(fixture, large));
    assert_int_equal(output_parts(&fixture->output), 2);
}

static void nothing_is_sent_of_nothing(void **state)
{
    struct fixture *fixture = *state;
    output_add(&fixture->output, (struct span){0});
    assert_flushed(fixture, "");
}

static void neighbours_in_one_buffer_become_one_span(void **state)
{
    struct fixture *fixture = *state;
    struct span whole = span_of(fixture, "abcdef");
    output_add(&fixture->output, span_part(&whole, 0, 2));
    output_add(&fixture->output, span_part(&whole, 2, 4));
    assert_int_equal(output_parts(&fixture->output), 1);
    output_add(&fixture->output, span_part(&whole, 0, 1));
    assert_int_equal(output_parts(&fixture->output), 2);
    span_clear(&whole);
    assert_flushed(fixture, "abcdefa");
}

static void a_text_that_does_not_fit_the_scratch_gets_a_new_one(void **state)
{
    struct fixture *fixture = *state;
    char large[BUFFER_SMALL];
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    add_text(fixture, large);
    add_text(fixture, "more");
    assert_int_equal(output_parts(&fixture->output), 2);
    size_t sent = 0;
    assert_int_equal(output_flush(&fixture->output, &fixture->pair.transport, &sent), IO_DONE);
    assert_int_equal(sent, sizeof(large) - 1 + 4);
}

static void what_is_not_sent_is_dropped_at_the_end(void **state)
{
    struct fixture *fixture = *state;
    add_text(fixture, "never");
    output_add(&fixture->output, span_of(fixture, "sent"));
    output_fini(&fixture->output);
    for (int i = 0; i < BUFFER_SIZES; i++)
        assert_int_equal(pool_in_use(loop_buffers(fixture->loop)->sizes[i]), 0);
}

static void there_is_no_room_above_the_high_water(void **state)
{
    struct fixture *fixture = *state;
    struct buffer *buffer = buffer_new(loop_buffers(fixture->loop), BUFFER_LARGE);
    struct span large = span_take_buffer(buffer, BUFFER_LARGE);
    for (size_t total = 0; total < OUTPUT_HIGH_WATER; total += BUFFER_LARGE) {
        assert_true(output_has_room(&fixture->output));
        output_add(&fixture->output, span_part(&large, 0, BUFFER_LARGE));
    }
    assert_false(output_has_room(&fixture->output));
    span_clear(&large);
}

static void room_for_a_piece_is_room_for_what_frames_it(void **state)
{
    struct fixture *fixture = *state;
    unsigned pieces = 0;
    while (output_has_room(&fixture->output)) {
        assert_true(h1_output_piece(&fixture->output, H1_FRAMING_CHUNKED, span_of(fixture, "p")));
        pieces++;
    }
    assert_true(pieces > 0);
    assert_true(h1_output_end(&fixture->output, H1_FRAMING_CHUNKED, NULL));
    assert_true(output_parts(&fixture->output) <= OUTPUT_SPANS);
}

/* Bytes of a long pattern, from its byte `at` on. */
static void add_pattern(struct fixture *fixture, size_t at, size_t length, bool as_text)
{
    struct text text;
    struct buffer *buffer = NULL;
    char *memory = NULL;
    if (as_text) {
        assert_true(output_reserve(&fixture->output, length, &text));
        memory = text.data;
    } else {
        buffer = buffer_new(loop_buffers(fixture->loop), length);
        assert_non_null(buffer);
        memory = buffer->data;
    }
    for (size_t i = 0; i < length; i++)
        memory[i] = (char)((at + i) % 251);
    text.length = length;
    if (as_text)
        output_add_text(&fixture->output, &text);
    else
        output_add(&fixture->output, span_take_buffer(buffer, length));
}

/* More than a socket holds, in several flushes: every byte arrives once and in its order. One piece
 * of `texts` is not a text. */
static void send_pattern(struct fixture *fixture, size_t piece, size_t texts)
{
    enum { TOTAL = 4 * 1024 * 1024 };
    static char memory[64 * 1024];
    size_t made = 0, got = 0, count = 0;
    while (got < TOTAL) {
        for (; made < TOTAL && output_has_room(&fixture->output); count++) {
            size_t length = TOTAL - made < piece ? TOTAL - made : piece;
            add_pattern(fixture, made, length, texts > 0 && count % texts > 0);
            made += length;
        }
        assert_true(output_parts(&fixture->output) <= OUTPUT_SPANS);
        size_t sent = 0;
        enum io io = output_flush(&fixture->output, &fixture->pair.transport, &sent);
        assert_int_not_equal(io, IO_FAILED);
        size_t part = test_pair_read(&fixture->pair, memory, sizeof(memory));
        for (size_t i = 0; i < part; i++)
            assert_int_equal(memory[i], (char)((got + i) % 251));
        got += part;
        loop_turn(fixture->loop, 0);
    }
    assert_true(output_is_empty(&fixture->output));
}

static void what_does_not_fit_goes_out_when_there_is_room(void **state)
{
    send_pattern(*state, 10 * 1000, 0);
}

static void so_it_does_with_texts_before_and_behind_it(void **state)
{
    send_pattern(*state, 3000, 4);
    send_pattern(*state, 700, 3); /* some are copied behind the text, where there is room */
    send_pattern(*state, 6000, 2);
}

/* ---- bodies */

static void a_counted_body_goes_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    assert_true(h1_output_piece(&fixture->output, H1_FRAMING_COUNTED, span_of(fixture, "abc")));
    assert_true(h1_output_end(&fixture->output, H1_FRAMING_COUNTED, NULL));
    assert_flushed(fixture, "abc");
}

static void a_chunked_body_goes_in_chunks_with_its_trailers(void **state)
{
    struct fixture *fixture = *state;
    struct field items[] = {{.name = SLICE("X-Sum"), .value = SLICE("12")}};
    struct fields trailers = {.items = items, .count = 1, .capacity = 1};
    assert_true(h1_output_piece(&fixture->output, H1_FRAMING_CHUNKED, span_of(fixture, "abc")));
    assert_true(h1_output_piece(&fixture->output, H1_FRAMING_CHUNKED,
                                span_of(fixture, "0123456789abcdef")));
    assert_true(h1_output_end(&fixture->output, H1_FRAMING_CHUNKED, &trailers));
    assert_flushed(fixture, "3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nX-Sum: 12\r\n\r\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(texts_and_spans_go_out_in_their_order),
        TEST(a_small_piece_and_the_text_before_it_are_one_part),
        TEST(a_large_piece_is_not_copied),
        TEST(nothing_is_sent_of_nothing),
        TEST(neighbours_in_one_buffer_become_one_span),
        TEST(a_text_that_does_not_fit_the_scratch_gets_a_new_one),
        TEST(what_is_not_sent_is_dropped_at_the_end),
        TEST(there_is_no_room_above_the_high_water),
        TEST(room_for_a_piece_is_room_for_what_frames_it),
        TEST(what_does_not_fit_goes_out_when_there_is_room),
        TEST(so_it_does_with_texts_before_and_behind_it),
        TEST(a_counted_body_goes_as_it_is),
        TEST(a_chunked_body_goes_in_chunks_with_its_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
