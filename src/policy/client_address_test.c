#include "policy/client_address.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { LINES_MAX = 4, RANGES_MAX = 8 };

static struct ip ip_of(const char *text)
{
    struct ip ip = {.kind = ADDRESS_UNIX};
    if (strcmp(text, "unix") != 0)
        assert_true(ip_parse(slice_from_text(text), &ip));
    return ip;
}

/* The client of a request from `peer` with these lines of X-Forwarded-For, where 10.0.0.0/8,
 * fd00::/8 and Unix sockets are trusted. */
static const char *client_of(const char *peer, const char *const *lines)
{
    static char memory[ADDRESS_TEXT_MAX];
    struct ip_range items[2];
    assert_true(ip_range_parse(SLICE("10.0.0.0/8"), &items[0]));
    assert_true(ip_range_parse(SLICE("fd00::/8"), &items[1]));
    struct ip_ranges trusted = {.items = items, .count = 2, .unix_peers = true};

    struct field memory_of_fields[LINES_MAX + 1] = {
        {.name = SLICE("Host"), .value = SLICE("192.0.2.99"), .id = FIELD_HOST}};
    struct fields fields = {.items = memory_of_fields, .count = 1, .capacity = LINES_MAX + 1};
    for (; *lines; lines++)
        fields.items[fields.count++] = (struct field){.name = SLICE("X-Forwarded-For"),
                                                      .value = slice_from_text(*lines),
                                                      .id = FIELD_X_FORWARDED_FOR};
    fields.present = ~(uint64_t)0;

    struct ip ip = ip_of(peer);
    struct ip client = client_address(&ip, &trusted, &fields);
    struct text text = text_over(memory, sizeof(memory) - 1);
    ip_print(&text, &client);
    memory[text.length] = '\0';
    return memory;
}

#define CLIENT_OF(peer, ...) client_of(peer, (const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void a_peer_that_is_not_trusted_is_the_client(void **state)
{
    (void)state;
    assert_string_equal(CLIENT_OF("203.0.113.5", "192.0.2.1"), "203.0.113.5");
}

static void without_the_field_the_peer_is_the_client(void **state)
{
    (void)state;
    assert_string_equal(CLIENT_OF("10.0.0.1"), "10.0.0.1");
    assert_string_equal(CLIENT_OF("10.0.0.1", ""), "10.0.0.1");
    assert_string_equal(CLIENT_OF("10.0.0.1", " , ,"), "10.0.0.1");
    assert_string_equal(CLIENT_OF("unix"), "unix");
}

static void the_first_untrusted_address_from_the_right_is_the_client(void **state)
{
    (void)state;
    assert_string_equal(CLIENT_OF("10.0.0.1", "192.0.2.1"), "192.0.2.1");
    assert_string_equal(CLIENT_OF("10.0.0.1", "6.6.6.6, 192.0.2.1, 10.1.1.1"), "192.0.2.1");
    assert_string_equal(CLIENT_OF("unix", "6.6.6.6,192.0.2.1,10.1.1.1"), "192.0.2.1");
    assert_string_equal(CLIENT_OF("fd00::1", "2001:db8::1"), "2001:db8::1");
}

static void several_lines_are_one_list(void **state)
{
    (void)state;
    assert_string_equal(CLIENT_OF("10.0.0.1", "6.6.6.6", "192.0.2.1", "10.2.2.2, 10.3.3.3"),
                        "192.0.2.1");
    assert_string_equal(CLIENT_OF("10.0.0.1", "192.0.2.1", "", "10.2.2.2"), "192.0.2.1");
}

static void where_all_are_trusted_the_leftmost_is_the_client(void **state)
{
    (void)state;
    assert_string_equal(CLIENT_OF("10.0.0.1", "10.9.9.9, 10.1.1.1"), "10.9.9.9");
}

static void ports_brackets_and_quotes_are_tolerated(void **state)
{
    (void)state;
    assert_string_equal(CLIENT_OF("10.0.0.1", "192.0.2.1:4711"), "192.0.2.1");
    assert_string_equal(CLIENT_OF("10.0.0.1", "\"192.0.2.1:4711\""), "192.0.2.1");
    assert_string_equal(CLIENT_OF("10.0.0.1", "[2001:db8::7]:443"), "2001:db8::7");
    assert_string_equal(CLIENT_OF("10.0.0.1", "\"[2001:db8::7]\""), "2001:db8::7");
    assert_string_equal(CLIENT_OF("10.0.0.1", "2001:db8::7"), "2001:db8::7");
    assert_string_equal(CLIENT_OF("10.0.0.1", "[::ffff:192.0.2.1]:80"), "192.0.2.1");
}

static void a_malformed_element_ends_the_walk(void **state)
{
    (void)state;
    const char *const malformed[] = {
        "unknown",
        "_hidden",
        "192.0.2",
        "192.0.2.1:",
        "192.0.2.1:http",
        "[2001:db8::7",
        "[2001:db8::7]x",
        "[192.0.2.1]:80",
        "2001:db8::7]",
        "192.0.2.1:65536",
        "[]",
        "[",
        "\"",
        "\"192.0.2.1",
        "192.0.2.1 6.6.6.6",
    };
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        assert_string_equal(CLIENT_OF("10.0.0.1", "6.6.6.6", malformed[i]), "10.0.0.1");
        assert_string_equal(CLIENT_OF("10.0.0.1", "6.6.6.6", malformed[i], "10.1.1.1"), "10.1.1.1");
    }
}

static void what_stands_left_of_the_client_does_not_matter(void **state)
{
    (void)state;
    assert_string_equal(CLIENT_OF("10.0.0.1", "\"[[,:;unknown", "192.0.2.1"), "192.0.2.1");
}

static void peers_on_unix_sockets_are_trusted_only_where_it_is_said(void **state)
{
    (void)state;
    struct field line = {
        .name = SLICE("X-Forwarded-For"), .value = SLICE("192.0.2.1"), .id = FIELD_X_FORWARDED_FOR};
    struct fields fields = {.items = &line, .count = 1, .capacity = 1, .present = ~(uint64_t)0};
    struct ip peer = {.kind = ADDRESS_UNIX};
    struct ip_ranges nobody = {.count = 0};
    assert_int_equal(client_address(&peer, &nobody, &fields).kind, ADDRESS_UNIX);
    struct ip_ranges unix_peers = {.unix_peers = true};
    assert_int_equal(client_address(&peer, &unix_peers, &fields).kind, ADDRESS_IPV4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_is_not_trusted_is_the_client),
        cmocka_unit_test(without_the_field_the_peer_is_the_client),
        cmocka_unit_test(the_first_untrusted_address_from_the_right_is_the_client),
        cmocka_unit_test(several_lines_are_one_list),
        cmocka_unit_test(where_all_are_trusted_the_leftmost_is_the_client),
        cmocka_unit_test(ports_brackets_and_quotes_are_tolerated),
        cmocka_unit_test(a_malformed_element_ends_the_walk),
        cmocka_unit_test(what_stands_left_of_the_client_does_not_matter),
        cmocka_unit_test(peers_on_unix_sockets_are_trusted_only_where_it_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
