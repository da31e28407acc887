#include "policy/test_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct test_table load(const char *text)
{
    struct test_table test = test_table_load(text);
    if (!test.table)
        fail_msg("%s", test_table_told(&test));
    return test;
}

static void hosts_are_found_by_name_wildcard_and_default(void **state)
{
    (void)state;
    struct test_table test = load("sites:\n"
                                  "- {host: shop.example.com, answer: shop}\n"
                                  "- {host: \"*.example.com\", answer: any}\n"
                                  "- {host: [\"*.deep.example.com\", other.org], answer: deep}\n"
                                  "- {host: Example.COM., answer: itself}\n"
                                  "- {host: \"::1\", answer: six}\n"
                                  "- {answer: rest}\n");
    assert_string_equal(ASK(&test, .host = "shop.example.com"), "shop");
    assert_string_equal(ASK(&test, .host = "x.example.com"), "any");
    assert_string_equal(ASK(&test, .host = "a.b.c.example.com"), "any");
    assert_string_equal(ASK(&test, .host = "x.shop.example.com"), "any");
    assert_string_equal(ASK(&test, .host = "deep.example.com"), "any");
    assert_string_equal(ASK(&test, .host = "x.deep.example.com"), "deep");
    assert_string_equal(ASK(&test, .host = "a.b.deep.example.com"), "deep");
    assert_string_equal(ASK(&test, .host = "example.com"), "itself");
    assert_string_equal(ASK(&test, .host = "xexample.com"), "rest");
    assert_string_equal(ASK(&test, .host = ".example.com"), "rest");
    assert_string_equal(ASK(&test, .host = "com"), "rest");
    assert_string_equal(ASK(&test, .host = "other.org"), "deep");
    assert_string_equal(ASK(&test, .host = "::1"), "six");
    assert_string_equal(ASK(&test, .host = ""), "rest");
    assert_string_equal(ASK(&test, .host = NULL), "rest");
    test_table_free(&test);
}

static void without_a_default_other_names_have_no_site(void **state)
{
    (void)state;
    struct test_table test = load("sites:\n- {host: a.com, answer: a}\n");
    assert_string_equal(ASK(&test, .host = "b.com"), "no site");
    assert_string_equal(ASK(&test, .host = ""), "no site");
    struct route_answer answer;
    struct test_request request = {.host = "a.com"};
    assert_string_equal(test_table_ask(&test, request, &answer), "a");
    assert_true(slice_equal(answer.site->name, SLICE("a.com")));
    assert_ptr_equal(answer.route->site, answer.site);
    test_table_free(&test);
}

static void a_site_with_addresses_answers_only_there(void **state)
{
    (void)state;
    struct test_table test =
        load("sites:\n"
             "- {host: a.com, answer: public}\n"
             "- {host: a.com, listen: \"127.0.0.1:9000\", answer: private}\n"
             "- {host: a.com, listen: [\"127.0.0.1:9001\", \":8080\"], answer: two}\n"
             "- {host: b.com, listen: \"127.0.0.1:9000\", answer: b}\n"
             "- {host: \"*\", answer: rest}\n");
    assert_string_equal(ASK(&test, .host = "a.com"), "public");
    assert_string_equal(ASK(&test, .host = "a.com", .listener = ":80"), "public");
    assert_string_equal(ASK(&test, .host = "a.com", .listener = "127.0.0.1:9000"), "private");
    assert_string_equal(ASK(&test, .host = "a.com", .listener = "127.0.0.1:9001"), "two");
    assert_string_equal(ASK(&test, .host = "a.com", .listener = ":8080"), "two");
    assert_string_equal(ASK(&test, .host = "b.com", .listener = "127.0.0.1:9000"), "b");
    assert_string_equal(ASK(&test, .host = "b.com", .listener = ":80"), "rest");
    assert_string_equal(ASK(&test, .host = "b.com"), "rest");
    assert_string_equal(
        ASK(&test, .host = "c.com", .listener = "127.0.0.1:9000", .listener_is_private = true),
        "no site");
    test_table_free(&test);
}

