#include "conf/template.h"

#include "conf/test_vocabulary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct bench {
    struct arena arena;
    struct diagnostics *diagnostics;
};

static int set_up(void **state)
{
    static struct bench bench;
    arena_init(&bench.arena, NULL, 1 << 20);
    bench.diagnostics = diagnostics_new(20);
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    diagnostics_free(bench->diagnostics);
    arena_fini(&bench->arena);
    return 0;
}

static const struct template *compile(struct bench *bench, const char *text)
{
    struct node node = {.kind = NODE_SCALAR,
                        .position = {0, 1, 10},
                        .verbatim = true,
                        .text = slice_from_text(text)};
    return template_compile(&node, TEMPLATE_REQUEST, 3, &test_variables, &bench->arena,
                            bench->diagnostics);
}

static void assert_expands(struct bench *bench, const char *text, const char *expected)
{
    static const struct slice captures[] = {{"all", 3}, {"one", 3}, {"two", 3}};
    const struct template *template = compile(bench, text);
    assert_non_null(template);
    struct slice result = template_expand(template, NULL, captures, &bench->arena);
    if (!slice_equal(result, slice_from_text(expected)))
        fail_msg("%.*s", SHOWN(result));
}

/* The test's variables have the values `<host>`, `<target>`; those with an argument, `<X>`. */
static void variables_are_put_in(void **state)
{
    assert_expands(*state, "https://$host$target", "https://<host><target>");
    assert_expands(*state, "${host}name", "<host>name");
    assert_expands(*state, "$request.header.X-Foo!", "<X-Foo>!");
    assert_expands(*state, "${request.header.X-Foo}-x", "<X-Foo>-x");
    assert_expands(*state, "$tls.version", "<tls.version>");
    assert_expands(*state, "$query $query.page", "<query> <page>");
}

static void the_longest_name_counts(void **state)
{
    assert_expands(*state, "$host.example.com", "<host>.example.com");
    assert_expands(*state, "$host-$query.", "<host>-<query>.");
    assert_expands(*state, "$request.header.A-B.C.", "<A-B.C>.");
    assert_expands(*state, "$request.header.A-", "<A>-");
}

static void dollars_and_captures_have_their_signs(void **state)
{
    assert_expands(*state, "$$1 costs $1 of $0, $2${1}0", "$1 costs one of all, twoone0");
    assert_expands(*state, "", "");
}

static void texts_without_variables_are_constant(void **state)
{
    struct slice text;
    assert_true(template_is_constant(compile(*state, "plain"), &text));
    assert_true(slice_equal(text, SLICE("plain")));
    assert_true(template_is_constant(compile(*state, "a$$b$$"), &text));
    assert_true(slice_equal(text, SLICE("a$b$")));
    assert_true(template_is_constant(compile(*state, ""), &text));
    assert_false(template_is_constant(compile(*state, "$host"), &text));
}

static void a_template_knows_its_captures(void **state)
{
    assert_int_equal(template_captures(compile(*state, "$host")), 0);
    assert_int_equal(template_captures(compile(*state, "$0")), 1);
    assert_int_equal(template_captures(compile(*state, "$2$1")), 3);
}

static void a_template_knows_its_variables(void **state)
{
    assert_true(template_names(compile(*state, "$1$host"), "host"));
    assert_false(template_names(compile(*state, "host$$host$1"), "host"));
}

static void what_the_environment_gave_is_taken_as_it_is(void **state)
{
    struct bench *bench = *state;
    static const struct node_stretch given[] = {
        {.start = 0, .end = 5}, {.start = 11, .end = 14}, {.start = 0}};
    struct node node = {.kind = NODE_SCALAR,
                        .position = {0, 1, 1},
                        .text = SLICE("$host $host $$$"),
                        .environment = given};
    const struct template *template = template_compile(&node, TEMPLATE_REQUEST, 0, &test_variables,
                                                       &bench->arena, bench->diagnostics);
    assert_null(template); /* the last dollar stands alone */
    node.text = SLICE("$host $host$$$");
    template = template_compile(&node, TEMPLATE_REQUEST, 0, &test_variables, &bench->arena,
                                bench->diagnostics);
    assert_non_null(template);
    struct slice text = template_expand(template, NULL, NULL, &bench->arena);
    assert_true(slice_equal(text, SLICE("$host <host>$$$")));
}

