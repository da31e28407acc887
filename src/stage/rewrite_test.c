#include "stage/rewrite.h"

#include "stage/test_exchange.h"

/* Runs the stage of one route over a path: what the server is asked for, or the words of what was
 * refused. */
static const char *rewritten_by(struct test_stage *test, size_t route, const char *path)
{
    static char memory[512];
    const void *settings = test_stage_compile(test, route);
    if (!settings)
        return diagnostics_errors(test->diagnostics) ? "told" : "not wanted";
    struct exchange *exchange = &test->exchange;
    exchange->path = slice_from_text(path);
    exchange->error = ERROR_NONE;
    if (test->stage->on_request(exchange, settings) == STAGE_ANSWER)
        return exchange->error == ERROR_BAD_TARGET ? "refused" : "failed";
    struct text text = text_over(memory, sizeof(memory) - 1);
    text_add(&text, exchange->path);
    memory[text.length] = '\0';
    return memory;
}

/* The same for the only route, which has this rewrite and this path. */
static void assert_rewritten(const char *rewrite, const char *route_path, const char *path,
                             const char *expected)
{
    char text[512];
    struct text yaml = text_over(text, sizeof(text) - 1);
    text_print(&yaml, "sites:\n- routes:\n  - {path: \"%s\", act: x, rewrite: {%s}}\n", route_path,
               rewrite);
    text[yaml.length] = '\0';
    struct test_stage test;
    test_stage_load(&test, &rewrite_stage, text);
    assert_string_equal(rewritten_by(&test, 0, path), expected);
    test_stage_free(&test);
}

static void a_prefix_is_replaced_by_whole_segments(void **state)
{
    (void)state;
    static const char *const written[] = {"replace_prefix: /api/v1/items",
                                          "replace_prefix: /api/v1/items/"};
    for (size_t i = 0; i < 2; i++) {
        assert_rewritten(written[i], "/products/*", "/products/7", "/api/v1/items/7");
        assert_rewritten(written[i], "/products/*", "/products", "/api/v1/items");
        assert_rewritten(written[i], "/products/*", "/products/", "/api/v1/items/");
        assert_rewritten(written[i], "/products/*", "//products//7", "/api/v1/items//7");
        assert_rewritten(written[i], "/products", "/products", "/api/v1/items");
    }
    assert_rewritten("replace_prefix: /", "/products/*", "/products/7", "/7");
    assert_rewritten("replace_prefix: /", "/products/*", "/products", "/");
    assert_rewritten("replace_prefix: /", "/products/*", "/products//evil", "/evil");
    assert_rewritten("replace_prefix: /x", "/*", "/a", "/x/a");
    assert_rewritten("replace_prefix: /x", "/*", "/", "/x/");
    assert_rewritten("replace_prefix: \"/a b/\u00e9\"", "/p/*", "/p/1", "/a%20b/%C3%A9/1");
}

static void a_prefix_is_stripped_where_it_is_there(void **state)
{
    (void)state;
    assert_rewritten("strip_prefix: /api", "/*", "/api/users", "/users");
    assert_rewritten("strip_prefix: /api/", "/*", "/api/users", "/users");
    assert_rewritten("strip_prefix: /api", "/*", "/api", "/");
    assert_rewritten("strip_prefix: /api", "/*", "/api/", "/");
    assert_rewritten("strip_prefix: /api", "/*", "/apix/users", "/apix/users");
    assert_rewritten("strip_prefix: /api", "/*", "/users", "/users");
    assert_rewritten("strip_prefix: /api", "/*", "/api//evil.com", "/evil.com");
}

static void a_prefix_is_added(void **state)
{
    (void)state;
    assert_rewritten("add_prefix: /v2", "/*", "/users", "/v2/users");
    assert_rewritten("add_prefix: /v2/", "/*", "/", "/v2/");
    assert_rewritten("strip_prefix: /api, add_prefix: /v2", "/*", "/api/users", "/v2/users");
    assert_rewritten("strip_prefix: /api, add_prefix: /v2", "/*", "/api", "/v2");
    assert_rewritten("replace_prefix: /new, add_prefix: /v2", "/old/*", "/old/x", "/v2/new/x");
}

static void of_several_paths_the_longest_is_replaced(void **state)
{
    (void)state;
    struct test_stage test;
    test_stage_load(&test, &rewrite_stage,
                    "sites:\n"
                    "- routes:\n"
                    "  - {path: [/a/*, /a/b/*, /c], act: x, rewrite: {replace_prefix: /n}}\n");
    assert_string_equal(rewritten_by(&test, 0, "/a/b/c"), "/n/c");
    assert_string_equal(rewritten_by(&test, 0, "/a/c"), "/n/c");
    assert_string_equal(rewritten_by(&test, 0, "/c"), "/n");
    test_stage_free(&test);
}