static const char *const PATHS = "sites:\n"
                                 "- answer: site\n"
                                 "  routes:\n"
                                 "  - {path: /*, method: PUT, answer: all}\n"
                                 "  - {path: /a/*, answer: a}\n"
                                 "  - {path: /a/b/*, answer: ab}\n"
                                 "  - {path: /a/b, answer: exact}\n"
                                 "  - {path: \"~^/a/b/[0-9]+$\", answer: number}\n"
                                 "  - {path: \"~^/a/b/7\", answer: seven}\n"
                                 "  - {path: [/x, /y/*, \"~^/z+$\"], answer: list}\n"
                                 "  - {path: /caf\u00e9/ol\u00e9/*, answer: utf8}\n"
                                 "  - {path: \"/with space\", answer: space}\n"
                                 "  - {path: /%7euser/%2fx, answer: escaped}\n"
                                 "  - {path: /dir/, answer: dir}\n"
                                 "  - {path: /twice//*, answer: twice}\n";

/* Names and paths that are longer than what the tables keep beside their entries, and prefixes of
 * the most segments. */
static void long_names_and_deep_paths_are_told_apart(void **state)
{
    (void)state;
    enum { SEGMENT = 2 };
    const char *const name = "a-name-that-is-quite-a-bit-longer-than-others.example.com";
    const char *const path = "/a-path-that-is-quite-a-bit-longer-than-others-are/and-goes-on";
    char deep[PATH_SEGMENTS_MAX * SEGMENT + 1], text[2048], asked[512];
    for (size_t i = 0; i < sizeof(deep) - 1; i += SEGMENT)
        memcpy(deep + i, "/d", SEGMENT);
    deep[sizeof(deep) - 1] = '\0';
    (void)snprintf(text, sizeof(text),
                   "sites:\n"
                   "- {host: %s, answer: long}\n"
                   "- answer: rest\n"
                   "  routes:\n"
                   "  - {path: %s, answer: exact}\n"
                   "  - {path: %s/*, answer: prefix}\n"
                   "  - {path: %s/*, answer: deepest}\n"
                   "  - {path: %s/*, answer: deep}\n",
                   name, path, path, deep, deep + SEGMENT);
    struct test_table test = load(text);
    assert_string_equal(ASK(&test, .host = name), "long");
    assert_string_equal(ASK(&test, .host = name + 1), "rest");
    assert_string_equal(ASK(&test, .path = path), "exact");
    (void)snprintf(asked, sizeof(asked), "%s/", path);
    assert_string_equal(ASK(&test, .path = asked), "prefix");
    (void)snprintf(asked, sizeof(asked), "%sx", path);
    assert_string_equal(ASK(&test, .path = asked), "rest");
    (void)snprintf(asked, sizeof(asked), "%s/x/y", deep);
    assert_string_equal(ASK(&test, .path = asked), "deepest");
    assert_string_equal(ASK(&test, .path = deep), "deepest");
    assert_string_equal(ASK(&test, .path = deep + SEGMENT), "deep");
    assert_string_equal(ASK(&test, .path = deep + 2 * SEGMENT), "rest");
    test_table_free(&test);
}