static const struct {
    const char *text;
    uint32_t column;
    const char *what, *cure;
} wrong[] = {
    {"$hots", 10, "unknown variable \"hots\"", "did you mean \"$host\"?"},
    {"https://$taget/", 18, "unknown variable \"taget\"", "did you mean \"$target\"?"},
    {"\xC3\xA9\xC3\xA9${hosts}", 12, "unknown variable \"hosts\"", "\"$host\""},
    {"$request.headers.X-Foo", 10, "unknown variable", "did you mean \"$request.header.NAME\"?"},
    {"$tls.verson", 10, "unknown variable \"tls.verson\"", "did you mean \"$tls.version\"?"},
    {"${request.header.}", 10, "unknown variable", ""},
    {"$nothing", 10, "unknown variable \"nothing\"", "weir settings"},
    {"$remote_addr", 10, "unknown variable \"remote_addr\"", "here it is \"$client_ip\""},
    {"$request_uri", 10, "unknown variable \"request_uri\"", "here it is \"$target\""},
    {"$http_user_agent", 10, "unknown", "here it is \"$request.header.User-Agent\""},
    {"$arg_page", 10, "unknown", "here it is \"$query.page\""},
    {"$upstream_http_x_a", 10, "unknown", "here it is \"$response.header.X-A\""},
    {"$http_", 10, "unknown variable \"http_\"", "weir settings"},
    {"$env.HOME", 10, "unknown variable \"env.HOME\"", "${env.NAME}"},
    {"a${host", 11, "a brace is not closed", "\"}\""},
    {"5 $ each", 12, "no name behind the dollar", "$$"},
    {"cash$", 14, "no name behind the dollar", "$$"},
    {"$3", 10, "there is no capture \"3\"", "parentheses"},
    {"$status", 10, "too early for the variable \"status\"", "response"},
};

static void what_does_not_exist_is_told_with_its_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct bench *bench;
        void *own;
        set_up(&own);
        bench = own;
        assert_null(compile(bench, wrong[i].text));
        const struct diagnostic *told = diagnostics_get(bench->diagnostics, 0);
        if (told->position.column != wrong[i].column ||
            !memmem(told->what.data, told->what.length, wrong[i].what, strlen(wrong[i].what)) ||
            !memmem(told->cure.data, told->cure.length, wrong[i].cure, strlen(wrong[i].cure)))
            fail_msg("%u: %.*s; %.*s", told->position.column, SHOWN(told->what), SHOWN(told->cure));
        tear_down(&own);
    }
}

static void errors_of_one_text_come_together(void **state)
{
    struct bench *bench = *state;
    assert_null(compile(bench, "$nix $nox $host"));
    assert_int_equal(diagnostics_errors(bench->diagnostics), 2);
}

static void there_are_limits(void **state)
{
    struct bench *bench = *state;
    char text[2 * TEMPLATE_PIECES_MAX + 3];
    for (size_t i = 0; i <= TEMPLATE_PIECES_MAX; i++)
        memcpy(text + 2 * i, "$1", 3);
    assert_null(compile(bench, text));
    assert_int_equal(diagnostics_errors(bench->diagnostics), 1);
    text[2 * TEMPLATE_PIECES_MAX] = '\0';
    assert_non_null(compile(bench, text));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(variables_are_put_in),
        TEST(the_longest_name_counts),
        TEST(dollars_and_captures_have_their_signs),
        TEST(texts_without_variables_are_constant),
        TEST(a_template_knows_its_captures),
        TEST(a_template_knows_its_variables),
        TEST(what_the_environment_gave_is_taken_as_it_is),
        cmocka_unit_test(what_does_not_exist_is_told_with_its_column),
        TEST(errors_of_one_text_come_together),
        TEST(there_are_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
