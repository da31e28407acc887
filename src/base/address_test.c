#include "base/address.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Each address, and how it is printed; NULL: it is none. */
static const char *const IPS[][2] = {
    {"0.0.0.0", "0.0.0.0"},
    {"192.0.2.1", "192.0.2.1"},
    {"255.255.255.255", "255.255.255.255"},
    {"::", "::"},
    {"::1", "::1"},
    {"1::", "1::"},
    {"2001:DB8::0:1", "2001:db8::1"},
    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
    {"0:0:0:0:0:0:0:0", "::"},
    {"1:0:0:0:0:0:0:0", "1::"},
    {"::1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"},
    {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
    {"::ffff:192.0.2.1", "192.0.2.1"},
    {"::ffff:c000:201", "192.0.2.1"},
    {"", NULL},
    {"1.2.3", NULL},
    {"1.2.3.4.5", NULL},
    {"1.2.3.4.", NULL},
    {".1.2.3.4", NULL},
    {"1..2.3", NULL},
    {"1.2.3.256", NULL},
    {"01.2.3.4", NULL},
    {"1.2.3.04", NULL},
    {"1.2.3.-4", NULL},
    {" 1.2.3.4", NULL},
    {"0x1.2.3.4", NULL},
    {"1", NULL},
    {":", NULL},
    {":::", NULL},
    {":1", NULL},
    {"1:", NULL},
    {"1::2::3", NULL},
    {"1:2:3:4:5:6:7", NULL},
    {"1:2:3:4:5:6:7:8:9", NULL},
    {"1::2:3:4:5:6:7:8", NULL},
    {"12345::", NULL},
    {"g::", NULL},
    {"::1.2.3", NULL},
    {"1:2:3:4:5:6:7:1.2.3.4", NULL},
    {"::1.2.3.4:1", NULL},
    {"fe80::1%eth0", NULL},
    {"[::1]", NULL},
    {"localhost", NULL},
};

static void ips_are_parsed_and_printed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(IPS) / sizeof(IPS[0]); i++) {
        struct ip ip;
        bool good = ip_parse(slice_from_text(IPS[i][0]), &ip);
        if (good != (IPS[i][1] != NULL))
            fail_msg("%s", IPS[i][0]);
        if (!good)
            continue;
        char memory[ADDRESS_TEXT_MAX] = "";
        struct text text = text_over(memory, sizeof(memory) - 1);
        ip_print(&text, &ip);
        assert_string_equal(memory, IPS[i][1]);
        struct ip_text kept = ip_text_of(&ip);
        assert_true(slice_equal(ip_text_slice(&kept), text_slice(&text)));
    }
}

static void the_longest_address_is_kept_whole(void **state)
{
    (void)state;
    struct slice written = SLICE("1111:2222:3333:4444:5555:6666:7777:8888");
    struct ip ip;
    assert_true(ip_parse(written, &ip));
    struct ip_text kept = ip_text_of(&ip);
    assert_int_equal(written.length, IP_TEXT_MAX);
    assert_true(slice_equal(ip_text_slice(&kept), written));
}

static void peers_without_an_address_have_names(void **state)
{
    (void)state;
    char memory[16] = "";
    struct text text = text_over(memory, sizeof(memory) - 1);
    ip_print(&text, &(struct ip){.kind = ADDRESS_UNIX});
    assert_string_equal(memory, "unix");
}

static void mapped_addresses_are_those_of_ipv4(void **state)
{
    (void)state;
    struct ip mapped, plain, other;
    assert_true(ip_parse(SLICE("::ffff:10.0.0.1"), &mapped));
    assert_true(ip_parse(SLICE("10.0.0.1"), &plain));
    assert_true(ip_parse(SLICE("10.0.0.2"), &other));
    assert_true(ip_equal(&mapped, &plain));
    assert_false(ip_equal(&plain, &other));
    assert_false(ip_equal(&plain, &(struct ip){.kind = ADDRESS_UNIX}));
}

static bool contains(const char *range_text, const char *ip_text)
{
    struct ip_range range;
    struct ip ip;
    assert_true(ip_range_parse(slice_from_text(range_text), &range));
    assert_true(ip_parse(slice_from_text(ip_text), &ip));
    return ip_range_contains(&range, &ip);
}

