#include "obs/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char written[64 * 1024];
static size_t written_length;
static int64_t wall = 1795201200123; /* 2026-11-20T19:00:00.123Z */

static void keep(struct log_sink *sink, enum log_severity severity, struct slice line)
{
    (void)severity;
    (void)sink;
    assert_true(written_length + line.length < sizeof(written));
    memcpy(written + written_length, line.data, line.length);
    written_length += line.length;
    written[written_length] = '\0';
}

static int64_t read_wall(void)
{
    return wall;
}

static struct log_sink sink = {.write = keep};

static int start(void **state)
{
    (void)state;
    wall += 60 * 1000;
    log_start(&sink, LOG_NOTICE, read_wall);
    log_tell_held_back(); /* of other tests */
    written_length = 0;
    written[0] = '\0';
    return 0;
}

static int stop(void **state)
{
    (void)state;
    log_stop();
    return 0;
}

static size_t count_lines(void)
{
    size_t count = 0;
    for (size_t i = 0; i < written_length; i++)
        count += written[i] == '\n';
    return count;
}

static void a_line_is_time_level_sentence_and_fields(void **state)
{
    (void)state;
    wall = 1795201200123;
    log_event(LOG_WARNING, "the server refuses connections; passed over for 5 s",
              LOG_TEXT("server", SLICE("10.0.0.1:80")), LOG_TEXT("upstream", SLICE("shop")),
              LOG_NUMBER("status", 502));
    assert_string_equal(written, "2026-11-20T19:00:00.123Z warning the server refuses connections; "
                                 "passed over for 5 s server=10.0.0.1:80 upstream=shop "
                                 "status=502\n");
}

static void addresses_are_written_as_people_write_them(void **state)
{
    (void)state;
    struct ip ip;
    struct address address;
    assert_true(ip_parse(SLICE("2001:db8::1"), &ip));
    assert_true(address_parse(SLICE("[::1]:80"), &address));
    log_event(LOG_NOTICE, "addresses", LOG_IP("client", &ip), LOG_ADDRESS("listener", &address));
    assert_non_null(strstr(written, " notice addresses client=2001:db8::1 listener=[::1]:80\n"));
}

static void fields_without_value_are_left_away(void **state)
{
    (void)state;
    struct ip none = {.kind = ADDRESS_NONE};
    log_event(LOG_NOTICE, "nothing", LOG_TEXT("server", SLICE("")), LOG_IP("client", &none));
    assert_non_null(strstr(written, "Z notice nothing\n"));
    log_event(LOG_NOTICE, "no fields");
    assert_non_null(strstr(written, "Z notice no fields\n"));
}

static void no_value_can_forge_a_line_or_a_field(void **state)
{
    (void)state;
    log_event(LOG_NOTICE, "hostile", LOG_TEXT("method", SLICE("G\nET\x1b\"\xff")),
              LOG_TEXT("site", SLICE("a server=b")));
    assert_non_null(strstr(written, "Z notice hostile method=\"G\\x0AET\\x1B\\x22\\xFF\" "
                                    "site=\"a server=b\"\n"));
    assert_int_equal(count_lines(), 1);
}

static void a_line_that_is_too_long_still_ends(void **state)
{
    (void)state;
    char long_text[4096];
    memset(long_text, 'x', sizeof(long_text));
    struct slice value = slice_of(long_text, sizeof(long_text));
    log_event(LOG_NOTICE, "long", LOG_TEXT("a", value), LOG_TEXT("b", value), LOG_TEXT("c", value),
              LOG_TEXT("d", value), LOG_TEXT("e", value));
    assert_true(written_length <= LOG_LINE_MAX);
    assert_int_equal(written[written_length - 1], '\n');
    assert_non_null(strstr(written, "x... b=xxx"));
}

static unsigned evaluated;

static struct slice evaluate(void)
{
    evaluated++;
    return SLICE("value");
}

static void nobody_pays_for_a_level_that_is_not_wanted(void **state)
{
    (void)state;
    log_event(LOG_DEBUG, "details", LOG_TEXT("key", evaluate()));
    assert_int_equal(evaluated, 0);
    assert_int_equal(written_length, 0);
    log_start(&sink, LOG_DEBUG, read_wall);
    log_event(LOG_DEBUG, "details", LOG_TEXT("key", evaluate()));
    assert_int_equal(evaluated, 1);
    assert_int_equal(count_lines(), 1);
}

static void nothing_is_told_before_the_start_and_after_the_stop(void **state)
{
    (void)state;
    log_stop();
    log_event(LOG_ERROR, "unheard");
    log_tell_held_back();
    assert_int_equal(written_length, 0);
}

static void flood(const char *sentence, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        log_event(LOG_ERROR, sentence, LOG_NUMBER("number", i));
}

static void the_same_event_is_told_ten_times_a_second(void **state)
{
    (void)state;
    flood("the server is gone", 500);
    assert_int_equal(count_lines(), LOG_PER_SECOND_MAX);
    flood("another event", 1);
    assert_int_equal(count_lines(), LOG_PER_SECOND_MAX + 1);
}

static void what_was_held_back_is_told_with_the_next_one(void **state)
{
    (void)state;
    flood("the server is slow", 500);
    wall += 1000;
    written_length = 0;
    flood("the server is slow", 1);
    const char *told = strstr(written, "warning the same happened more often than is told "
                                       "event=\"the server is slow\" count=490\n");
    assert_non_null(told);
    assert_true(told < strstr(written, "error the server is slow number=0\n"));
    assert_int_equal(count_lines(), 2);
}

static void what_was_held_back_is_told_once_when_no_more_comes(void **state)
{
    (void)state;
    flood("the server is strange", 11);
    written_length = 0;
    log_tell_held_back();
    assert_int_equal(count_lines(), 0);
    wall += 1000;
    log_tell_held_back();
    log_tell_held_back();
    assert_int_equal(count_lines(), 1);
    assert_non_null(strstr(written, "event=\"the server is strange\" count=1\n"));
}

static void more_sentences_than_are_counted_do_no_harm(void **state)
{
    (void)state;
    static char sentences[600][8];
    for (unsigned i = 0; i < 600; i++) {
        struct text text = text_over(sentences[i], sizeof(sentences[i]) - 1);
        text_print(&text, "s%u", i);
        flood(sentences[i], 1);
    }
    assert_true(count_lines() > 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_time_level_sentence_and_fields, start, stop),
        cmocka_unit_test_setup_teardown(addresses_are_written_as_people_write_them, start, stop),
        cmocka_unit_test_setup_teardown(fields_without_value_are_left_away, start, stop),
        cmocka_unit_test_setup_teardown(no_value_can_forge_a_line_or_a_field, start, stop),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_still_ends, start, stop),
        cmocka_unit_test_setup_teardown(nobody_pays_for_a_level_that_is_not_wanted, start, stop),
        cmocka_unit_test_setup_teardown(nothing_is_told_before_the_start_and_after_the_stop, start,
                                        stop),
        cmocka_unit_test_setup_teardown(the_same_event_is_told_ten_times_a_second, start, stop),
        cmocka_unit_test_setup_teardown(what_was_held_back_is_told_with_the_next_one, start, stop),
        cmocka_unit_test_setup_teardown(what_was_held_back_is_told_once_when_no_more_comes, start,
                                        stop),
        cmocka_unit_test_setup_teardown(more_sentences_than_are_counted_do_no_harm, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
