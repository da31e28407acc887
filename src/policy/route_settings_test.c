#include "policy/test_table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What is told of a table, line by line as test_table_told writes it. */
static void assert_told(const char *text, const char *expected)
{
    struct test_table test = test_table_load(text);
    assert_string_equal(test_table_told(&test), expected);
    test_table_free(&test);
}

/* The same for one route of a site, whose words begin in column 5 of line 4. */
static void assert_route_told(const char *route, const char *expected)
{
    char text[512];
    struct text yaml = text_over(text, sizeof(text) - 1);
    text_print(&yaml, "sites:\n- answer: site\n  routes:\n  - {%s, answer: route}\n", route);
    text[yaml.length] = '\0';
    assert_told(text, expected);
}

static void assert_host_told(const char *host, const char *expected)
{
    char text[512];
    struct text yaml = text_over(text, sizeof(text) - 1);
    text_print(&yaml, "sites:\n- host: %s\n  answer: site\n", host);
    text[yaml.length] = '\0';
    assert_told(text, expected);
}

static void names_of_hosts_are_checked(void **state)
{
    (void)state;
    static const char *const good[] = {
        "example.com",     "EXAMPLE.com.", "a_b.x-y.example", "localhost", "192.0.2.1",
        "\"2001:db8::1\"", "\"[::1]\"",    "\"*.com\"",       "\"*\"",     "xn--bcher-kva.example"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_host_told(good[i], "");
#define NO_NAME "2:9 this is no host name [for example \"shop.example.com\"]\n"
#define STRAY_STAR                                                                                 \
    "2:9 a * stands only at the beginning of a host, as a label of its own [write "                \
    "\"*.example.com\" for all names below one, or \"*\" for every other name]\n"
    assert_host_told("a..b", NO_NAME);
    assert_host_told(".a", "2:9 a host does not begin with a dot [write \"*.example.com\" for all "
                           "names below one, and the name itself beside it]\n");
    assert_host_told("_", "2:9 nobody is called \"_\" [write \"*\" for every other name, or no "
                          "host]\n");
    assert_host_told("a.com/b", "2:9 a host has no path [write the name alone; \"path\" of a route "
                                "says for which paths]\n");
    assert_host_told("\"\"", NO_NAME);
    assert_host_told("\"a b\"", "2:9 a host has no spaces [write several as a list: [example.com, "
                                "www.example.com]]\n");
    assert_host_told("\"[x]\"", NO_NAME);
    assert_host_told("\"*.\"", STRAY_STAR);
    assert_host_told("\"*x.com\"", STRAY_STAR);
    assert_host_told("\"a.*.com\"", STRAY_STAR);
    assert_host_told("\"*.*.com\"", STRAY_STAR);
    assert_host_told("~x", "2:9 a host is no regular expression [write the names, or "
                           "\"*.example.com\" for all names below one]\n");
    assert_host_told("http://x.com",
                     "2:9 a host has no scheme and no path [write the name alone, as in "
                     "\"example.com\"]\n");
    assert_host_told("x.com:80", "2:9 a host has no port [write the name alone; \"listen\" says on "
                                 "which port a site answers]\n");
    assert_host_told("b\u00fccher.de",
                     "2:9 a host has only characters of ASCII [write it as it is sent, as in "
                     "\"xn--bcher-kva.example\"]\n");
}

static void too_long_names_are_told(void **state)
{
    (void)state;
    char name[300];
    memset(name, 'a', sizeof(name));
    for (size_t i = 50; i < sizeof(name); i += 50)
        name[i] = '.';
    name[253] = '\0';
    assert_host_told(name, "");
    name[253] = 'a';
    name[254] = '\0';
    assert_host_told(name, "2:9 a host name has at most 253 characters [shorten it: DNS has no "
                           "longer ones]\n");
}

static void a_host_in_two_sites_is_told_with_both_places(void **state)
{
    (void)state;
    assert_told("sites:\n"
                "- {host: a.com, answer: a}\n"
                "- {host: [b.com, A.com.], answer: b}\n"
                "- {host: \"*.a.com\", answer: c}\n"
                "- {host: \"*.A.com\", answer: d}\n"
                "- {answer: e}\n"
                "- {host: \"*\", answer: f}\n"
                "- {host: [t.com, t.com], answer: g}\n",
                "3:18 the site at line 2 has the name \"A.com.\" as well [make them one site]\n"
                "5:10 the site at line 4 has the name \"*.A.com\" as well [make them one site]\n"
                "7:10 the site at line 6 takes every other name as well [give one of them a "
                "\"host\", or make them one site]\n"
                "8:18 warning: the site has this name twice\n");
}

static void one_name_may_have_a_site_at_each_address(void **state)
{
    (void)state;
    assert_told("sites:\n"
                "- {host: a.com, answer: a}\n"
                "- {host: a.com, listen: \":81\", answer: b}\n"
                "- {host: a.com, listen: [\":82\", \":83\"], answer: c}\n",
                "");
    assert_told("sites:\n"
                "- {host: a.com, listen: [\":81\", \":82\"], answer: b}\n"
                "- {host: a.com, listen: [\":83\", \":82\"], answer: c}\n",
                "3:10 the site at line 2 has the name \"a.com\" as well [make them one site]\n");
    assert_told("sites:\n- {listen: 80, answer: a}\n",
                "2:12 \"80\" is no address to listen on [write \":80\" for all addresses of "
                "this machine]\n");
    assert_told("sites:\n- {listen: x, answer: a}\n",
                "2:12 \"x\" is no address to listen on [write it as \":80\", \"127.0.0.1:8080\", "
                "\"[::1]:80\" or \"unix:/run/weir.sock\"]\n");
}

static void paths_are_checked(void **state)
{
    (void)state;
    assert_route_told("path: a/b",
                      "4:12 a path begins with a slash, and a regular expression with ~ [write "
                      "\"/a/b\"]\n");
    assert_route_told("path: \"*\"",
                      "4:12 a path begins with a slash, and a regular expression with ~ [write "
                      "\"/*\" for every path, or no path at all]\n");
#define STRAY_PATH_STAR                                                                            \
    "4:12 a * stands only at the end of a path, as a segment of its own: /prefix/* ["
    assert_route_told("path: /a*",
                      STRAY_PATH_STAR "write \"/a/*\", or '~^/a' for all that begins so]\n");
    assert_route_told("path: /a/**", STRAY_PATH_STAR "write \"/a/*\", which is all below it]\n");
    assert_route_told("path: /a/*/b",
                      STRAY_PATH_STAR "all other forms are regular expressions: \"~^/\u2026\"]\n");
#define NO_SLASH "4:12 a path begins with a slash, and a regular expression with ~ [write "
    assert_route_told("path: ^/a", NO_SLASH "'~^/a']\n");
    assert_route_told("path: \"*.php\"", NO_SLASH "'~\\.php$']\n");
    assert_route_told("path: = /a", NO_SLASH "\"/a\", which is this path alone]\n");
    assert_route_told("path: ^~ /a",
                      "4:12 a path begins with a slash, and a regular expression with "
                      "~ [a prefix is written \"/prefix/*\"]\n");
    assert_route_told("path: ~ ^/a", "4:12 a regular expression begins right behind its ~ [write "
                                     "'~^/a']\n");
    assert_route_told("path: ~* a$",
                      "4:12 capitals and small letters are made equal by (?i) [write "
                      "'~(?i)a$']\n");
    assert_route_told("path: \"/a?b\"",
                      "4:12 a path ends before its ? or # [parameters are told by \"query\"]\n");
#define NEVER_ASKED                                                                                \
    "4:12 this path could never be asked for: requests with a broken escape, or with dots beside " \
    "an empty segment or an encoded slash, are refused [write % itself as %25, and the path "      \
    "without \".\" and \"..\"]\n"
    assert_route_told("path: \"/a%zz\"", NEVER_ASKED);
    assert_route_told("path: /a//../b", NEVER_ASKED);
    assert_route_told("path: /a/..%2f", NEVER_ASKED);
    assert_route_told("path: \"~^/a(\"", "4:18 the regular expression is malformed here: missing "
                                         "closing parenthesis\n");
    assert_route_told("path: [/a, {x: y}]", "4:17 \"path\" is a path or a list of paths, but here "
                                            "is a mapping [for example \"path: /products/*\"]\n");
    assert_route_told("path: ", "4:12 \"path\" has no value [for example \"path: /products/*\"]\n");
}

static void a_prefix_has_a_bounded_number_of_segments(void **state)
{
    (void)state;
    char route[256];
    static const char *const ends[] = {"/*", "/a/*", "/a"};
    for (size_t i = 0; i < 3; i++) {
        struct text text = text_over(route, sizeof(route) - 1);
        text_add(&text, SLICE("path: "));
        for (int segment = 0; segment < 64; segment++)
            text_add(&text, SLICE("/a"));
        text_add(&text, slice_from_text(ends[i]));
        route[text.length] = '\0';
        assert_route_told(route, i == 1 ? "4:12 a prefix has at most 64 segments\n" : "");
    }
}

static void other_conditions_are_checked(void **state)
{
    (void)state;
    assert_route_told("method: get",
                      "4:14 methods have case, and this one is written in capitals [write GET]\n");
    assert_route_told("method: \"GET, PUT\"",
                      "4:14 \"GET, PUT\" is no method [several methods are a list: [GET, HEAD]]\n");
    assert_route_told("client_certificate: {name: x}",
                      "4:27 \"name\" is nothing that a certificate is known by [subject or "
                      "fingerprint]\n");
    assert_route_told("client_certificate: {fingerprint: 00ff}",
                      "4:40 \"00ff\" is no fingerprint by SHA-256: 64 hexadecimal digits "
                      "[\"openssl x509 -noout -fingerprint -sha256 -in FILE\" prints it]\n");
    assert_route_told("scheme: ftp", "4:14 \"ftp\" is no scheme [write http or https]\n");
    assert_route_told("header: X-A",
                      "4:14 \"header\" is a mapping of names to texts, but here is a text [for "
                      "example \"header: {X-Beta: \"1\"}\"]\n");
    assert_route_told("header: {\"X A\": b}",
                      "4:15 \"X A\" cannot be the name of a header field [letters, digits and "
                      "\"-\", as in X-Request-Id]\n");
    assert_route_told("header: {X-A: \"~[a\"}", "4:24 the regular expression is malformed here: "
                                                "missing terminating ] for character class\n");
    assert_route_told("cookie: {\"a=b\": \"1\"}",
                      "4:15 \"a=b\" cannot be the name of a cookie [letters, digits, \"-\" and "
                      "\"_\", as in session_id]\n");
    assert_route_told("query: {\"\": \"1\"}",
                      "4:14 \"\" cannot be the name of a parameter [write the name that stands "
                      "before the \"=\" in the query]\n");
    assert_route_told("query: {}", "4:13 \"query\" names nothing [leave it away]\n");
    assert_route_told("client: [10.0.0.0/8, localhost]",
                      "4:27 \"localhost\" is neither an address nor a range [write an address, a "
                      "range as in 10.0.0.0/8, or unix for Unix sockets]\n");
    assert_route_told("client: 10.1.2.3/12", "4:14 \"10.1.2.3/12\" is neither an address nor a "
                                             "range [write \"10.0.0.0/12\"]\n");
    assert_route_told("client: \"2001:db8::1/33\"", "4:14 \"2001:db8::1/33\" is neither an address "
                                                    "nor a range [write \"2001:db8::/33\"]\n");
    assert_route_told("not: GET", "4:11 \"not\" is a mapping of conditions, or a list of such, but "
                                  "here is a text [for example \"not: {method: GET}\"]\n");
    assert_route_told("not: {methd: GET}", "4:12 unknown key \"methd\" [did you mean "
                                           "\"method\"?]\n");
    assert_route_told("not: {not: {method: GET}}", "4:12 unknown key \"not\" [\"not\" has: path, "
                                                   "method, header, query, cookie, client, scheme, "
                                                   "client_certificate]\n");
    assert_route_told(
        "priority: high",
        "4:16 \"priority\" is a number, not \"high\" [for example \"priority: 10\"]\n");
}

static void everything_wrong_is_told_at_once(void **state)
{
    (void)state;
    assert_told("sites:\n"
                "- host: [a b, \"x:1\"]\n"
                "  routes:\n"
                "  - {path: [x, y], method: get, answer: a}\n",
                "2:10 a host has no spaces [write several as a list: [example.com, "
                "www.example.com]]\n"
                "2:15 a host has no port [write the name alone; \"listen\" says on which port a "
                "site answers]\n"
                "4:13 a path begins with a slash, and a regular expression with ~ [write \"/x\"]\n"
                "4:16 a path begins with a slash, and a regular expression with ~ [write \"/y\"]\n"
                "4:28 methods have case, and this one is written in capitals [write GET]\n");
}

static void what_does_nothing_is_told(void **state)
{
    (void)state;
    assert_told("sites:\n"
                "- host: a.com\n"
                "- host: b.com\n"
                "  routes:\n"
                "  - path: /a\n"
                "  - path: /b/*\n"
                "    routes: [{path: /b/1, answer: fine}]\n",
                "2:3 this site has neither an action nor routes [say what it does with "
                "\"answer\" or \"other\"]\n"
                "5:5 this route has no action, and none is around it [say what it does with "
                "\"answer\" or \"other\"]\n");
}

static void an_inner_route_outside_of_its_parent_is_told(void **state)
{
    (void)state;
    assert_told(
        "sites:\n"
        "- routes:\n"
        "  - path: [/a/*, \"~^/p\"]\n"
        "    routes:\n"
        "    - {path: /b/*, answer: outside}\n"
        "    - {path: [/b, /a/1], answer: inside}\n"
        "    - {path: /*, answer: wider}\n"
        "    - {path: \"~^/q\", answer: outside}\n"
        "    - {path: /pq, answer: inside}\n",
        "5:14 this route can never match: its path lies outside of that of the route "
        "around it [write the whole path; it must lie below that of the route around it]\n"
        "8:14 this route can never match: its path lies outside of that of the route "
        "around it [write the whole path; it must lie below that of the route around it]\n");
}

static void routes_that_can_never_win_are_told(void **state)
{
    (void)state;
#define NEVER_WINS     " can never win: what it takes is taken by the route at line "
#define GIVE_CONDITION " [leave it out, or give that route a condition]\n"
#define GIVE_PRIORITY  " [leave it out, or give it a higher \"priority\" than that route has]\n"
    assert_told("sites:\n"
                "- answer: site\n"
                "  routes:\n"
                "  - {path: /a, answer: first}\n"
                "  - {path: /a, answer: second}\n"
                "  - {path: [/a, /b], answer: partly}\n"
                "  - {path: /m/*, method: GET, header: {X: y}, answer: one}\n"
                "  - {path: /m/*, header: {x: y}, method: GET, answer: two}\n"
                "  - {path: \"~^/p\", answer: one}\n"
                "  - {path: \"~^/p\", answer: two}\n"
                "  - {path: /first, priority: 2, answer: one}\n"
                "  - {path: /first, method: GET, answer: two}\n"
                "  - path: /frame/*\n"
                "    routes:\n"
                "    - {answer: framed}\n"
                "  - path: /own/*\n"
                "    answer: mine\n"
                "    routes:\n"
                "    - {answer: inner}\n"
                "  - {answer: all}\n",
                "2:3 warning: the site's own action" NEVER_WINS "20" GIVE_CONDITION
                "5:5 warning: this route" NEVER_WINS "4" GIVE_PRIORITY
                "8:5 warning: this route" NEVER_WINS "7" GIVE_PRIORITY
                "10:5 warning: this route" NEVER_WINS "9" GIVE_PRIORITY
                "12:5 warning: this route" NEVER_WINS "11" GIVE_PRIORITY
                "16:5 warning: the route's own action" NEVER_WINS "19" GIVE_CONDITION);
}

static void two_actions_are_one_too_many(void **state)
{
    (void)state;
    assert_told("sites:\n- {other: a, answer: b}\n",
                "2:14 there is \"other\" already, and a route has only one action [keep one of "
                "them]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_hosts_are_checked),
        cmocka_unit_test(too_long_names_are_told),
        cmocka_unit_test(a_host_in_two_sites_is_told_with_both_places),
        cmocka_unit_test(one_name_may_have_a_site_at_each_address),
        cmocka_unit_test(paths_are_checked),
        cmocka_unit_test(a_prefix_has_a_bounded_number_of_segments),
        cmocka_unit_test(other_conditions_are_checked),
        cmocka_unit_test(everything_wrong_is_told_at_once),
        cmocka_unit_test(what_does_nothing_is_told),
        cmocka_unit_test(an_inner_route_outside_of_its_parent_is_told),
        cmocka_unit_test(routes_that_can_never_win_are_told),
        cmocka_unit_test(two_actions_are_one_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