static void ranges_contain_what_shares_their_bits(void **state)
{
    (void)state;
    assert_true(contains("10.0.0.0/8", "10.255.0.1"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_true(contains("192.0.2.128/25", "192.0.2.200"));
    assert_false(contains("192.0.2.128/25", "192.0.2.127"));
    assert_true(contains("0.0.0.0/0", "1.2.3.4"));
    assert_false(contains("0.0.0.0/0", "::1"));
    assert_true(contains("192.0.2.1", "192.0.2.1"));
    assert_false(contains("192.0.2.1", "192.0.2.2"));
    assert_true(contains("fd00::/8", "fdff::1"));
    assert_false(contains("fd00::/8", "fe00::"));
    assert_true(contains("2001:db8::/127", "2001:db8::1"));
    assert_false(contains("2001:db8::/127", "2001:db8::2"));
    assert_true(contains("::ffff:10.0.0.0/104", "10.1.1.1"));
    assert_false(contains("::/0", "1.2.3.4"));
}

static void a_unix_peer_is_in_no_range(void **state)
{
    (void)state;
    struct ip_range range;
    assert_true(ip_range_parse(SLICE("0.0.0.0/0"), &range));
    assert_false(ip_range_contains(&range, &(struct ip){.kind = ADDRESS_UNIX}));
}

static void what_is_no_range_is_refused(void **state)
{
    (void)state;
    static const char *const WRONG[] = {
        "",          "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/-1", "10.0.0.0/8/8",
        "::/129",    "fd00::1/8", "/8",          "10/8",       "10.0.0.0/ 8", "10.0.0.0/0x8",
        "1.2.3.4 /8"};
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        struct ip_range range;
        if (ip_range_parse(slice_from_text(WRONG[i]), &range))
            fail_msg("%s", WRONG[i]);
    }
}

static const char *const ADDRESSES[][2] = {
    {"127.0.0.1:80", "127.0.0.1:80"},
    {"[::1]:65535", "[::1]:65535"},
    {"[::ffff:127.0.0.1]:80", "127.0.0.1:80"},
    {":80", "*:80"},
    {"*:80", "*:80"},
    {"[::]:80", "*:80"},
    {"0.0.0.0:80", "0.0.0.0:80"},
    {"unix:/run/app.sock", "unix:/run/app.sock"},
    {"unix:@app", "unix:@app"},
    {"", NULL},
    {"80", NULL},
    {":", NULL},
    {":0", NULL},
    {":65536", NULL},
    {":+80", NULL},
    {"127.0.0.1", NULL},
    {"127.0.0.1:", NULL},
    {"::1:80", NULL},
    {"[127.0.0.1]:80", NULL},
    {"[::1]", NULL},
    {"[::1]80", NULL},
    {"[]:80", NULL},
    {"localhost:80", NULL},
    {"unix:", NULL},
    {"unix:/", NULL},
    {"unix:run/app.sock", NULL},
};

static void addresses_are_parsed_and_printed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ADDRESSES) / sizeof(ADDRESSES[0]); i++) {
        struct address address;
        bool good = address_parse(slice_from_text(ADDRESSES[i][0]), &address);
        if (good != (ADDRESSES[i][1] != NULL))
            fail_msg("%s", ADDRESSES[i][0]);
        if (!good)
            continue;
        char memory[ADDRESS_TEXT_MAX] = "";
        struct text text = text_over(memory, sizeof(memory) - 1);
        address_print(&text, &address);
        assert_string_equal(memory, ADDRESSES[i][1]);
    }
}

static void a_path_has_at_most_107_bytes(void **state)
{
    (void)state;
    char memory[128];
    struct address address;
    memset(memory, 'a', sizeof(memory));
    memcpy(memory, "unix:/", 6);
    assert_true(address_parse(slice_of(memory, 5 + ADDRESS_PATH_MAX), &address));
    assert_int_equal(strlen(address.path), ADDRESS_PATH_MAX);
    assert_false(address_parse(slice_of(memory, 6 + ADDRESS_PATH_MAX), &address));
    memory[20] = '\0';
    assert_false(address_parse(slice_of(memory, 30), &address));
}

static void equal_addresses_share_port_and_path(void **state)
{
    (void)state;
    struct address any, loopback, other_port, path, other_path;
    assert_true(address_parse(SLICE(":80"), &any));
    assert_true(address_parse(SLICE("127.0.0.1:80"), &loopback));
    assert_true(address_parse(SLICE("127.0.0.1:81"), &other_port));
    assert_true(address_parse(SLICE("unix:/a"), &path));
    assert_true(address_parse(SLICE("unix:/b"), &other_path));
    assert_true(address_is_any(&any));
    assert_false(address_is_any(&loopback));
    assert_false(address_is_any(&path));
    assert_true(address_equal(&loopback, &loopback));
    assert_false(address_equal(&loopback, &other_port));
    assert_false(address_equal(&path, &other_path));
    assert_true(address_equal(&path, &path));
}

static void the_loop_of_a_machine_is_known(void **state)
{
    static const char *const own[] = {"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"};
    static const char *const others[] = {"128.0.0.1", "0.0.0.0", "::", "::2", "7f00::1"};
    struct ip ip = {.kind = ADDRESS_UNIX};
    (void)state;
    assert_false(ip_is_loopback(&ip));
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        assert_true(ip_parse(slice_from_text(own[i]), &ip) && ip_is_loopback(&ip));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_true(ip_parse(slice_from_text(others[i]), &ip) && !ip_is_loopback(&ip));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ips_are_parsed_and_printed),
        cmocka_unit_test(the_longest_address_is_kept_whole),
        cmocka_unit_test(peers_without_an_address_have_names),
        cmocka_unit_test(mapped_addresses_are_those_of_ipv4),
        cmocka_unit_test(ranges_contain_what_shares_their_bits),
        cmocka_unit_test(a_unix_peer_is_in_no_range),
        cmocka_unit_test(what_is_no_range_is_refused),
        cmocka_unit_test(addresses_are_parsed_and_printed),
        cmocka_unit_test(a_path_has_at_most_107_bytes),
        cmocka_unit_test(equal_addresses_share_port_and_path),
        cmocka_unit_test(the_loop_of_a_machine_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
