#include "exchange/variables.h"

#include "exchange/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena arena;
static struct diagnostics *diagnostics;
static struct exchange *exchange;

static void add_field(struct fields *fields, const char *name, const char *value)
{
    struct slice text = slice_from_text(name);
    enum field_name id = field_name_find(text);
    assert_true(fields_add(fields, &arena, id, text, slice_from_text(value)));
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, NULL, 1 << 20);
    diagnostics = diagnostics_new(4);
    exchange = calloc(1, sizeof(*exchange));
    assert_non_null(exchange);
    exchange->client = (struct ip){.kind = ADDRESS_IPV4, .bytes = {192, 0, 2, 7}};
    exchange->host = SLICE("example.com");
    exchange->client_target = SLICE("/A%62?q=%41&x");
    exchange->client_path = SLICE("/Ab");
    exchange->request.method_text = SLICE("PURGE");
    exchange->request.query = SLICE("q=%41&x");
    assert_true(fields_init(&exchange->request.fields, &arena, 4));
    assert_true(fields_init(&exchange->response.fields, &arena, 4));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(exchange);
    diagnostics_free(diagnostics);
    arena_fini(&arena);
    return 0;
}

static const struct template *compile(const char *text, enum template_phase phase)
{
    struct node scalar = {.kind = NODE_SCALAR, .text = slice_from_text(text)};
    return template_compile(&scalar, phase, 0, &exchange_variables, &arena, diagnostics);
}

static void expect(const char *text, const char *expected)
{
    const struct template *template = compile(text, TEMPLATE_RESPONSE);
    assert_non_null(template);
    struct slice value = template_expand(template, exchange, NULL, &arena);
    assert_non_null(value.data);
    if (!slice_equal(value, slice_from_text(expected)))
        fail_msg("%s is \"%.*s\", not \"%s\"", text, (int)value.length, value.data, expected);
}

static void the_client_has_an_address_and_a_scheme(void **state)
{
    (void)state;
    expect("$client_ip $scheme", "192.0.2.7 http");
    assert_true(ip_parse(SLICE("2001:db8::1"), &exchange->client));
    exchange->scheme = SCHEME_HTTPS;
    expect("$client_ip $scheme", "2001:db8::1 https");
    exchange->client.kind = ADDRESS_UNIX;
    expect("$client_ip", "unix");
}

static void a_redirect_can_be_built_of_them(void **state)
{
    (void)state;
    expect("https://$host$target", "https://example.com/A%62?q=%41&x");
    expect("https://www.$host.", "https://www.example.com.");
    exchange->host = SLICE("2001:db8::1");
    expect("https://$host:$port$target", "https://[2001:db8::1]:80/A%62?q=%41&x");
}

static void a_port_that_was_not_written_is_that_of_the_scheme(void **state)
{
    (void)state;
    expect("$port", "80");
    exchange->scheme = SCHEME_HTTPS;
    expect("$port", "443");
    exchange->request.port = 8443;
    expect("$port", "8443");
}

static void method_path_and_query_are_those_of_the_client(void **state)
{
    (void)state;
    exchange->path = exchange->request.path = exchange->request.target = SLICE("/rewritten");
    expect("$method $path $query $target", "PURGE /Ab q=%41&x /A%62?q=%41&x");
    expect("<$query.q> <$query.x> <$query.none>", "<%41> <> <>");
}

static void fields_are_joined_as_they_mean_the_same(void **state)
{
    (void)state;
    struct fields *fields = &exchange->request.fields;
    add_field(fields, "Accept", "a");
    add_field(fields, "X-One", "1");
    add_field(fields, "accept", "b, c");
    add_field(fields, "Cookie", "session=7; empty=");
    add_field(fields, "Cookie", "other=\"8\"");
    add_field(&exchange->response.fields, "Server", "x");
    expect("$request.header.ACCEPT", "a, b, c");
    expect("$request.header.X-One$request.header.X-Two", "1");
    expect("$request.header.cookie", "session=7; empty=; other=\"8\"");
    expect("<$cookie.session> <$cookie.other> <$cookie.empty> <$cookie.none>", "<7> <8> <> <>");
    expect("$response.header.server", "x");
}

static void a_field_with_very_many_lines_does_no_harm(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++)
        add_field(&exchange->request.fields, "X-Many", "m");
    const struct template *template = compile("$request.header.X-Many", TEMPLATE_REQUEST);
    struct slice value = template_expand(template, exchange, NULL, &arena);
    assert_int_equal(value.length, 64 + 63 * 2);
}

static void where_it_went_is_empty_before_it_is_known(void **state)
{
    (void)state;
    expect("<$site> <$route> <$upstream> <$server>", "<> <> <> <>");
}

static void where_it_went_is_told_by_name(void **state)
{
    (void)state;
    struct node path = {.kind = NODE_SCALAR, .text = SLICE("/products/*")};
    struct node_pair pair = {.key = SLICE("path"), .value = &path};
    struct node mapping = {.kind = NODE_MAPPING, .count = 1, .pairs = &pair};
    struct scope scope = {.kind = SCOPE_ROUTE, .node = &mapping};
    struct site site = {.name = SLICE("example.com")};
    struct route route = {.scope = &scope, .site = &site};
    struct upstream upstream = {.name = SLICE("shop")};
    struct plan plan = {.upstream = &upstream};
    struct server server = {.key = SLICE("10.0.0.1:80")};
    exchange->site = &site;
    exchange->route = &route;
    exchange->plan = &plan;
    exchange->call.server = &server;
    exchange->response.status = 502;
    expect("$site $route $upstream $server $status",
           "example.com /products/* shop 10.0.0.1:80 502");
    struct node *items[] = {&path};
    struct node list = {.kind = NODE_SEQUENCE, .count = 1, .items = items};
    pair.value = &list;
    expect("$route", "/products/*");
    mapping.count = 0;
    expect("<$route>", "<>");
}

static void what_is_not_known_yet_is_refused(void **state)
{
    (void)state;
    assert_null(compile("$status", TEMPLATE_REQUEST));
    assert_null(compile("$server", TEMPLATE_REQUEST));
    assert_null(compile("$response.header.X", TEMPLATE_REQUEST));
    assert_null(compile("$bytes_out", TEMPLATE_RESPONSE));
    assert_int_equal(diagnostics_errors(diagnostics), 4);
}

static void every_variable_says_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < exchange_variables.count; i++) {
        const struct variable *variable = &exchange_variables.items[i];
        assert_non_null(variable->get);
        assert_true(strlen(variable->summary) > 5);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(variable->name, exchange_variables.items[j].name);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_client_has_an_address_and_a_scheme),
        TEST(a_redirect_can_be_built_of_them),
        TEST(a_port_that_was_not_written_is_that_of_the_scheme),
        TEST(method_path_and_query_are_those_of_the_client),
        TEST(fields_are_joined_as_they_mean_the_same),
        TEST(a_field_with_very_many_lines_does_no_harm),
        TEST(where_it_went_is_empty_before_it_is_known),
        TEST(where_it_went_is_told_by_name),
        TEST(what_is_not_known_yet_is_refused),
        TEST(every_variable_says_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
