#include "policy/test_table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A table whose one route `yes` has this condition; its site says `no`. */
static struct test_table with_condition(const char *condition)
{
    char text[512];
    struct text yaml = text_over(text, sizeof(text) - 1);
    text_print(&yaml, "sites:\n- answer: no\n  routes:\n  - {%s, answer: yes}\n", condition);
    text[yaml.length] = '\0';
    struct test_table test = test_table_load(text);
    if (!test.table)
        fail_msg("%s", test_table_told(&test));
    return test;
}

#define YES(...) assert_string_equal(ASK(&test, __VA_ARGS__), "yes")
#define NO(...)  assert_string_equal(ASK(&test, __VA_ARGS__), "no")

static void methods_are_exact_lists_or_patterns(void **state)
{
    (void)state;
    struct test_table test = with_condition("method: [POST, PUT, \"~^PROP\"]");
    YES(.method = "POST");
    YES(.method = "PUT");
    YES(.method = "PROPFIND");
    NO(.method = "post");
    NO(.method = "GET");
    NO(.method = "PUTS");
    test_table_free(&test);
}

static void a_header_has_a_value_a_pattern_or_is_present(void **state)
{
    (void)state;
    struct test_table test = with_condition("header: {X-Beta: \"1\", User-Agent: \"~Firefox/\"}");
    YES(.fields = {FIELD("x-beta", "1"), FIELD("user-agent", "Mozilla Firefox/99")});
    NO(.fields = {FIELD("x-beta", "2"), FIELD("user-agent", "Mozilla Firefox/99")});
    NO(.fields = {FIELD("x-beta", "1"), FIELD("user-agent", "curl")});
    NO(.fields = {FIELD("x-beta", "1")});
    test_table_free(&test);

    test = with_condition("header: {X-Any: \"*\"}");
    YES(.fields = {FIELD("X-ANY", "")});
    NO(.fields = {FIELD("X-An", "")});
    test_table_free(&test);
}

static void of_several_lines_of_a_header_any_will_do(void **state)
{
    (void)state;
    struct test_table test = with_condition("header: {X-A: [b, c]}");
    YES(.fields = {FIELD("X-A", "a"), FIELD("X-A", "b")});
    YES(.fields = {FIELD("X-A", "c")});
    NO(.fields = {FIELD("X-A", "a"), FIELD("X-B", "b")});
    NO(.fields = {FIELD("X-A", "a, b")});
    NO(.fields = {FIELD("X-A", "B")});
    test_table_free(&test);
}

static void parameters_are_compared_decoded(void **state)
{
    (void)state;
    struct test_table test = with_condition("query: {\"na me\": \"a&b c\", v: \"~^[0-9]+$\"}");
    YES(.query = "x=1&na%20me=a%26b+c&v=7");
    YES(.query = "na+me=no&na+me=%61%26b%20c&v=x&v=%37");
    NO(.query = "na+me=a&b+c&v=7");
    NO(.query = "na+me=a%26b+c&v=7x");
    NO(.query = "na+me=a%26b+c&v=7%0A");
    NO(.query = "na+me=a%26b+c");
    NO(.query = NULL);
    test_table_free(&test);

    test = with_condition("query: {debug: \"*\"}");
    YES(.query = "debug");
    YES(.query = "a&debug=");
    NO(.query = "debugs=1");
    NO(.query = "Debug");
    test_table_free(&test);
}

static void cookies_are_found_among_others(void **state)
{
    (void)state;
    struct test_table test = with_condition("cookie: {beta: [\"1\", \"~^on\"]}");
    YES(.fields = {FIELD("Cookie", "a=b; beta=1")});
    YES(.fields = {FIELD("Cookie", "beta=\"1\"")});
    YES(.fields = {FIELD("Cookie", "a=b"), FIELD("Cookie", "beta=only")});
    NO(.fields = {FIELD("Cookie", "xbeta=1; a=beta=1")});
    NO(.fields = {FIELD("Cookie", "BETA=1")});
    NO(.fields = {FIELD("X-Cookie", "beta=1")});
    NO(.method = "GET");
    test_table_free(&test);
}

static void clients_are_addresses_ranges_or_unix(void **state)
{
    (void)state;
    struct test_table test = with_condition("client: [10.0.0.0/8, 192.0.2.7, \"fd00::/8\", unix]");
    YES(.client = "10.255.0.1");
    YES(.client = "192.0.2.7");
    YES(.client = "fd00::1");
    YES(.client = "unix");
    YES(.client = "::ffff:10.0.0.1");
    NO(.client = "192.0.2.8");
    NO(.client = "fe80::1");
    test_table_free(&test);
    test = with_condition("client: 10.0.0.0/8");
    NO(.client = "unix");
    test_table_free(&test);
}

