#include "stage/headers.h"

#include "stage/test_exchange.h"

#include "http/field_syntax.h"

static void load(struct test_stage *test, const char *text)
{
    test_stage_load(test, &headers_stage, text);
    if (!test->table)
        fail_msg("%s", test_stage_told(test));
    struct exchange *exchange = &test->exchange;
    assert_true(fields_init(&exchange->request.fields, &exchange->arena, 4));
    assert_true(fields_init(&exchange->response.fields, &exchange->arena, 4));
    exchange->client = SLICE("192.0.2.1");
}

static void put(struct test_stage *test, struct fields *fields, struct slice name,
                struct slice value)
{
    assert_true(fields_add(fields, &test->exchange.arena, field_name_find(name), name, value));
}

/* The fields in their order, as they would be written. */
static const char *written(const struct fields *fields)
{
    static char memory[1024];
    struct text text = text_over(memory, sizeof(memory) - 1);
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->items[i];
        if (slice_is_empty(field->name))
            continue;
        assert_int_equal(field->id, field_name_find(field->name));
        assert_true(field_value_is_valid(field->value));
        text_print(&text, "%.*s: %.*s\n", (int)field->name.length, field->name.data,
                   (int)field->value.length, field->value.data);
    }
    memory[text.length] = '\0';
    return memory;
}

static const char *request_of(struct test_stage *test, size_t route)
{
    const void *settings = test_stage_compile(test, route);
    assert_non_null(settings);
    assert_int_equal(headers_stage.on_request(&test->exchange, settings), STAGE_GO_ON);
    return written(&test->exchange.request.fields);
}

static const char *response_of(struct test_stage *test, size_t route)
{
    const void *settings = test_stage_compile(test, route);
    assert_non_null(settings);
    headers_stage.on_response(&test->exchange, settings);
    return written(&test->exchange.response.fields);
}

static void fields_are_set_added_and_removed(void **state)
{
    (void)state;
    struct test_stage test;
    load(&test, "sites:\n"
                "- act: x\n"
                "  headers:\n"
                "    request:\n"
                "      add: {X-List: [two, three]}\n"
                "      set: {user-agent: weir, X-Client: $client_ip}\n"
                "      remove: [X-Debug, cookie]\n");
    struct fields *fields = &test.exchange.request.fields;
    put(&test, fields, SLICE("User-Agent"), SLICE("curl"));
    put(&test, fields, SLICE("X-List"), SLICE("one"));
    put(&test, fields, SLICE("x-debug"), SLICE("1"));
    put(&test, fields, SLICE("Cookie"), SLICE("a=b"));
    put(&test, fields, SLICE("X-DEBUG"), SLICE("2"));
    put(&test, fields, SLICE("user-agent"), SLICE("again"));
    put(&test, fields, SLICE("x-client"), SLICE("forged"));
    assert_string_equal(request_of(&test, 0), "X-List: one\n"
                                              "user-agent: weir\n"
                                              "X-Client: 192.0.2.1\n"
                                              "X-List: two\n"
                                              "X-List: three\n");
    test_stage_free(&test);
}

static void a_response_knows_more_variables(void **state)
{
    (void)state;
    struct test_stage test;
    load(&test, "sites:\n"
                "- act: x\n"
                "  headers: {response: {set: {X-Status: $status}, remove: Server}}\n");
    struct fields *fields = &test.exchange.response.fields;
    put(&test, fields, SLICE("Server"), SLICE("nginx"));
    put(&test, fields, SLICE("Date"), SLICE("today"));
    assert_string_equal(response_of(&test, 0), "Date: today\nX-Status: 200\n");
    test_stage_free(&test);
}

static void a_field_can_be_made_of_its_own_value(void **state)
{
    (void)state;
    struct test_stage test;
    load(&test, "sites:\n"
                "- act: x\n"
                "  headers: {request: {set: {X-A: \"<$request.header.X-A>\"}}}\n");
    put(&test, &test.exchange.request.fields, SLICE("X-A"), SLICE("old"));
    assert_string_equal(request_of(&test, 0), "X-A: <old>\n");
    test_stage_free(&test);
}

static void operations_add_up_with_the_inner_one_last(void **state)
{
    (void)state;
    struct test_stage test;
    load(&test, "defaults:\n"
                "  headers: {response: {set: {X-A: defaults, X-D: defaults}}}\n"
                "sites:\n"
                "- act: x\n"
                "  headers: {response: {set: {X-A: site, X-B: site}, add: {X-C: site}}}\n"
                "  routes:\n"
                "  - path: /a\n"
                "    headers: {response: {set: {X-B: route}, add: {X-C: route}, remove: X-D}}\n"
                "  - {path: /b, headers: {response: off}}\n"
                "  - {path: /c, headers: {request: {remove: X}}}\n");
    assert_string_equal(response_of(&test, 0), "X-A: site\nX-C: site\nX-B: route\nX-C: route\n");
    test.exchange.response.fields.count = 0;
    assert_null(test_stage_compile(&test, 1));
    assert_string_equal(response_of(&test, 2), "X-D: defaults\nX-A: site\nX-B: site\nX-C: site\n");
    test_stage_free(&test);
}