static void an_inherited_prefix_is_that_of_the_route_that_wrote_it(void **state)
{
    (void)state;
    struct test_stage test;
    test_stage_load(&test, &rewrite_stage,
                    "sites:\n"
                    "- routes:\n"
                    "  - path: /admin/*\n"
                    "    rewrite: {replace_prefix: /internal}\n"
                    "    act: x\n"
                    "    routes:\n"
                    "    - {path: /admin/reports/*}\n"                              /* 0 */
                    "    - {path: /admin/add/*, rewrite: {add_prefix: /v2}}\n"      /* 1 */
                    "    - {path: /admin/own/*, rewrite: {replace_prefix: /own}}\n" /* 2 */
                    "    - {path: /admin/none/*, rewrite: off}\n"                   /* 3 */
                    "    - {path: /admin/cut/*, rewrite: {strip_prefix: /admin}}\n" /* 4 */
                    "    - path: /admin/x/*\n"
                    "      rewrite: {regex: ^/admin/x, to: /y}\n"
                    "      routes:\n"
                    "      - {path: /admin/x/z, rewrite: {add_prefix: /back}}\n"); /* 5 */
    assert_string_equal(rewritten_by(&test, 0, "/admin/reports/7"), "/internal/reports/7");
    assert_string_equal(rewritten_by(&test, 1, "/admin/add/7"), "/v2/internal/add/7");
    assert_string_equal(rewritten_by(&test, 2, "/admin/own/7"), "/own/7");
    assert_string_equal(rewritten_by(&test, 3, "/admin/none/7"), "not wanted");
    assert_string_equal(rewritten_by(&test, 4, "/admin/cut/7"), "/cut/7");
    assert_string_equal(rewritten_by(&test, 5, "/admin/x/z"), "/back/admin/x/z");
    assert_string_equal(rewritten_by(&test, 6, "/admin/x/7"), "/y/7");
    assert_string_equal(rewritten_by(&test, 7, "/admin/7"), "/internal/7");
    test_stage_free(&test);
}

static void a_regular_expression_replaces_what_it_finds(void **state)
{
    (void)state;
    assert_rewritten("regex: \"^/products/([0-9]+)$\", to: /items/$1", "/*", "/products/7",
                     "/items/7");
    assert_rewritten("regex: \"^/products/([0-9]+)$\", to: /items/$1", "/*", "/products/x",
                     "/products/x");
    assert_rewritten("regex: \"^/old/\", to: /new/", "/*", "/old/a/b", "/new/a/b");
    assert_rewritten("regex: \"~\\\\.php$\", to: .html", "/*", "/a.php", "/a.html");
    assert_rewritten("regex: \"^/(.*)/(.*)$\", to: \"/$2/$1/$0\"", "/*", "/a/b", "/b/a//a/b");
    assert_rewritten("regex: \"^/(.)(x)?\", to: \"/$1-$2-\"", "/*", "/ab", "/a--b");
}

static void the_result_of_an_expression_is_normalized_again(void **state)
{
    (void)state;
    assert_rewritten("regex: \"^/a/(.*)$\", to: \"/$1%7eb\"", "/*", "/a/x", "/x~b");
    assert_rewritten("regex: ^/a, to: \"/b c\"", "/*", "/a/x", "/b%20c/x");
    assert_rewritten("regex: \"^/a/x\", to: \"\"", "/*", "/a/x", "refused");
    assert_rewritten("regex: \"^/a\", to: x", "/*", "/a/x", "refused");
    assert_rewritten("regex: \"x\", to: ..", "/*", "/a/x/b", "refused");
    assert_rewritten("regex: \"x\", to: \"%2e%2E\"", "/*", "/a/x/b", "refused");
    assert_rewritten("regex: \"x\", to: \"%\"", "/*", "/a/x", "refused");
    assert_rewritten("regex: \"x\", to: \"%00\"", "/*", "/a/x", "refused");
    assert_rewritten("regex: \"(a+)+$\", to: b", "/*", "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
                     "failed");
}

static void a_variable_cannot_leave_the_path(void **state)
{
    (void)state;
    static const char *const expected[][2] = {
        {"plain", "/u/plain/x"},     {"a/b", "/u/a/b/x"},
        {"a?b#c", "/u/a%3Fb%23c/x"}, {"a b\r\nX: y", "/u/a%20b%0D%0AX:%20y/x"},
        {"..", "refused"},           {"a/../..", "refused"},
        {"%2e%2e", "refused"},       {".%2e/", "refused"},
        {"..%2f", "refused"},        {"..\\", "refused"},
        {"%zz", "refused"},          {"\xc3\xa9", "/u/%C3%A9/x"},
    };
    struct test_stage test;
    test_stage_load(&test, &rewrite_stage,
                    "sites:\n"
                    "- {act: x, rewrite: {regex: \"^/u/\", to: \"/u/$client_ip/\"}}\n");
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        test.exchange.client = slice_from_text(expected[i][0]);
        assert_string_equal(rewritten_by(&test, 0, "/u/x"), expected[i][1]);
    }
    test_stage_free(&test);
}