static void the_scheme_is_that_of_the_client(void **state)
{
    (void)state;
    struct test_table test = with_condition("scheme: https");
    YES(.scheme = SCHEME_HTTPS);
    NO(.scheme = SCHEME_HTTP);
    test_table_free(&test);
}

static void not_turns_what_stands_in_it_round_as_a_whole(void **state)
{
    (void)state;
    struct test_table test = with_condition("not: {method: [GET, HEAD], header: {X-A: \"*\"}}");
    YES(.method = "POST");
    YES(.method = "GET");
    YES(.method = "POST", .fields = {FIELD("X-A", "1")});
    NO(.method = "GET", .fields = {FIELD("X-A", "1")});
    test_table_free(&test);
}

static void of_a_list_in_not_none_may_hold(void **state)
{
    (void)state;
    struct test_table test = with_condition("not: [{method: GET}, {path: [/a/*, \"~x$\"]}]");
    YES(.method = "POST", .path = "/b");
    NO(.method = "GET", .path = "/b");
    NO(.method = "POST", .path = "/a/1");
    NO(.method = "POST", .path = "/bx");
    NO(.method = "POST", .path = "//a");
    test_table_free(&test);
}

static void different_conditions_are_and_ed(void **state)
{
    (void)state;
    struct test_table test =
        with_condition("path: /a/*, method: GET, query: {q: x}, not: {client: 10.0.0.0/8}");
    YES(.path = "/a/b", .query = "q=x");
    NO(.path = "/b", .query = "q=x");
    NO(.path = "/a/b", .query = "q=y");
    NO(.path = "/a/b", .query = "q=x", .method = "PUT");
    NO(.path = "/a/b", .query = "q=x", .client = "10.0.0.1");
    test_table_free(&test);
}

static void certificates_are_known_by_subject_and_fingerprint(void **state)
{
    (void)state;
    static const struct client_certificate alice = {
        .subject = SLICE("CN=alice,O=Example"),
        .fingerprint = SLICE("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")};
    static const struct client_certificate cut = {.subject = SLICE("CN=al"), .is_cut = true};
    static const struct {
        const char *condition;
        bool takes_alice, takes_none;
    } cases[] = {
        {"client_certificate: {subject: 'CN=alice,O=Example'}", true, false},
        {"client_certificate: {subject: [CN=bob, '~^CN=alice,']}", true, false},
        {"client_certificate: {subject: CN=alice}", false, false},
        {"client_certificate: {subject: '*'}", true, false},
        {"client_certificate: {fingerprint: "
         "'00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:"
         "dd:ee:ff'}",
         true, false},
        {"client_certificate: {subject: CN=bob, fingerprint: '*'}", false, false},
        {"not: {client_certificate: {subject: '*'}}", false, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_table test = with_condition(cases[i].condition);
        assert_true(route_table_asks_certificates(test.table));
        const char *said = ASK(&test, .certificate = &alice);
        assert_int_equal(strcmp(said, "yes") == 0, cases[i].takes_alice);
        said = ASK(&test, .path = "/");
        assert_int_equal(strcmp(said, "yes") == 0, cases[i].takes_none);
        test_table_free(&test);
    }
    struct test_table test = with_condition("client_certificate: {subject: '~^CN=al'}");
    assert_string_equal(ASK(&test, .certificate = &cut), "undecided");
    test_table_free(&test);
    test = with_condition("scheme: https");
    assert_false(route_table_asks_certificates(test.table));
    test_table_free(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_are_exact_lists_or_patterns),
        cmocka_unit_test(a_header_has_a_value_a_pattern_or_is_present),
        cmocka_unit_test(of_several_lines_of_a_header_any_will_do),
        cmocka_unit_test(parameters_are_compared_decoded),
        cmocka_unit_test(cookies_are_found_among_others),
        cmocka_unit_test(clients_are_addresses_ranges_or_unix),
        cmocka_unit_test(the_scheme_is_that_of_the_client),
        cmocka_unit_test(certificates_are_known_by_subject_and_fingerprint),
        cmocka_unit_test(not_turns_what_stands_in_it_round_as_a_whole),
        cmocka_unit_test(of_a_list_in_not_none_may_hold),
        cmocka_unit_test(different_conditions_are_and_ed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