static void no_value_carries_what_no_field_may(void **state)
{
    (void)state;
    static const struct slice hostile[] = {
        SLICE("a\r\nX-Evil: 1"), SLICE("a\nb"), SLICE("a\rb"), {"a\0b", 3},
        SLICE("\x01"),           SLICE("\x7f"), SLICE(""),     SLICE(" \t "),
    };
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        struct test_stage test;
        load(&test, "sites:\n"
                    "- act: x\n"
                    "  headers: {request: {set: {X-A: $client_ip}, add: {X-B: $client_ip}}}\n");
        put(&test, &test.exchange.request.fields, SLICE("X-A"), SLICE("of the client"));
        test.exchange.client = hostile[i];
        assert_string_equal(request_of(&test, 0), "");
        test_stage_free(&test);
    }
}

static void white_space_at_the_ends_is_taken_off(void **state)
{
    (void)state;
    struct test_stage test;
    load(&test, "sites:\n- {act: x, headers: {request: {set: {X-A: \" $client_ip\\t\"}}}}\n");
    assert_string_equal(request_of(&test, 0), "X-A: 192.0.2.1\n");
    test_stage_free(&test);
}

static void without_memory_the_request_is_refused(void **state)
{
    (void)state;
    struct test_stage test;
    load(&test, "sites:\n- {act: x, headers: {request: {set: {X-A: \"<$client_ip>\"}}}}\n");
    const void *settings = test_stage_compile(&test, 0);
    test.exchange.arena.limit = 0;
    test.exchange.arena.next = test.exchange.arena.end;
    assert_int_equal(headers_stage.on_request(&test.exchange, settings), STAGE_ANSWER);
    assert_int_equal(test.exchange.error, ERROR_OUT_OF_MEMORY);
    test_stage_free(&test);
}

static void assert_told(const char *headers, const char *expected)
{
    char text[512];
    struct text yaml = text_over(text, sizeof(text) - 1);
    text_print(&yaml, "sites:\n- act: x\n  headers: %s\n", headers);
    text[yaml.length] = '\0';
    struct test_stage test;
    test_stage_load(&test, &headers_stage, text);
    assert_string_equal(test_stage_told(&test), expected);
    test_stage_free(&test);
}

static void mistakes_are_told(void **state)
{
    (void)state;
#define NOT_OURS(name)                                                                             \
    name " speaks of one connection or of the length of a message, and Weir writes it anew on "    \
         "each side [leave it away]\n"
    assert_told("{request: {set: {Connection: close}}}", "3:29 " NOT_OURS("Connection"));
    assert_told("{request: {add: {Transfer-Encoding: x}}}", "3:29 " NOT_OURS("Transfer-Encoding"));
    assert_told("{response: {remove: content-length}}", "3:32 " NOT_OURS("content-length"));
    assert_told("{request: {set: {Host: x}}}", "3:29 Host is told to the server by a setting of "
                                               "its own [write \"upstream_host\" beside "
                                               "\"headers\"]\n");
#define NO_NAME " cannot be the name of a field [letters, digits and \"-\", as in X-Request-Id]\n"
    assert_told("{request: {set: {\"X A\": x}}}", "3:29 \"X A\"" NO_NAME);
    assert_told("{request: {remove: [\"\", \"a:\"]}}", "3:32 \"\"" NO_NAME "3:36 \"a:\"" NO_NAME);
    assert_told("{request: {sett: {X: x}}}", "3:23 unknown key \"sett\" [did you mean \"set\"?]\n");
    assert_told("{request: {set: {X: $status}}}",
                "3:32 too early for the variable \"status\" [it is known only when the response is "
                "there]\n");
    assert_told("{response: {set: {X: \"a\\nb\"}}}",
                "3:33 a field cannot carry this value: it holds bytes that no field may have "
                "[write it in one line, without control characters]\n");
    assert_told("{request: {set: [X]}}",
                "3:28 \"set\" is a mapping of names to texts, but here is a list [for example "
                "\"set: {X-Frame-Options: DENY}\"]\n");
    assert_told("{request: {set: {X: }}}", "3:32 \"X\" has no value\n");
}

static void captures_are_those_of_the_routes_path(void **state)
{
    (void)state;
    struct test_stage test;
    load(&test, "sites:\n"
                "- act: x\n"
                "  routes:\n"
                "  - {path: \"~^/u/(.*)$\", headers: {request: {set: {X: $1}}}}\n"
                "  - {path: \"~^/v/(.*)$\", headers: {response: {set: {X: $2}}}}\n"
                "  - {path: /w/*, headers: {response: {add: {X: $1}}}}\n");
    test.exchange.captures[1] = SLICE("joe");
    assert_string_equal(request_of(&test, 0), "X: joe\n");
    assert_null(test_stage_compile(&test, 1));
    assert_null(test_stage_compile(&test, 2));
    assert_string_equal(test_stage_told(&test),
                        "5:56 the route has no capture \"2\" [count the parentheses of its path]\n"
                        "6:48 the route has no capture \"1\" [only \"path: ~...\" has captures; "
                        "\"$$\" is a dollar]\n");
    test_stage_free(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_set_added_and_removed),
        cmocka_unit_test(a_response_knows_more_variables),
        cmocka_unit_test(a_field_can_be_made_of_its_own_value),
        cmocka_unit_test(operations_add_up_with_the_inner_one_last),
        cmocka_unit_test(no_value_carries_what_no_field_may),
        cmocka_unit_test(white_space_at_the_ends_is_taken_off),
        cmocka_unit_test(without_memory_the_request_is_refused),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(captures_are_those_of_the_routes_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