static void paths_are_exact_patterns_and_prefixes(void **state)
{
    (void)state;
    struct test_table test = load(PATHS);
    const char *const expected[][2] = {
        {"/", "site"},
        {"/a", "a"},
        {"/a/", "a"},
        {"/a/x/y", "a"},
        {"/ab", "site"},
        {"/A", "site"},
        {"/a/b", "exact"},
        {"/a/b/", "ab"},
        {"/a/b/x", "ab"},
        {"/a/bx", "a"},
        {"/a/b/12", "number"},
        {"/a/b/7", "number"},
        {"/a/b/7x", "seven"},
        {"/x", "list"},
        {"/x/", "site"},
        {"/y/1", "list"},
        {"/zzz", "list"},
        {"/caf%C3%A9/ol%C3%A9", "utf8"},
        {"/with%20space", "space"},
        {"/~user/%2Fx", "escaped"},
        {"/dir/", "dir"},
        {"/dir", "site"},
        {"/twice/x", "twice"},
        {"*", "site"},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_string_equal(ASK(&test, .path = expected[i][0]), expected[i][1]);
    assert_string_equal(ASK(&test, .path = "/q", .method = "PUT"), "all");
    assert_string_equal(ASK(&test, .path = "*", .method = "PUT"), "site");
    test_table_free(&test);
}

static void two_slashes_count_as_one(void **state)
{
    (void)state;
    struct test_table test = load(PATHS);
    assert_string_equal(ASK(&test, .path = "//a//b"), "exact");
    assert_string_equal(ASK(&test, .path = "//a"), "a");
    assert_string_equal(ASK(&test, .path = "/a//b//x"), "ab");
    assert_string_equal(ASK(&test, .path = "/a///b////12"), "number");
    assert_string_equal(ASK(&test, .path = "/dir//"), "dir");
    assert_string_equal(ASK(&test, .path = "//"), "site");
    test_table_free(&test);
}

static void captures_come_from_the_pattern_that_wins(void **state)
{
    (void)state;
    struct test_table test = load("sites:\n"
                                  "- answer: site\n"
                                  "  routes:\n"
                                  "  - {path: \"~^/u/(.*)$\", method: PUT, answer: put}\n"
                                  "  - {path: \"~^/(.)/([0-9]+)(x)?$\", answer: number}\n");
    struct route_answer answer;
    struct test_request request = {.path = "/u//42"};
    assert_string_equal(test_table_ask(&test, request, &answer), "number");
    assert_int_equal(answer.capture_count, 4);
    assert_true(slice_equal(answer.captures[0], SLICE("/u/42")));
    assert_true(slice_equal(answer.captures[1], SLICE("u")));
    assert_true(slice_equal(answer.captures[2], SLICE("42")));
    assert_true(slice_is_empty(answer.captures[3]));
    request.method = "PUT";
    assert_string_equal(test_table_ask(&test, request, &answer), "put");
    assert_true(slice_equal(answer.captures[1], SLICE("42")));
    request.path = "/else";
    assert_string_equal(test_table_ask(&test, request, &answer), "site");
    assert_int_equal(answer.capture_count, 0);
    test_table_free(&test);
}

static void more_conditions_win_then_the_earlier(void **state)
{
    (void)state;
    struct test_table test =
        load("sites:\n"
             "- routes:\n"
             "  - {path: /a/*, answer: none}\n"
             "  - {path: /a/*, method: GET, answer: method}\n"
             "  - {path: /a/*, header: {X-A: \"1\"}, answer: header}\n"
             "  - {path: /a/*, method: GET, header: {x-a: \"1\"}, answer: both}\n"
             "  - {header: {X-A: \"1\", X-B: \"1\", X-C: \"1\"}, answer: nowhere}\n"
             "  - {method: DELETE, answer: delete}\n");
    assert_string_equal(ASK(&test, .path = "/a", .method = "POST"), "none");
    assert_string_equal(ASK(&test, .path = "/a"), "method");
    assert_string_equal(ASK(&test, .path = "/a", .fields = {FIELD("X-a", "1")}), "both");
    assert_string_equal(ASK(&test, .path = "/a", .method = "PUT", .fields = {FIELD("X-A", "1")}),
                        "header");
    assert_string_equal(ASK(&test, .path = "/a", .method = "PUT",
                            .fields = {FIELD("X-A", "1"), FIELD("X-B", "1"), FIELD("X-C", "1")}),
                        "header");
    assert_string_equal(ASK(&test, .path = "/b",
                            .fields = {FIELD("X-A", "1"), FIELD("X-B", "1"), FIELD("X-C", "1")}),
                        "nowhere");
    assert_string_equal(ASK(&test, .path = "/b", .method = "DELETE"), "delete");
    assert_string_equal(ASK(&test, .path = "/b"), "no route");
    test_table_free(&test);
}

static void priority_goes_before_all_that(void **state)
{
    (void)state;
    struct test_table test = load("sites:\n"
                                  "- answer: site\n"
                                  "  routes:\n"
                                  "  - {path: /a/b, answer: exact}\n"
                                  "  - {path: \"~^/a/(.)\", answer: pattern}\n"
                                  "  - {path: /a/*, priority: 5, method: PUT, answer: five}\n"
                                  "  - {priority: 9, header: {X-Now: \"*\"}, answer: nine}\n"
                                  "  - {path: /*, priority: -1, answer: minus}\n"
                                  "  - {priority: 1, path: \"~^/p/(.)\", answer: p}\n");
    assert_string_equal(ASK(&test, .path = "/a/b"), "exact");
    assert_string_equal(ASK(&test, .path = "/a/b", .method = "PUT"), "five");
    assert_string_equal(ASK(&test, .path = "/a/b", .method = "PUT", .fields = {FIELD("X-Now", "")}),
                        "nine");
    assert_string_equal(ASK(&test, .path = "/other"), "minus");
    assert_string_equal(ASK(&test, .path = "*"), "site");
    struct route_answer answer;
    struct test_request request = {.path = "/p/x"};
    assert_string_equal(test_table_ask(&test, request, &answer), "p");
    assert_true(slice_equal(answer.captures[1], SLICE("x")));
    request = (struct test_request){.path = "/a/x", .method = "PUT"};
    assert_string_equal(test_table_ask(&test, request, &answer), "five");
    assert_int_equal(answer.capture_count, 0);
    test_table_free(&test);
}

static void nested_routes_must_match_their_parents_too(void **state)
{
    (void)state;
    struct test_table test = load("sites:\n"
                                  "- answer: site\n"
                                  "  routes:\n"
                                  "  - path: /admin/*\n"
                                  "    header: {X-Key: k}\n"
                                  "    answer: admin\n"
                                  "    routes:\n"
                                  "    - {path: /admin/reports/*, answer: reports}\n"
                                  "    - {method: PUT, answer: put}\n"
                                  "    - {path: \"~/[0-9]+$\", answer: number}\n"
                                  "    - path: /admin/deep/*\n"
                                  "      routes:\n"
                                  "      - {path: /admin/deep/er, answer: deeper}\n"
                                  "      - {query: {q: \"1\"}}\n"
                                  "  - path: \"~^/p/\"\n"
                                  "    answer: p\n"
                                  "    routes:\n"
                                  "    - {path: /p/q/*, answer: pq}\n"
                                  "    - {path: /p/e, answer: pe}\n"
                                  "  - path: /frame/*\n"
                                  "    routes:\n"
                                  "    - {path: /frame/in, answer: framed}\n");
#define KEYED .fields = {FIELD("X-Key", "k")}
    assert_string_equal(ASK(&test, .path = "/admin/x", KEYED), "admin");
    assert_string_equal(ASK(&test, .path = "/admin/x"), "site");
    assert_string_equal(ASK(&test, .path = "/admin/reports/1x", KEYED), "reports");
    assert_string_equal(ASK(&test, .path = "/admin/reports/1x"), "site");
    assert_string_equal(ASK(&test, .path = "/admin/x", .method = "PUT", KEYED), "put");
    assert_string_equal(ASK(&test, .path = "/x", .method = "PUT", KEYED), "site");
    assert_string_equal(ASK(&test, .path = "/admin/x/77", KEYED), "number");
    assert_string_equal(ASK(&test, .path = "/else/77", KEYED), "site");
    assert_string_equal(ASK(&test, .path = "/admin/deep/er", KEYED), "deeper");
    assert_string_equal(ASK(&test, .path = "/admin/deep/x", .query = "q=1", KEYED), "admin");
    assert_string_equal(ASK(&test, .path = "/p/x"), "p");
    assert_string_equal(ASK(&test, .path = "/p/q/x"), "pq");
    assert_string_equal(ASK(&test, .path = "/p/e"), "pe");
    assert_string_equal(ASK(&test, .path = "/frame/in"), "framed");
    assert_string_equal(ASK(&test, .path = "/frame/out"), "site");
    test_table_free(&test);
}

static void a_route_without_an_action_uses_that_around_it(void **state)
{
    (void)state;
    struct test_table test = load("sites:\n"
                                  "- answer: site\n"
                                  "  routes:\n"
                                  "  - {path: /a/*}\n");
    struct route_answer answer;
    struct test_request request = {.path = "/a/1"};
    assert_string_equal(test_table_ask(&test, request, &answer), "site");
    assert_int_equal(answer.route->scope->kind, SCOPE_ROUTE);
    assert_int_equal(answer.route->action_scope->kind, SCOPE_SITE);
    request.path = "/b";
    assert_string_equal(test_table_ask(&test, request, &answer), "site");
    assert_int_equal(answer.route->scope->kind, SCOPE_SITE);
    test_table_free(&test);
}

static void every_route_is_in_the_table_once(void **state)
{
    (void)state;
    struct test_table test = load(PATHS);
    assert_int_equal(route_table_count(test.table), 13);
    for (size_t i = 0; i < 13; i++) {
        struct route *route = route_table_get(test.table, i);
        assert_null(route->plan);
        route->plan = &test;
    }
    struct route_answer answer;
    struct test_request request = {.path = "/a"};
    test_table_ask(&test, request, &answer);
    assert_ptr_equal(answer.route->plan, &test);
    test_table_free(&test);
}

static void what_a_pattern_cannot_decide_nobody_takes(void **state)
{
    (void)state;
    struct test_table test = load("sites:\n"
                                  "- answer: site\n"
                                  "  routes:\n"
                                  "  - {path: \"~^/(a+)+$\", answer: pattern}\n"
                                  "  - {path: /e, answer: exact}\n"
                                  "  - {path: /q/*, not: {query: {q: \"~^(a+)+$\"}}, answer: q}\n");
#define COSTLY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"
    assert_string_equal(ASK(&test, .path = "/" COSTLY), "undecided");
    assert_string_equal(ASK(&test, .path = "/aaa"), "pattern");
    assert_string_equal(ASK(&test, .path = "/e"), "exact");
    assert_string_equal(ASK(&test, .path = "/q", .query = "q=" COSTLY), "undecided");
    assert_string_equal(ASK(&test, .path = "/q", .query = "q=b"), "q");
    test_table_free(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_found_by_name_wildcard_and_default),
        cmocka_unit_test(without_a_default_other_names_have_no_site),
        cmocka_unit_test(a_site_with_addresses_answers_only_there),
        cmocka_unit_test(long_names_and_deep_paths_are_told_apart),
        cmocka_unit_test(paths_are_exact_patterns_and_prefixes),
        cmocka_unit_test(two_slashes_count_as_one),
        cmocka_unit_test(captures_come_from_the_pattern_that_wins),
        cmocka_unit_test(more_conditions_win_then_the_earlier),
        cmocka_unit_test(priority_goes_before_all_that),
        cmocka_unit_test(nested_routes_must_match_their_parents_too),
        cmocka_unit_test(a_route_without_an_action_uses_that_around_it),
        cmocka_unit_test(every_route_is_in_the_table_once),
        cmocka_unit_test(what_a_pattern_cannot_decide_nobody_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
