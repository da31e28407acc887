#include "wire/h1_testing_rewrite.h"
#include "wire/h1_vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void feed(struct slice bytes, struct h1_cuts cuts, struct h1_outcome *outcome)
{
    struct h1_trial trial;
    h1_trial_request(&trial, bytes, cuts, &H1_TESTING_LIMITS);
    h1_describe_request(outcome, &trial);
    h1_trial_fini(&trial);
}

static void check_rewritten(struct slice bytes)
{
    static struct h1_outcome before, after;
    struct h1_trial first, second;
    char memory[8 * 1024];
    struct text text = text_over(memory, sizeof(memory));
    h1_trial_request(&first, bytes, (struct h1_cuts){&bytes.length, 1}, &H1_TESTING_LIMITS);
    /* HTTP/1.0 without Host has no form in HTTP/1.1; the exchange gives it one. */
    if (h1_trial_is_good(&first) && first.request.authority.length > 0) {
        h1_rewrite_request(&first, &text);
        h1_describe_request(&before, &first);
        assert_true(h1_is_clean(text_slice(&text)));
        h1_trial_request(&second, text_slice(&text), (struct h1_cuts){&text.length, 1},
                         &H1_REWRITTEN_LIMITS);
        assert_int_equal(second.error, ERROR_NONE);
        h1_forget_wire(&second);
        h1_describe_request(&after, &second);
        assert_int_equal(before.text.length, after.text.length);
        assert_memory_equal(before.text.data, after.text.data, after.text.length);
        h1_trial_fini(&second);
    }
    h1_trial_fini(&first);
}

static void every_request_has_its_outcome_in_every_split(void **state)
{
    (void)state;
    unsigned count = 0;
    assert_int_equal(h1_count_failures("tests/data/h1_requests.txt", feed, &count), 0);
    assert_true(count > 70);
}

static void hostile_requests_are_refused_in_every_split(void **state)
{
    (void)state;
    unsigned count = 0;
    assert_int_equal(h1_count_failures("tests/data/h1_requests_hostile.txt", feed, &count), 0);
    assert_true(count > 100);
}

static void what_was_accepted_and_written_anew_reads_the_same(void **state)
{
    (void)state;
    static struct h1_vector vector;
    FILE *file = fopen("tests/data/h1_requests.txt", "r");
    assert_non_null(file);
    while (h1_vector_read(file, &vector))
        check_rewritten(text_slice(&vector.bytes));
    (void)fclose(file);
}

static enum error_code parse_without_memory(struct slice bytes)
{
    struct h1_scan scan = {0};
    struct request_head head;
    struct h1_body body;
    struct arena none;
    bool keep_alive = false;
    arena_init(&none, NULL, 0);
    assert_int_equal(h1_scan_head(bytes, &H1_TESTING_LIMITS, H1_REQUEST, &scan), H1_COMPLETE);
    enum error_code error =
        h1_parse_request(bytes, &scan, &H1_TESTING_LIMITS, &none, &head, &body, &keep_alive);
    arena_fini(&none);
    return error;
}

static void short_memory_is_told_and_harms_nothing(void **state)
{
    (void)state;
    assert_int_equal(parse_without_memory(SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
                     ERROR_OUT_OF_MEMORY);
    assert_int_equal(parse_without_memory(SLICE("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n")),
                     ERROR_OUT_OF_MEMORY);
}

static void a_dripping_head_is_looked_at_once(void **state)
{
    (void)state;
    struct slice bytes = SLICE("GET / HTTP/1.1\r\nHost: a\r\nX: y\tz\r\n\r\n");
    struct h1_scan scan = {0};
    for (size_t end = 1; end < bytes.length; end++) {
        struct slice part = slice_until(bytes, end);
        assert_int_equal(h1_scan_head(part, &H1_TESTING_LIMITS, H1_REQUEST, &scan), H1_MORE);
        /* A CR waits for the byte behind it. */
        assert_int_equal(scan.seen, part.data[end - 1] == '\r' ? end - 1 : end);
    }
    assert_int_equal(h1_scan_head(bytes, &H1_TESTING_LIMITS, H1_REQUEST, &scan), H1_COMPLETE);
    assert_int_equal(scan.lines, 3);
    assert_int_equal(scan.length, bytes.length);
}

/* The search takes many bytes at once: none may slip through its steps. */
static void a_control_byte_is_found_wherever_it_stands(void **state)
{
    (void)state;
    const struct slice begin = SLICE("GET / HTTP/1.1\r\nHost: a\r\nX: "), end = SLICE("\r\n\r\n");
    for (size_t size = 1; size <= 40; size++) {
        const size_t length = begin.length + size + end.length;
        char *bytes = malloc(length); /* of just that size, so that the sanitizers watch its end */
        assert_non_null(bytes);
        for (size_t place = 0; place < size; place++) {
            for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
                struct h1_scan scan = {0};
                memcpy(bytes, begin.data, begin.length);
                memset(bytes + begin.length, '~', size);
                memcpy(bytes + begin.length + size, end.data, end.length);
                bytes[begin.length + place] = (char)byte;
                bool is_bad = (byte < 0x20 && byte != '\t') || byte == 0x7F;
                assert_int_equal(
                    h1_scan_head(slice_of(bytes, length), &H1_TESTING_LIMITS, H1_REQUEST, &scan),
                    is_bad ? H1_BAD : H1_COMPLETE);
                assert_int_equal(scan.seen, is_bad ? begin.length + place : length - 2);
            }
        }
        free(bytes);
    }
}

static void limits_that_are_lowered_meanwhile_refuse_what_was_begun(void **state)
{
    (void)state;
    struct h1_limits lower = H1_TESTING_LIMITS;
    struct slice bytes =
        SLICE("GET / HTTP/1.1\r\nHost: a\r\nX: 0123456789012345678901234567890123");
    struct h1_scan scan = {0};
    assert_int_equal(h1_scan_head(bytes, &H1_TESTING_LIMITS, H1_REQUEST, &scan), H1_MORE);
    lower.header_size = 20;
    assert_int_equal(h1_scan_head(bytes, &lower, H1_REQUEST, &scan), H1_BAD);
    assert_int_equal(scan.error, ERROR_HEAD_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_has_its_outcome_in_every_split),
        cmocka_unit_test(hostile_requests_are_refused_in_every_split),
        cmocka_unit_test(what_was_accepted_and_written_anew_reads_the_same),
        cmocka_unit_test(short_memory_is_told_and_harms_nothing),
        cmocka_unit_test(a_dripping_head_is_looked_at_once),
        cmocka_unit_test(a_control_byte_is_found_wherever_it_stands),
        cmocka_unit_test(limits_that_are_lowered_meanwhile_refuse_what_was_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
