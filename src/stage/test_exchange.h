/* What the tests of stages share: settings from a text, and an exchange that is only what a stage
 * sees of it. */
#pragma once

#include "conf/configuration.h"
#include "conf/template.h"
#include "exchange/stage.h"
#include "policy/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct exchange {
    struct arena arena;
    struct request_head request;
    struct response_head response;
    struct slice path, client;
    struct slice captures[ROUTE_CAPTURES_MAX];
    enum error_code error;
    bool is_secure;
};

struct request_head *exchange_request_head(struct exchange *exchange)
{
    return &exchange->request;
}

struct response_head *exchange_response_head(struct exchange *exchange)
{
    return &exchange->response;
}

bool exchange_is_secure(const struct exchange *exchange)
{
    return exchange->is_secure;
}

struct arena *exchange_arena(struct exchange *exchange)
{
    return &exchange->arena;
}

struct slice exchange_path(const struct exchange *exchange)
{
    return exchange->path;
}

bool exchange_set_path(struct exchange *exchange, struct slice path)
{
    exchange->path = path;
    return true;
}

struct slice exchange_expand(struct exchange *exchange, const struct template *template)
{
    return template_expand(template, exchange, exchange->captures, &exchange->arena);
}

void exchange_refuse(struct exchange *exchange, enum error_code error)
{
    exchange->error = error;
}

/* `$client_ip` is whatever the test says, `$status` is only known of a response. */
static struct slice get_client(const void *exchange, struct slice argument, struct arena *arena)
{
    (void)argument;
    (void)arena;
    return ((const struct exchange *)exchange)->client;
}

static struct slice get_status(const void *exchange, struct slice argument, struct arena *arena)
{
    (void)exchange;
    (void)argument;
    (void)arena;
    return SLICE("200");
}

static struct slice get_field(const void *exchange, struct slice argument, struct arena *arena)
{
    (void)arena;
    const struct field *field =
        fields_find_text(&((const struct exchange *)exchange)->request.fields, argument);
    return field ? field->value : SLICE("");
}

static const struct variable test_variable_items[] = {
    {"client_ip", TEMPLATE_REQUEST, get_client, "The client."},
    {"status", TEMPLATE_RESPONSE, get_status, "The status."},
    {"request.header.", TEMPLATE_REQUEST, get_field, "A field."},
};
static const struct variable_table test_variables = {.items = test_variable_items, .count = 3};

struct act_settings {
    struct slice act;
};

static const struct setting act_records[] = {{
    .name = "act",
    .type = SETTING_TEXT,
    .offset = offsetof(struct act_settings, act),
    .size = sizeof(struct slice),
    .scopes = SCOPE_SITE | SCOPE_ROUTE,
    .single = true,
    .action = true,
    .summary = "An action for tests.",
    .example = "on",
}};

static const struct setting_group act_group = {
    .name = "",
    .settings = act_records,
    .count = 1,
    .size = sizeof(struct act_settings),
    .summary = "An action for tests.",
};

struct test_stage {
    const struct stage *stage;
    struct diagnostics *diagnostics;
    struct vocabulary vocabulary;
    struct configuration *configuration;
    struct route_table *table;
    struct arena arena;
    struct exchange exchange;
};

static const struct setting_group *test_groups[4];

static inline const char *no_environment(void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

static inline void test_stage_load(struct test_stage *test, const struct stage *stage,
                                   const char *text)
{
    static const struct configuration_reader reader = {.environment = no_environment};
    *test = (struct test_stage){.stage = stage, .diagnostics = diagnostics_new(20)};
    test_groups[0] = &site_group;
    test_groups[1] = &route_group;
    test_groups[2] = &act_group;
    test_groups[3] = stage->group;
    test->vocabulary =
        (struct vocabulary){.groups = test_groups, .group_count = 4, .variables = &test_variables};
    arena_init(&test->arena, NULL, 1 << 20);
    arena_init(&test->exchange.arena, NULL, 1 << 20);
    test->configuration = configuration_load(SLICE("test.yaml"), slice_from_text(text),
                                             &test->vocabulary, &reader, test->diagnostics);
    assert_non_null(test->configuration);
    if (diagnostics_errors(test->diagnostics) == 0)
        test->table = route_table_new(test->configuration, test->diagnostics);
}

static inline void test_stage_free(struct test_stage *test)
{
    arena_fini(&test->exchange.arena);
    arena_fini(&test->arena);
    route_table_free(test->table);
    configuration_free(test->configuration);
    diagnostics_free(test->diagnostics);
}

/* What was told, one a line: `line:column what [cure]`. */
static inline const char *test_stage_told(const struct test_stage *test)
{
    static char memory[4096];
    struct text text = text_over(memory, sizeof(memory) - 1);
    for (size_t i = 0; i < diagnostics_count(test->diagnostics); i++) {
        const struct diagnostic *one = diagnostics_get(test->diagnostics, i);
        text_print(&text, "%u:%u %.*s", one->position.line, one->position.column,
                   (int)one->what.length, one->what.data);
        if (one->cure.length)
            text_print(&text, " [%.*s]", (int)one->cure.length, one->cure.data);
        text_add_byte(&text, '\n');
    }
    memory[text.length] = '\0';
    return memory;
}

/* What the stage is given for the route with that number in the table; NULL: it does not run there,
 * or something was told. */
static inline const void *test_stage_compile(struct test_stage *test, size_t number)
{
    if (!test->table)
        fail_msg("%s", test_stage_told(test));
    const struct route *route = route_table_get(test->table, number);
    const void *settings = scope_group(test->configuration, route->scope, test->stage->group);
    const struct stage_compiler compiler = {.configuration = test->configuration,
                                            .route = route,
                                            .arena = &test->arena,
                                            .diagnostics = test->diagnostics};
    if (!test->stage->is_wanted(settings))
        return NULL;
    return test->stage->compile ? test->stage->compile(settings, &compiler) : settings;
}
