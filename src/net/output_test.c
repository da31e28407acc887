#include "net/output.h"

#include "base/pool.h"
#include "loop/outbox.h"
#include "net/h1_writer.h"
#include "net/test_pair.h"

#include <stdio.h>

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

/* ---- drafts */

static void draft(struct fixture *fixture, const char *words)
{
    struct text text;
    assert_true(output_begin_draft(&fixture->output, &fixture->pair.transport, &text));
    text_add(&text, slice_from_text(words));
    assert_true(output_draft_text(&fixture->output, &text));
}

static void assert_no_buffer_is_used(struct fixture *fixture)
{
    for (int i = 0; i < BUFFER_SIZES; i++)
        assert_int_equal(pool_in_use(loop_buffers(fixture->loop)->sizes[i]), 0);
}

/* Takes the draft of the loop and gives it back. */
static bool others_may_draft(struct fixture *fixture)
{
    struct output other;
    struct text text;
    output_init(&other, loop_buffers(fixture->loop));
    bool good = output_begin_draft(&other, &fixture->pair.transport, &text);
    if (good)
        text_add(&text, SLICE("never sent"));
    if (good)
        assert_true(output_draft_text(&other, &text));
    output_fini(&other);
    return good;
}

static void what_is_little_goes_with_the_draft_and_needs_no_buffer(void **state)
{
    struct fixture *fixture = *state;
    draft(fixture, "head ");
    output_add(&fixture->output, span_of(fixture, "piece "));
    add_text(fixture, "end");
    assert_int_equal(output_parts(&fixture->output), 1);
    assert_no_buffer_is_used(fixture);
    assert_flushed(fixture, "head piece end");
    draft(fixture, "next");
    assert_flushed(fixture, "next");
}

static void what_is_large_stands_behind_the_draft(void **state)
{
    struct fixture *fixture = *state;
    char large[1100], expected[1200];
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    snprintf(expected, sizeof(expected), "head %s behind it", large);
    draft(fixture, "head ");
    output_add(&fixture->output, span_of(fixture, large));
    add_text(fixture, " behind");
    output_add(&fixture->output, span_of(fixture, " it"));
    assert_int_equal(output_parts(&fixture->output), 3);
    size_t sent = 0;
    assert_int_equal(output_flush(&fixture->output, &fixture->pair.transport, &sent), IO_DONE);
    assert_int_equal(sent, strlen(expected));
    loop_turn(fixture->loop, 0);
    char memory[2048];
    assert_int_equal(test_pair_read(&fixture->pair, memory, sizeof(memory)), sent);
    assert_memory_equal(memory, expected, sent);
    assert_true(others_may_draft(fixture));
}

static void a_text_that_does_not_fit_the_draft_goes_behind_it(void **state)
{
    struct fixture *fixture = *state;
    char large[OUTBOX_ITEM_MAX];
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    draft(fixture, "head ");
    add_text(fixture, large);
    assert_int_equal(output_parts(&fixture->output), 2);
    output_add(&fixture->output, span_of(fixture, "piece"));
    size_t sent = 0;
    assert_int_equal(output_flush(&fixture->output, &fixture->pair.transport, &sent), IO_DONE);
    assert_int_equal(sent, 5 + sizeof(large) - 1 + 5);
}

static void one_drafts_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    draft(fixture, "first");
    assert_false(others_may_draft(fixture));
    assert_flushed(fixture, "first");
    assert_true(others_may_draft(fixture));
}

static void a_draft_that_is_cut_is_none(void **state)
{
    struct fixture *fixture = *state;
    struct text text;
    assert_true(output_begin_draft(&fixture->output, &fixture->pair.transport, &text));
    while (!text_is_cut(&text))
        text_add(&text, SLICE("too long "));
    assert_false(output_draft_text(&fixture->output, &text));
    assert_true(output_is_empty(&fixture->output));
    assert_true(others_may_draft(fixture));
    add_text(fixture, "in a buffer");
    assert_flushed(fixture, "in a buffer");
}

/* Others send meanwhile, from before it and from behind it. */
static void a_draft_stays_what_it_is_over_turns(void **state)
{
    struct fixture *fixture = *state;
    struct output other;
    struct test_pair pair;
    struct text text;
    size_t sent = 0;
    char memory[64];
    test_pair_open(&pair, fixture->loop);
    output_init(&other, loop_buffers(fixture->loop));
    for (int before = 0; before < 2; before++) {
        if (before)
            assert_true(socket_put(&pair.transport.socket, SLICE("before")));
        draft(fixture, "draft");
        if (!before)
            assert_true(socket_put(&pair.transport.socket, SLICE("behind")));
        loop_turn(fixture->loop, 0);
        assert_int_equal(test_pair_read(&pair, memory, sizeof(memory)), 6);
        assert_memory_equal(memory, before ? "before" : "behind", 6);
        assert_true(output_reserve(&other, 5, &text));
        text_add(&text, SLICE("other"));
        output_add_text(&other, &text);
        assert_int_equal(output_flush(&other, &pair.transport, &sent), IO_DONE);
        output_add(&fixture->output, span_of(fixture, " goes on"));
        assert_flushed(fixture, "draft goes on");
        assert_int_equal(test_pair_read(&pair, memory, sizeof(memory)), 5);
    }
    output_fini(&other);
    test_pair_close(&pair);
}

