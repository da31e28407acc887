/* The forms one by one; that the whole is a schema, and permits what the reader takes, is tried
 * with a real validator (tests/e2e/test_schema.py). */
#include "conf/schema.h"

#include "conf/schema_form.h"
#include "conf/test_vocabulary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SCHEMA_MAX = 1 << 20, LINE_MAX_ = 4096 };

/* Without the lines and indentation that are for people. */
static void expect_form(const char *form, const char *expected)
{
    char memory[LINE_MAX_], line[LINE_MAX_];
    size_t length = 0;
    struct text text = text_over(memory, sizeof(memory));
    struct schema_print print = {.json = {.text = &text}, .vocabulary = &test_vocabulary};
    json_begin(&print.json, '{');
    schema_print_form(&print, slice_from_text(form), TEMPLATE_RESPONSE, NULL);
    json_end(&print.json, '}');
    assert_false(text_is_cut(&text));
    for (size_t i = 0; i < text.length; i++) {
        if (memory[i] != '\n' && memory[i] != ' ')
            line[length++] = memory[i];
    }
    line[length] = '\0';
    assert_string_equal(line, expected);
}

#define TEXT_REFERENCE     "{\"$ref\":\"#/$defs/text.TEXT\"}"
#define TEMPLATE_REFERENCE "{\"$ref\":\"#/$defs/template.response\"}"
#define ENVIRONMENT        "{\"$ref\":\"#/$defs/text.environment\"}"

static void a_kind_of_text_is_a_reference(void **state)
{
    (void)state;
    expect_form("TEXT", "{\"anyOf\":[" TEXT_REFERENCE "]}");
    expect_form("TEMPLATE", "{\"anyOf\":[" TEMPLATE_REFERENCE "]}");
    expect_form("SITE", "{\"anyOf\":[{\"$ref\":\"#/$defs/scope.site\"}]}");
    expect_form("<servers>", "{\"anyOf\":[{\"$ref\":\"#/$defs/servers\"}]}");
}

static void the_environment_may_stand_for_a_word(void **state)
{
    (void)state;
    expect_form("on | off", "{\"anyOf\":[{\"const\":\"on\"},{\"const\":\"off\"}," ENVIRONMENT "]}");
}

static void a_list_may_hold_several_forms(void **state)
{
    (void)state;
    expect_form("[TEXT]", "{\"type\":\"array\",\"items\":" TEXT_REFERENCE "}");
    expect_form("[TEXT | TEMPLATE]", "{\"type\":\"array\",\"items\":{\"anyOf\":[" TEXT_REFERENCE
                                     "," TEMPLATE_REFERENCE "]}}");
}

static void a_mapping_has_its_keys_and_no_other(void **state)
{
    (void)state;
    expect_form("{to: TEMPLATE, from: [TEXT]}",
                "{\"type\":\"object\",\"properties\":{\"to\":" TEMPLATE_REFERENCE
                ",\"from\":{\"type\":\"array\",\"items\":" TEXT_REFERENCE
                "}},\"additionalProperties\":false}");
    expect_form("{*: TEXT}", "{\"type\":\"object\",\"additionalProperties\":" TEXT_REFERENCE "}");
}

static void a_range_takes_numbers_and_texts(void **state)
{
    (void)state;
    expect_form("1..12", "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1,\"maximum\":12},"
                         "{\"type\":\"string\",\"pattern\":"
                         "\"^(?:0*(?:[1-9]|1[0-2]))$|\\\\$\\\\{env\\\\.\"}]}");
}

static void forms_may_lie_in_each_other(void **state)
{
    (void)state;
    expect_form("{a: TEXT | {b: TEXT, c: TEXT}}",
                "{\"type\":\"object\",\"properties\":{\"a\":{\"anyOf\":[" TEXT_REFERENCE
                ",{\"type\":\"object\",\"properties\":{\"b\":" TEXT_REFERENCE
                ",\"c\":" TEXT_REFERENCE "},\"additionalProperties\":false}]}},"
                "\"additionalProperties\":false}");
}

static void every_setting_stands_in_its_scopes(void **state)
{
    char *memory = malloc(SCHEMA_MAX);
    assert_non_null(memory);
    struct text text = text_over(memory, SCHEMA_MAX);
    (void)state;
    assert_true(schema_print(&text, &test_vocabulary));
    assert_false(text_is_cut(&text));
    text_add_byte(&text, '\0');
    assert_non_null(strstr(memory, "\"timeouts.connect\": {"));
    assert_non_null(strstr(memory, "\"$ref\": \"#/$defs/limits.header_count\""));
    const char *site = strstr(memory, "\"scope.site\""), *route = strstr(memory, "\"scope.route\"");
    const char *host = strstr(memory, "\"$ref\": \"#/$defs/host\"");
    assert_true(site && route && host && site < host && host < route);
    assert_null(strstr(host + 1, "\"$ref\": \"#/$defs/host\""));
    free(memory);
}

static void what_does_not_fit_is_cut(void **state)
{
    char memory[100];
    struct text text = text_over(memory, sizeof(memory));
    (void)state;
    assert_true(schema_print(&text, &test_vocabulary));
    assert_true(text_is_cut(&text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kind_of_text_is_a_reference),
        cmocka_unit_test(the_environment_may_stand_for_a_word),
        cmocka_unit_test(a_list_may_hold_several_forms),
        cmocka_unit_test(a_mapping_has_its_keys_and_no_other),
        cmocka_unit_test(a_range_takes_numbers_and_texts),
        cmocka_unit_test(forms_may_lie_in_each_other),
        cmocka_unit_test(every_setting_stands_in_its_scopes),
        cmocka_unit_test(what_does_not_fit_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
