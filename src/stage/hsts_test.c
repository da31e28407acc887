#include "stage/hsts.h"

#include "stage/test_exchange.h"

#include <stdio.h>

/* The value of the field that a route's response gets; NULL: it gets none. */
static const char *told(const char *hsts, bool is_secure, const char *by_server)
{
    static char memory[256];
    char text[256];
    struct test_stage test;
    (void)snprintf(text, sizeof(text), "sites: [{hsts: %s, act: on}]\n", hsts);
    test_stage_load(&test, &hsts_stage, text);
    struct fields *fields = &test.exchange.response.fields;
    assert_true(fields_init(fields, &test.exchange.arena, 4));
    if (by_server)
        assert_true(fields_add(fields, &test.exchange.arena, FIELD_OTHER,
                               SLICE("strict-transport-security"), slice_from_text(by_server)));
    test.exchange.is_secure = is_secure;
    const void *settings = test_stage_compile(&test, 0);
    if (settings)
        hsts_stage.on_response(&test.exchange, settings);
    const struct field *field = fields_find_text(fields, SLICE("Strict-Transport-Security"));
    struct text value = text_over(memory, sizeof(memory) - 1);
    if (field)
        text_add(&value, field->value);
    memory[value.length] = '\0';
    test_stage_free(&test);
    return field ? memory : NULL;
}

static void it_is_told_over_tls_alone(void **state)
{
    (void)state;
    assert_string_equal(told("on", true, NULL), "max-age=31536000");
    assert_null(told("on", false, NULL));
    assert_null(told("off", true, NULL));
}

static void what_is_written_is_told(void **state)
{
    (void)state;
    assert_string_equal(told("{max_age: 2d}", true, NULL), "max-age=172800");
    assert_string_equal(told("{max_age: 0s}", true, NULL), "max-age=0");
    assert_string_equal(told("{include_subdomains: on, preload: on}", true, NULL),
                        "max-age=31536000; includeSubDomains; preload");
}

static void the_word_of_the_server_is_replaced(void **state)
{
    (void)state;
    assert_string_equal(told("on", true, "max-age=1"), "max-age=31536000");
    assert_string_equal(told("off", true, "max-age=1"), "max-age=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_told_over_tls_alone),
        cmocka_unit_test(what_is_written_is_told),
        cmocka_unit_test(the_word_of_the_server_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