static void a_draft_behind_what_waits_is_none(void **state)
{
    struct fixture *fixture = *state;
    struct text text;
    assert_true(socket_put(&fixture->pair.transport.socket, SLICE("said before")));
    assert_false(output_begin_draft(&fixture->output, &fixture->pair.transport, &text));
}

/* More than the socket takes: the draft is for others while what it held waits. */
static void a_draft_that_cannot_go_leaves_its_place(void **state)
{
    enum { SIZE = 4 * 1024 * 1024 };
    struct fixture *fixture = *state;
    struct buffer *buffer = buffer_new(loop_buffers(fixture->loop), SIZE);
    assert_non_null(buffer);
    memset(buffer->data, 'x', SIZE);
    struct span large = span_take_buffer(buffer, SIZE);
    size_t sent = 0, total = 0, got = 0;
    enum io io = IO_DONE;
    for (int i = 0; io == IO_DONE; i++) {
        draft(fixture, "head ");
        output_add(&fixture->output, span_part(&large, 0, SIZE));
        total += 5 + SIZE;
        io = output_flush(&fixture->output, &fixture->pair.transport, &sent);
    }
    assert_int_equal(io, IO_PENDING);
    assert_true(others_may_draft(fixture));
    char *memory = malloc(total);
    assert_non_null(memory);
    while (got < total) {
        got += test_pair_read(&fixture->pair, memory + got, total - got);
        loop_turn(fixture->loop, 0);
        assert_int_not_equal(output_flush(&fixture->output, &fixture->pair.transport, &sent),
                             IO_FAILED);
    }
    for (size_t at = 0; at < total; at += 5 + SIZE)
        assert_memory_equal(memory + at, "head xxx", 8);
    free(memory);
    span_clear(&large);
}

/* The socket is known to be full when the draft is begun. */
static void a_draft_for_a_full_socket_waits_in_a_buffer(void **state)
{
    struct fixture *fixture = *state;
    static char bytes[64 * 1024];
    const struct slice part = slice_of(bytes, sizeof(bytes));
    size_t sent = 0, total = 0, got = 0;
    enum io io = IO_DONE;
    while (io == IO_DONE) {
        io = transport_send(&fixture->pair.transport, &part, 1, &sent);
        total += sent;
    }
    assert_int_equal(io, IO_PENDING);
    draft(fixture, "draft");
    assert_int_equal(output_flush(&fixture->output, &fixture->pair.transport, &sent), IO_PENDING);
    assert_int_equal(sent, 0);
    assert_true(others_may_draft(fixture));
    while (got < total)
        got += test_pair_read(&fixture->pair, bytes,
                              total - got < sizeof(bytes) ? total - got : sizeof(bytes));
    test_pair_await(&fixture->pair, fixture->loop);
    assert_flushed(fixture, "draft");
}

static void a_draft_that_is_not_sent_is_dropped_at_the_end(void **state)
{
    struct fixture *fixture = *state;
    draft(fixture, "never sent");
    output_fini(&fixture->output);
    assert_true(others_may_draft(fixture));
}

static void a_head_is_drafted_or_written_into_a_buffer(void **state)
{
    struct fixture *fixture = *state;
    static char long_value[OUTBOX_ITEM_MAX];
    memset(long_value, 'v', sizeof(long_value));
    struct field items[] = {{.name = SLICE("X"), .value = SLICE("1")}};
    struct response_head head = {.status = 200,
                                 .reason = SLICE("OK"),
                                 .fields = {.items = items, .count = 1, .capacity = 1}};
    const struct h1_write how = {.peer_minor_version = 1};
    assert_true(h1_output_response_head(&fixture->output, &fixture->pair.transport, &head, &how));
    assert_no_buffer_is_used(fixture);
    assert_flushed(fixture, "HTTP/1.1 200 OK\r\nX: 1\r\n\r\n");
    items[0].value = slice_of(long_value, sizeof(long_value));
    assert_true(h1_output_response_head(&fixture->output, &fixture->pair.transport, &head, &how));
    assert_int_equal(fixture->output.bytes,
                     strlen("HTTP/1.1 200 OK\r\nX: \r\n\r\n") + sizeof(long_value));
    assert_true(others_may_draft(fixture));
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
        TEST(what_is_little_goes_with_the_draft_and_needs_no_buffer),
        TEST(what_is_large_stands_behind_the_draft),
        TEST(a_text_that_does_not_fit_the_draft_goes_behind_it),
        TEST(one_drafts_at_a_time),
        TEST(a_draft_that_is_cut_is_none),
        TEST(a_draft_stays_what_it_is_over_turns),
        TEST(a_draft_behind_what_waits_is_none),
        TEST(a_draft_that_cannot_go_leaves_its_place),
        TEST(a_draft_for_a_full_socket_waits_in_a_buffer),
        TEST(a_draft_that_is_not_sent_is_dropped_at_the_end),
        TEST(a_head_is_drafted_or_written_into_a_buffer),
        TEST(a_counted_body_goes_as_it_is),
        TEST(a_chunked_body_goes_in_chunks_with_its_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
