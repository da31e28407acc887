#include "wire/h1_testing_body.h"
#include "wire/h1_vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void feed_request(struct slice bytes, struct h1_cuts cuts, struct h1_outcome *outcome)
{
    static struct h1_body_trial trial;
    h1_feed_body(&trial, bytes, cuts, H1_REQUEST, outcome);
}

static void every_chunked_body_has_its_outcome_in_every_split(void **state)
{
    (void)state;
    unsigned count = 0;
    assert_int_equal(h1_count_failures("tests/data/h1_bodies.txt", feed_request, &count), 0);
    assert_true(count > 70);
}

static void assert_response_error(struct slice bytes, const char *name)
{
    static struct h1_body_trial trial;
    static struct h1_outcome outcome;
    h1_feed_body(&trial, bytes, (struct h1_cuts){&bytes.length, 1}, H1_RESPONSE, &outcome);
    struct slice told = text_slice(&outcome.text);
    struct slice first = slice_cut(&told, ' ');
    assert_true(slice_equal(first, slice_from_text(name)));
}

static void errors_of_responses_have_their_own_names(void **state)
{
    (void)state;
    assert_response_error(SLICE("x"), "BAD_RESPONSE_CHUNK");
    assert_response_error(SLICE("0\r\nX\r\n\r\n"), "BAD_RESPONSE_FIELD");
    assert_response_error(SLICE("0\r\nX: \n"), "BAD_RESPONSE_FIELD");
}

static void a_bad_chunk_stays_bad(void **state)
{
    (void)state;
    struct h1_body body = {.framing = H1_FRAMING_CHUNKED, .side = H1_RESPONSE};
    struct slice piece;
    size_t consumed = 0;
    assert_int_equal(h1_read_body(&body, SLICE("x"), &consumed, &piece), H1_BODY_BAD);
    assert_int_equal(h1_read_body(&body, SLICE("1\r\na"), &consumed, &piece), H1_BODY_BAD);
    assert_int_equal(consumed, 0);
    assert_int_equal(body.error, ERROR_BAD_RESPONSE_CHUNK);
}

static void extensions_without_end_are_refused_though_each_is_short(void **state)
{
    (void)state;
    struct h1_body body = {.framing = H1_FRAMING_CHUNKED};
    char memory[256];
    struct text text = text_over(memory, sizeof(memory));
    text_add(&text, SLICE("1;"));
    while (text.length < 200)
        text_add_byte(&text, 'a');
    text_add(&text, SLICE("\r\nx\r\n"));
    unsigned chunks = 0;
    for (bool good = true; good && chunks < 1000; chunks++) {
        struct slice rest = text_slice(&text), piece;
        enum h1_body_event event = H1_BODY_PIECE;
        size_t consumed = 0;
        while (event == H1_BODY_PIECE) {
            event = h1_read_body(&body, rest, &consumed, &piece);
            rest = slice_from(rest, consumed);
        }
        good = event == H1_BODY_MORE;
    }
    assert_in_range(chunks, 10, 200);
    assert_int_equal(body.error, ERROR_BAD_CHUNK);
}

static void a_counted_body_ends_with_its_last_byte(void **state)
{
    (void)state;
    struct h1_body body = {.framing = H1_FRAMING_COUNTED, .remaining = 5};
    struct slice piece;
    size_t consumed = 0;
    assert_int_equal(h1_read_body(&body, SLICE(""), &consumed, &piece), H1_BODY_MORE);
    assert_int_equal(h1_read_body(&body, SLICE("he"), &consumed, &piece), H1_BODY_PIECE);
    assert_int_equal(consumed, 2);
    assert_false(h1_body_may_end_here(&body));
    assert_int_equal(h1_read_body(&body, SLICE("lloGET"), &consumed, &piece), H1_BODY_PIECE);
    assert_int_equal(consumed, 3);
    assert_true(slice_equal(piece, SLICE("llo")));
    assert_true(h1_body_may_end_here(&body));
    assert_int_equal(h1_read_body(&body, SLICE("GET"), &consumed, &piece), H1_BODY_END);
    assert_int_equal(consumed, 0);
}

static void a_body_until_close_never_ends_by_itself(void **state)
{
    (void)state;
    struct h1_body body = {.framing = H1_FRAMING_CLOSE};
    struct slice piece;
    size_t consumed = 0;
    assert_int_equal(h1_read_body(&body, SLICE(""), &consumed, &piece), H1_BODY_MORE);
    assert_int_equal(h1_read_body(&body, SLICE("0\r\n\r\n"), &consumed, &piece), H1_BODY_PIECE);
    assert_int_equal(consumed, 5);
    assert_int_equal(piece.length, 5);
    assert_true(h1_body_may_end_here(&body));
}

static void no_body_ends_at_once(void **state)
{
    (void)state;
    struct h1_body body = {.framing = H1_FRAMING_NONE};
    struct slice piece;
    size_t consumed = 1;
    assert_int_equal(h1_read_body(&body, SLICE("GET"), &consumed, &piece), H1_BODY_END);
    assert_int_equal(consumed, 0);
    assert_true(h1_body_may_end_here(&body));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chunked_body_has_its_outcome_in_every_split),
        cmocka_unit_test(errors_of_responses_have_their_own_names),
        cmocka_unit_test(a_bad_chunk_stays_bad),
        cmocka_unit_test(extensions_without_end_are_refused_though_each_is_short),
        cmocka_unit_test(a_counted_body_ends_with_its_last_byte),
        cmocka_unit_test(a_body_until_close_never_ends_by_itself),
        cmocka_unit_test(no_body_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
