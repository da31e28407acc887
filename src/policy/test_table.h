/* What the tests of routes share: a table from a text, and questions to it. A route is known by the
 * text of its action `answer`. */
#pragma once

#include "base/assert.h"
#include "policy/path.h"
#include "policy/route.h"
#include "policy/route_settings.h"

struct answer_settings {
    struct slice answer, other;
};

static const struct setting answer_records[] = {
    {
        .name = "answer",
        .type = SETTING_TEXT,
        .offset = offsetof(struct answer_settings, answer),
        .size = sizeof(struct slice),
        .scopes = SCOPE_SITE | SCOPE_ROUTE,
        .single = true,
        .action = true,
        .summary = "Says who was found.",
        .example = "me",
    },
    {
        .name = "other",
        .type = SETTING_TEXT,
        .offset = offsetof(struct answer_settings, other),
        .size = sizeof(struct slice),
        .scopes = SCOPE_SITE | SCOPE_ROUTE,
        .single = true,
        .action = true,
        .summary = "Another action.",
        .example = "me",
    },
};

static const struct setting_group answer_group = {
    .name = "",
    .settings = answer_records,
    .count = 2,
    .size = sizeof(struct answer_settings),
    .summary = "An action for tests.",
};

static const struct setting_group *const test_groups[] = {&site_group, &route_group, &answer_group};
static const struct variable_table test_variables = {.items = NULL};
static const struct vocabulary test_vocabulary = {
    .groups = test_groups, .group_count = 3, .variables = &test_variables};

static const char *no_environment(void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

static const struct configuration_reader test_reader = {.environment = no_environment};

struct test_table {
    struct diagnostics *diagnostics;
    struct configuration *configuration;
    struct route_table *table;
    struct arena arena;
};

static inline struct test_table test_table_load(const char *text)
{
    struct test_table test = {.diagnostics = diagnostics_new(100)};
    ASSERT(test.diagnostics);
    arena_init(&test.arena, NULL, 1 << 20);
    test.configuration = configuration_load(SLICE("test.yaml"), slice_from_text(text),
                                            &test_vocabulary, &test_reader, test.diagnostics);
    ASSERT(test.configuration);
    if (diagnostics_errors(test.diagnostics) == 0)
        test.table = route_table_new(test.configuration, test.diagnostics);
    return test;
}

static inline void test_table_free(struct test_table *test)
{
    arena_fini(&test->arena);
    route_table_free(test->table);
    configuration_free(test->configuration);
    diagnostics_free(test->diagnostics);
}

/* All diagnostics, one a line: `line:column what [cure]`. */
static inline const char *test_table_told(const struct test_table *test)
{
    static char memory[8192];
    struct text text = text_over(memory, sizeof(memory) - 1);
    for (size_t i = 0; i < diagnostics_count(test->diagnostics); i++) {
        const struct diagnostic *one = diagnostics_get(test->diagnostics, i);
        text_print(&text, "%u:%u %s%.*s", one->position.line, one->position.column,
                   one->severity == SEVERITY_WARNING ? "warning: " : "", (int)one->what.length,
                   one->what.data);
        if (one->cure.length)
            text_print(&text, " [%.*s]", (int)one->cure.length, one->cure.data);
        text_add_byte(&text, '\n');
    }
    memory[text.length] = '\0';
    return memory;
}

/* A request line, host and fields, without what a test does not care for. */
struct test_request {
    const char *method, *host, *path, *query, *client;
    enum scheme scheme;
    struct field fields[6];
    const char *listener;
    bool listener_is_private;
    const struct client_certificate *certificate;
};

/* The action of the route that takes the request; `no site`, `no route` or `undecided`. */
static inline const char *test_table_ask(struct test_table *test, struct test_request request,
                                         struct route_answer *ret_answer)
{
    struct request_head head = {.method_text =
                                    slice_from_text(request.method ? request.method : "GET")};
    const char *from = request.client ? request.client : "192.0.2.1";
    struct ip client = {.kind = ADDRESS_UNIX};
    bool good = strcmp(from, "unix") == 0 || ip_parse(slice_from_text(from), &client);
    struct address listener;
    if (request.listener)
        good &= address_parse(slice_from_text(request.listener), &listener);
    ASSERT(good);
    head.method = method_find(head.method_text);
    head.fields.items = request.fields;
    for (size_t i = 0; i < 6 && request.fields[i].name.length; i++) {
        request.fields[i].id = field_name_find(request.fields[i].name);
        head.fields.count++;
    }
    head.fields.present = ~UINT64_C(0);
    struct route_question question = {
        .host = slice_from_text(request.host),
        .path = slice_from_text(request.path ? request.path : "/"),
        .query = slice_from_text(request.query),
        .scheme = request.scheme,
        .head = &head,
        .client = &client,
        .certificate = request.certificate,
        .listener = request.listener ? &listener : NULL,
        .listener_is_private = request.listener_is_private,
        .arena = &test->arena,
    };
    bool collapsed = path_collapse(question.path, &test->arena, &question.path);
    ASSERT(collapsed);
    struct route_answer answer;
    enum route_verdict verdict = route_find(test->table, &question, &answer);
    if (ret_answer)
        *ret_answer = answer;
    switch (verdict) {
    case ROUTE_NO_SITE:
        return "no site";
    case ROUTE_NO_ROUTE:
        ASSERT(answer.site);
        return "no route";
    case ROUTE_UNDECIDED:
        return "undecided";
    case ROUTE_FOUND:
        break;
    }
    const struct answer_settings *settings =
        scope_group(test->configuration, answer.route->action_scope, &answer_group);
    return arena_copy(&test->arena, settings->answer).data;
}

#define ASK(test, ...) test_table_ask((test), (struct test_request){__VA_ARGS__}, NULL)
#define FIELD(name_, value_)                                                                       \
    {                                                                                              \
        .name = SLICE(name_), .value = SLICE(value_)                                               \
    }
