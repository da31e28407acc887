#include "wire/proxy_protocol.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define V2 "\r\n\r\n\0\r\nQUIT\n"

/* Every beginning of it asks for more, and what follows does not matter. */
static void read_in_every_split(struct slice bytes, struct proxy_header *ret_header)
{
    char memory[PROXY_HEADER_MAX + 16];
    size_t length = 0;
    for (size_t i = 0; i < bytes.length; i++)
        assert_int_equal(proxy_header_read(slice_until(bytes, i), ret_header, &length),
                         PROXY_HEADER_MORE);
    memcpy(memory, bytes.data, bytes.length);
    memcpy(memory + bytes.length, "GET / HTTP", 10);
    assert_int_equal(proxy_header_read(slice_of(memory, bytes.length + 10), ret_header, &length),
                     PROXY_HEADER_COMPLETE);
    assert_int_equal(length, bytes.length);
}

static void assert_ends(const struct proxy_header *header, const char *source, uint16_t source_port,
                        const char *destination, uint16_t destination_port)
{
    struct ip expected;
    assert_true(ip_parse(slice_from_text(source), &expected));
    assert_true(ip_equal(&header->source, &expected));
    assert_true(ip_parse(slice_from_text(destination), &expected));
    assert_true(ip_equal(&header->destination, &expected));
    assert_int_equal(header->source_port, source_port);
    assert_int_equal(header->destination_port, destination_port);
}

static void lines_are_read(void **state)
{
    (void)state;
    struct proxy_header header;
    read_in_every_split(SLICE("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"), &header);
    assert_ends(&header, "192.0.2.7", 56324, "198.51.100.1", 443);
    read_in_every_split(SLICE("PROXY TCP6 2001:db8::7 2001:db8::1 0 65535\r\n"), &header);
    assert_ends(&header, "2001:db8::7", 0, "2001:db8::1", 65535);
    read_in_every_split(SLICE("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 1 2\r\n"), &header);
    assert_ends(&header, "192.0.2.7", 1, "192.0.2.1", 2);
    read_in_every_split(SLICE("PROXY UNKNOWN\r\n"), &header);
    assert_int_equal(header.source.kind, ADDRESS_NONE);
    read_in_every_split(SLICE("PROXY UNKNOWN ffff::1 ::1 1 2 whatever it is\r\n"), &header);
    assert_int_equal(header.source.kind, ADDRESS_NONE);
}

static void binary_headers_are_read(void **state)
{
    (void)state;
    struct proxy_header header;
    read_in_every_split(SLICE(V2 "\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xdc\x04\x01\xbb"),
                        &header);
    assert_ends(&header, "192.0.2.7", 56324, "198.51.100.1", 443);
    read_in_every_split(SLICE(V2 "\x21\x11\0\x10\xc0\0\x02\x07\xc6\x33\x64\x01\xdc\x04\x01\xbb"
                                 "\x04\0\x01x"),
                        &header); /* with an extension */
    assert_ends(&header, "192.0.2.7", 56324, "198.51.100.1", 443);
    read_in_every_split(SLICE(V2 "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
                                 "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\x01\0\x01\0\x02"),
                        &header);
    assert_ends(&header, "2001:db8::7", 1, "127.0.0.1", 2);
    read_in_every_split(SLICE(V2 "\x20\x11\0\x03xyz"), &header); /* local: what follows is passed */
    assert_int_equal(header.source.kind, ADDRESS_NONE);
    read_in_every_split(SLICE(V2 "\x21\0\0\0"), &header);
    assert_int_equal(header.source.kind, ADDRESS_NONE);
}

static void nothing_else_is_taken_for_one(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        SLICE("GET / HTTP/1.1\r\n"),
        SLICE("proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n"),
        SLICE(" PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"),
        SLICE("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"),
        SLICE("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n"),
        SLICE("PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n"),
        SLICE("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"),
        SLICE("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"),
        SLICE("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"),
        SLICE("PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n"),
        SLICE("PROXY TCP4 ::1 ::1 1 2\r\n"),
        SLICE("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n"),
        SLICE("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"),
        SLICE("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n"),
        SLICE("PROXY UNKNOWNX\r\n"),
        SLICE("PROXY \r\n"),
        SLICE("\r\n\r\n\0\r\nQUIX\n\x20\0\0\0"),
        SLICE(V2 "\x11\x11\0\x0c............"), /* another version */
        SLICE(V2 "\x22\x11\0\x0c............"), /* another command */
        SLICE(V2 "\x21\x12\0\x0c............"), /* datagrams */
        SLICE(V2 "\x21\x11\0\x0b..........."),  /* addresses too short */
        SLICE(V2 "\x21\x21\0\x23..................................."),
        SLICE(V2 "\x21\x31\0\x04...."),
        SLICE(V2 "\x20\0\xff\xff"), /* more than anybody has to say */
    };
    struct proxy_header header;
    size_t length;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (proxy_header_read(bad[i], &header, &length) != PROXY_HEADER_BAD)
            fail_msg("number %zu was taken", i);
    }
    char line[200] = "PROXY UNKNOWN ";
    memset(line + 14, 'x', sizeof(line) - 14);
    assert_int_equal(proxy_header_read(slice_of(line, 106), &header, &length), PROXY_HEADER_MORE);
    assert_int_equal(proxy_header_read(slice_of(line, 107), &header, &length), PROXY_HEADER_BAD);
}

static void assert_written(unsigned version, const struct proxy_header *header,
                           struct slice expected)
{
    char memory[PROXY_HEADER_WRITTEN_MAX];
    struct text text = text_over(memory, sizeof(memory));
    proxy_header_write(&text, version, header);
    assert_false(text_is_cut(&text));
    assert_int_equal(text.length, expected.length);
    assert_memory_equal(text.data, expected.data, expected.length);
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    static const char *const ends[][2] = {
        {"192.0.2.7", "198.51.100.1"},
        {"2001:db8::7", "192.0.2.1"},
        {"192.0.2.1", "::1"},
        {"abcd:ef01:2345:6789:abcd:ef01:2345:6789", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    for (size_t i = 0; i < 8; i++) {
        struct proxy_header header = {.source_port = 65534, .destination_port = 65535}, again;
        char memory[PROXY_HEADER_WRITTEN_MAX];
        struct text text = text_over(memory, sizeof(memory));
        assert_true(ip_parse(slice_from_text(ends[i / 2][0]), &header.source));
        assert_true(ip_parse(slice_from_text(ends[i / 2][1]), &header.destination));
        proxy_header_write(&text, 1 + i % 2, &header);
        assert_false(text_is_cut(&text));
        read_in_every_split(text_slice(&text), &again);
        assert_ends(&again, ends[i / 2][0], 65534, ends[i / 2][1], 65535);
    }
}

static void what_is_unknown_is_said_to_be(void **state)
{
    (void)state;
    struct proxy_header header = {.source = {.kind = ADDRESS_UNIX}};
    assert_written(1, &header, SLICE("PROXY UNKNOWN\r\n"));
    assert_written(2, &header, SLICE(V2 "\x20\0\0\0"));
    assert_true(ip_parse(SLICE("192.0.2.7"), &header.source));
    assert_written(1, &header, SLICE("PROXY TCP4 192.0.2.7 0.0.0.0 0 0\r\n"));
    assert_true(ip_parse(SLICE("2001:db8::7"), &header.source));
    assert_written(1, &header, SLICE("PROXY TCP6 2001:db8::7 :: 0 0\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(binary_headers_are_read),
        cmocka_unit_test(nothing_else_is_taken_for_one),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(what_is_unknown_is_said_to_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
