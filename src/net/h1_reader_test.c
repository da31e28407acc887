#include "net/h1_reader.h"

#include "base/arena.h"
#include "net/test_pair.h"

static const struct h1_limits limits = {
    .header_size = 1024, .header_count = 20, .target_length = 256};

struct fixture {
    struct loop *loop;
    struct test_pair pair;
    struct h1_reader reader;
    struct arena arena;
    struct fields trailers;
    enum error_code error;
    bool ending; /* the peer has ended its direction */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->loop = loop_new();
    assert_non_null(fixture->loop);
    test_pair_open(&fixture->pair, fixture->loop);
    h1_reader_init(&fixture->reader);
    arena_init(&fixture->arena, NULL, 1024 * 1024);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    h1_reader_fini(&fixture->reader);
    arena_fini(&fixture->arena);
    test_pair_close(&fixture->pair);
    loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static void arrive(struct fixture *fixture, struct slice bytes)
{
    assert_int_equal(test_pair_write(&fixture->pair, bytes), bytes.length);
    if (fixture->pair.transport.socket.watched)
        test_pair_await(&fixture->pair, fixture->loop);
}

static enum read_event find_head(struct fixture *fixture)
{
    return h1_reader_find_head(&fixture->reader, &fixture->pair.transport, &limits, H1_REQUEST,
                               &fixture->error);
}

static enum read_event read_body(struct fixture *fixture, struct span *ret_piece)
{
    return h1_reader_read_body(&fixture->reader, &fixture->pair.transport, &limits, H1_REQUEST,
                               &fixture->arena, &fixture->trailers, ret_piece, &fixture->error);
}

/* The peer has ended: the reader learns it when it asks again. */
static void assert_ends_with(struct fixture *fixture, enum read_event expected)
{
    enum read_event event = find_head(fixture);
    if (event == READ_WAIT) {
        test_pair_await(&fixture->pair, fixture->loop);
        event = find_head(fixture);
    }
    assert_int_equal(event, expected);
}

static void assert_head(struct fixture *fixture, const char *expected)
{
    assert_int_equal(find_head(fixture), READ_HEAD);
    struct span head = h1_reader_take_head(&fixture->reader);
    assert_int_equal(head.length, strlen(expected));
    assert_memory_equal(span_slice(&head).data, expected, head.length);
    span_clear(&head);
}

/* Reads pieces until something else comes; they are put together in `body`. Where the peer has
 * ended, that is awaited. */
static enum read_event read_pieces(struct fixture *fixture, char *body)
{
    for (size_t length = 0;;) {
        struct span piece = {0};
        enum read_event event = read_body(fixture, &piece);
        if (event == READ_WAIT && fixture->ending) {
            test_pair_await(&fixture->pair, fixture->loop);
            continue;
        }
        if (event != READ_PIECE)
            return event;
        memcpy(body + length, span_slice(&piece).data, piece.length);
        length += piece.length;
        body[length] = '\0';
        span_clear(&piece);
    }
}

#define HEAD "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static void a_head_is_found_and_taken(void **state)
{
    arrive(*state, SLICE(HEAD));
    assert_head(*state, HEAD);
    assert_int_equal(find_head(*state), READ_WAIT);
}

static void a_head_may_arrive_byte_by_byte(void **state)
{
    struct slice head = SLICE(HEAD);
    for (size_t i = 0; i + 1 < head.length; i++) {
        arrive(*state, slice_of(head.data + i, 1));
        assert_int_equal(find_head(*state), READ_WAIT);
    }
    arrive(*state, slice_from(head, head.length - 1));
    assert_head(*state, HEAD);
}

static void heads_that_arrive_together_are_found_one_by_one(void **state)
{
    struct fixture *fixture = *state;
    arrive(fixture, SLICE(HEAD HEAD "GET /half"));
    assert_head(fixture, HEAD);
    assert_true(h1_reader_has_leftover(&fixture->reader));
    assert_head(fixture, HEAD);
    assert_int_equal(find_head(fixture), READ_WAIT);
    arrive(fixture, SLICE(" HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_head(fixture, "GET /half HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void the_end_between_messages_is_an_end(void **state)
{
    struct fixture *fixture = *state;
    arrive(fixture, SLICE(HEAD));
    test_pair_close_peer(&fixture->pair);
    assert_head(fixture, HEAD);
    assert_ends_with(fixture, READ_END);
}

static void the_end_within_a_head_is_a_cut(void **state)
{
    struct fixture *fixture = *state;
    arrive(fixture, SLICE("GET / HT"));
    test_pair_close_peer(&fixture->pair);
    assert_ends_with(fixture, READ_CUT);
}

static void a_malformed_head_says_why(void **state)
{
    struct fixture *fixture = *state;
    arrive(fixture, SLICE("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"));
    assert_int_equal(find_head(fixture), READ_FAILED);
    assert_int_equal(error_status(fixture->error), 400);
}

static void a_head_above_the_limit_is_refused_before_its_end(void **state)
{
    struct fixture *fixture = *state;
    char large[2048];
    memset(large, 'x', sizeof(large));
    arrive(fixture, SLICE("GET / HTTP/1.1\r\nHost: "));
    arrive(fixture, slice_of(large, sizeof(large)));
    assert_int_equal(find_head(fixture), READ_FAILED);
    assert_int_equal(fixture->error, ERROR_HEAD_TOO_LARGE);
}

static void a_counted_body_ends_where_the_next_head_begins(void **state)
{
    struct fixture *fixture = *state;
    char body[64] = "";
    arrive(fixture, SLICE("hello" HEAD));
    fixture->reader.body = (struct h1_body){.framing = H1_FRAMING_COUNTED, .remaining = 5};
    assert_int_equal(read_pieces(fixture, body), READ_END);
    assert_string_equal(body, "hello");
    assert_head(fixture, HEAD);
}

static void a_counted_body_that_ends_too_soon_is_a_cut(void **state)
{
    struct fixture *fixture = *state;
    char body[64] = "";
    arrive(fixture, SLICE("hel"));
    test_pair_close_peer(&fixture->pair);
    fixture->ending = true;
    fixture->reader.body = (struct h1_body){.framing = H1_FRAMING_COUNTED, .remaining = 5};
    assert_int_equal(read_pieces(fixture, body), READ_CUT);
    assert_string_equal(body, "hel");
}

static void a_body_until_the_end_ends_there(void **state)
{
    struct fixture *fixture = *state;
    char body[64] = "";
    fixture->reader.body = (struct h1_body){.framing = H1_FRAMING_CLOSE};
    arrive(fixture, SLICE("all of "));
    assert_int_equal(read_pieces(fixture, body), READ_WAIT);
    arrive(fixture, SLICE("it"));
    assert_int_equal(sys_shutdown_send(fixture->pair.peer), 0);
    fixture->ending = true;
    assert_int_equal(read_pieces(fixture, body), READ_END);
    assert_string_equal(body, "it");
}

/* Chunks in every split: pieces and trailers are the same, and the trailers outlive the bytes. */
static void chunks_are_read_in_every_split(void **state)
{
    struct fixture *fixture = *state;
    struct slice chunks = SLICE("3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-Sum: 12\r\n\r\n");
    for (size_t split = 0; split <= chunks.length; split++) {
        char body[64] = "", rest[64] = "";
        fixture->reader.body = (struct h1_body){.framing = H1_FRAMING_CHUNKED};
        fixture->trailers = (struct fields){0};
        if (split > 0)
            arrive(fixture, slice_until(chunks, split));
        enum read_event event = read_pieces(fixture, body);
        if (split < chunks.length) {
            assert_int_equal(event, READ_WAIT);
            arrive(fixture, slice_from(chunks, split));
            event = read_pieces(fixture, rest);
        }
        assert_int_equal(event, READ_END);
        assert_int_equal(strlen(body) + strlen(rest), 7);
        assert_memory_equal("abcdefg", body, strlen(body));
        assert_string_equal(&"abcdefg"[strlen(body)], rest);
        assert_int_equal(fixture->trailers.count, 1);
        assert_memory_equal(fixture->trailers.items[0].value.data, "12", 2);
        assert_false(h1_reader_has_leftover(&fixture->reader));
    }
}

static void chunks_that_break_off_are_a_cut(void **state)
{
    struct slice chunks = SLICE("3\r\nabc\r\n0\r\n\r\n");
    struct fixture *fixture = *state;
    fixture->ending = true;
    for (size_t length = 1; length < chunks.length; length++) {
        char body[64] = "";
        test_pair_close(&fixture->pair);
        test_pair_open(&fixture->pair, fixture->loop);
        h1_reader_fini(&fixture->reader);
        h1_reader_init(&fixture->reader);
        fixture->reader.body = (struct h1_body){.framing = H1_FRAMING_CHUNKED};
        arrive(fixture, slice_until(chunks, length));
        test_pair_close_peer(&fixture->pair);
        assert_int_equal(read_pieces(fixture, body), READ_CUT);
    }
}

static void a_malformed_chunk_says_so(void **state)
{
    struct fixture *fixture = *state;
    char body[64] = "";
    fixture->reader.body = (struct h1_body){.framing = H1_FRAMING_CHUNKED};
    arrive(fixture, SLICE("zz\r\n"));
    assert_int_equal(read_pieces(fixture, body), READ_FAILED);
    assert_int_equal(fixture->error, ERROR_BAD_CHUNK);
}

static void who_fills_its_buffers_gets_larger_ones(void **state)
{
    struct fixture *fixture = *state;
    static char large[BUFFER_LARGE];
    memset(large, 'x', sizeof(large));
    fixture->reader.body = (struct h1_body){.framing = H1_FRAMING_CLOSE};
    uint32_t before = fixture->reader.receive_size;
    for (int i = 0; i < 3; i++) {
        static char body[BUFFER_LARGE + 1];
        arrive(fixture, slice_of(large, BUFFER_LARGE / 2));
        assert_int_equal(read_pieces(fixture, body), READ_WAIT);
    }
    assert_true(fixture->reader.receive_size > before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_head_is_found_and_taken),
        TEST(a_head_may_arrive_byte_by_byte),
        TEST(heads_that_arrive_together_are_found_one_by_one),
        TEST(the_end_between_messages_is_an_end),
        TEST(the_end_within_a_head_is_a_cut),
        TEST(a_malformed_head_says_why),
        TEST(a_head_above_the_limit_is_refused_before_its_end),
        TEST(a_counted_body_ends_where_the_next_head_begins),
        TEST(a_counted_body_that_ends_too_soon_is_a_cut),
        TEST(a_body_until_the_end_ends_there),
        TEST(chunks_are_read_in_every_split),
        TEST(chunks_that_break_off_are_a_cut),
        TEST(a_malformed_chunk_says_so),
        TEST(who_fills_its_buffers_gets_larger_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