static void the_asterisk_of_options_stays(void **state)
{
    (void)state;
    struct test_stage test;
    test_stage_load(&test, &rewrite_stage, "sites:\n- {act: x, rewrite: {add_prefix: /v2}}\n");
    assert_string_equal(rewritten_by(&test, 0, "*"), "*");
    test_stage_free(&test);
}

static void assert_told(const char *rewrite, const char *expected)
{
    char text[512];
    struct text yaml = text_over(text, sizeof(text) - 1);
    text_print(&yaml, "sites:\n- act: x\n  routes:\n  - path: [/a/*, \"~^/b\"]\n    rewrite: %s\n",
               rewrite);
    text[yaml.length] = '\0';
    struct test_stage test;
    test_stage_load(&test, &rewrite_stage, text);
    if (test.table)
        (void)test_stage_compile(&test, 0);
    assert_string_equal(test_stage_told(&test), expected);
    test_stage_free(&test);
}

static void mistakes_are_told(void **state)
{
    (void)state;
    assert_told("{strip_prefix: api}",
                "5:29 a prefix begins with a slash [for example \"/api/v1\"]\n");
    assert_told("{add_prefix: /api/*}",
                "5:27 a prefix is written without a * [leave the * away]\n");
    assert_told("{add_prefix: /%zz}", "5:27 this cannot be the beginning of a path\n");
    assert_told("{strip: /api}", "5:15 unknown key \"strip\" [write strip_prefix, add_prefix, "
                                 "replace_prefix, or regex and to]\n");
    assert_told("{strip_prefx: /api}",
                "5:15 unknown key \"strip_prefx\" [did you mean \"strip_prefix\"?]\n");
    assert_told("{strip_prefix: /a, replace_prefix: /b}",
                "5:49 strip_prefix and replace_prefix exclude each other [replace_prefix alone "
                "does both]\n");
    assert_told("{regex: x}", "5:22 the rewrite does not say what comes in the place of what it "
                              "finds [write {regex: ..., to: ...}]\n");
    assert_told("{to: /x}", "5:19 the rewrite does not say what \"to\" takes the place of [write "
                            "{regex: ..., to: ...}]\n");
    assert_told("{regex: x, to: y, add_prefix: /z}",
                "5:14 a rewrite goes by prefixes or by a regular expression, not by both [nest "
                "two routes where both are wanted]\n");
    assert_told("{regex: \"(\", to: y}", "5:24 the regular expression is malformed here: missing "
                                         "closing parenthesis\n");
    assert_told("{regex: x, to: \"/y?z\"}",
                "5:29 a rewrite changes the path, and the query stays as it is\n");
    assert_told("on", "5:14 \"rewrite\" is a mapping, but here is a text [for example \"rewrite: "
                      "{replace_prefix: /api/v1}\"]\n");
    assert_told("{replace_prefix: /x}", "5:31 the path here is a regular expression and has no "
                                        "prefix [use {regex: ..., to: ...}]\n");
}

static void a_prefix_needs_a_path_to_be_replaced(void **state)
{
    (void)state;
    struct test_stage test;
    test_stage_load(&test, &rewrite_stage, "sites:\n- {act: x, rewrite: {replace_prefix: /x}}\n");
    assert_null(test_stage_compile(&test, 0));
    assert_string_equal(test_stage_told(&test),
                        "2:38 there is no path here whose prefix could be replaced [write it in a "
                        "route with \"path: /prefix/*\", or use add_prefix]\n");
    test_stage_free(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_is_replaced_by_whole_segments),
        cmocka_unit_test(a_prefix_is_stripped_where_it_is_there),
        cmocka_unit_test(a_prefix_is_added),
        cmocka_unit_test(of_several_paths_the_longest_is_replaced),
        cmocka_unit_test(an_inherited_prefix_is_that_of_the_route_that_wrote_it),
        cmocka_unit_test(a_regular_expression_replaces_what_it_finds),
        cmocka_unit_test(the_result_of_an_expression_is_normalized_again),
        cmocka_unit_test(a_variable_cannot_leave_the_path),
        cmocka_unit_test(the_asterisk_of_options_stays),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(a_prefix_needs_a_path_to_be_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
