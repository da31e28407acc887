/* Trying the `tests` of a configuration. */
#include "base/assert.h"
#include "main/explainer.h"
#include "main/load.h"
#include "main/request_tests.h"

enum { DIAGNOSTICS_MAX = 100, WORDS_MAX = 1024 };

struct trial {
    const struct request_test *test;
    struct explanation *explanation;
    struct diagnostics *diagnostics;
    bool failed;
};

static const char *cure_of(const struct trial *trial)
{
    const struct test_request *request = &trial->test->request;
    return diagnostics_text(trial->diagnostics, "\"weir explain %.*s %.*s\" tells why",
                            SHOWN(request->method), SHOWN(request->url));
}

/* Where the expectation stands. */
static struct position place_of(const struct trial *trial, const char *key)
{
    const struct node *value = node_find(trial->test->expectation.node, slice_from_text(key));
    ASSERT(value);
    return value->position;
}

/* `got` is said as it is: with quotes where it is a text of the exchange. */
static void fail(struct trial *trial, struct position position, const char *what,
                 struct slice wanted, const char *got)
{
    trial->failed = true;
    diagnostics_error(trial->diagnostics, position, cure_of(trial),
                      "the test wants the %s \"%.*s\", but %s", what, SHOWN(wanted), got);
}

static void compare(struct trial *trial, const char *key, struct slice wanted, struct slice got,
                    const char *nothing)
{
    if (slice_is_empty(wanted) || (got.data && slice_equal(wanted, got)))
        return;
    const char *words =
        got.data ? diagnostics_text(trial->diagnostics, "it is \"%.*s\"", SHOWN(got)) : nothing;
    fail(trial, place_of(trial, key), key, wanted, words);
}

/* ---- the expectations */

static bool is_path_of(const struct scope *scope, struct slice wanted)
{
    const struct node *path = node_find(scope->node, SLICE("path"));
    if (path && path->kind == NODE_SCALAR)
        return slice_equal(path->text, wanted);
    for (uint32_t i = 0; path && i < path->count; i++) {
        if (slice_equal(path->items[i]->text, wanted))
            return true;
    }
    return false;
}

static void compare_route(struct trial *trial)
{
    const struct exchange *exchange = trial->explanation->rehearsal.exchange;
    struct slice wanted = trial->test->expectation.route;
    if (slice_is_empty(wanted))
        return;
    if (!exchange->route) {
        fail(trial, place_of(trial, "route"), "route", wanted, "no route takes it");
        return;
    }
    if (is_path_of(exchange->route->scope, wanted))
        return;
    char memory[WORDS_MAX];
    struct text words = text_over(memory, sizeof(memory));
    explain_scope(&words, exchange->route->scope);
    fail(trial, place_of(trial, "route"), "route", wanted,
         diagnostics_text(trial->diagnostics, "it is %.*s", SHOWN(text_slice(&words))));
}

static void compare_status(struct trial *trial)
{
    int64_t wanted = trial->test->expectation.status;
    const struct rehearsal *rehearsal = &trial->explanation->rehearsal;
    bool answers = rehearsal->outcome == REHEARSAL_ANSWERS;
    unsigned status = rehearsal->exchange->response.status;
    if (wanted == 0 || (answers && status == (uint64_t)wanted))
        return;
    const char *got = answers ? diagnostics_text(trial->diagnostics, "it is %u", status)
                              : "a server would be asked";
    trial->failed = true;
    diagnostics_error(trial->diagnostics, place_of(trial, "status"), cure_of(trial),
                      "the test wants the status %d, but %s", (int)wanted, got);
}

static void compare_field(struct trial *trial, const struct node_pair *pair)
{
    const struct rehearsal *rehearsal = &trial->explanation->rehearsal;
    const struct fields *fields = rehearsal->outcome == REHEARSAL_ASKS
                                      ? &rehearsal->exchange->request.fields
                                      : &rehearsal->exchange->response.fields;
    const struct field *field = fields_find_text(fields, pair->key);
    bool wants_none = node_is_word(pair->value, "off");
    if (wants_none ? !field : field && slice_equal(field->value, pair->value->text))
        return;
    const char *got =
        field ? diagnostics_text(trial->diagnostics, "it is \"%.*s\"", SHOWN(field->value))
              : "there is none";
    trial->failed = true;
    diagnostics_error(trial->diagnostics, pair->value->position, cure_of(trial),
                      wants_none ? "the test wants no header field %.*s, but %s"
                                 : "the test wants another header field %.*s, but %s",
                      SHOWN(pair->key), got);
}

static void compare_all(struct trial *trial)
{
    const struct test_expectation *wanted = &trial->test->expectation;
    const struct rehearsal *rehearsal = &trial->explanation->rehearsal;
    const struct exchange *exchange = rehearsal->exchange;
    const struct slice none = slice_of(NULL, 0);
    bool asks = rehearsal->outcome == REHEARSAL_ASKS;
    compare(trial, "site", wanted->site, exchange->site ? exchange->site->name : none,
            "no site takes it");
    compare_route(trial);
    compare(trial, "upstream", wanted->upstream, asks ? exchange->plan->upstream->name : none,
            "no server would be asked");
    compare(trial, "target", wanted->target, asks ? exchange->request.target : none,
            "no server would be asked");
    compare_status(trial);
    for (uint32_t i = 0; wanted->headers && i < wanted->headers->count; i++)
        compare_field(trial, &wanted->headers->pairs[i]);
}

/* ---- the tests */

static bool try_test(struct explainer *explainer, const struct request_test *test,
                     struct diagnostics *diagnostics)
{
    const struct explain_request request = {.method = test->request.method.data,
                                            .url = test->request.url.data,
                                            .fields = test->request.fields.items,
                                            .field_count = test->request.fields.count,
                                            .client = test->request.client.data};
    struct explanation explanation;
    struct trial trial = {test, &explanation, diagnostics, false};
    const char *wrong;
    if (!explanation_init(&explanation, explainer, &request, &wrong)) {
        diagnostics_error(diagnostics, test->request.node->position, wrong,
                          "the request of the test cannot be made");
        return false;
    }
    compare_all(&trial);
    explanation_fini(&explanation);
    loop_turn(explainer->loop, 0); /* for its graves */
    return !trial.failed;
}

bool request_tests_run(struct snapshot *snapshot, struct server_registry *servers, FILE *told,
                       struct test_report *ret_report)
{
    const struct configuration *configuration = snapshot->configuration;
    const struct request_tests *tests =
        scope_group(configuration, configuration->top, &request_tests_group);
    *ret_report = (struct test_report){.tests = tests->count};
    struct explainer explainer;
    if (tests->count == 0)
        return true;
    struct diagnostics *diagnostics = diagnostics_new(DIAGNOSTICS_MAX);
    if (!diagnostics || !explainer_init(&explainer, snapshot, servers)) {
        diagnostics_free(diagnostics);
        (void)fprintf(told, "weir: the system refuses memory\n");
        return false;
    }
    for (size_t i = 0; i < tests->count; i++)
        ret_report->failed += !try_test(&explainer, &tests->items[i], diagnostics);
    ret_report->errors = diagnostics_errors(diagnostics);
    load_print(told, diagnostics, configuration, true);
    explainer_fini(&explainer);
    diagnostics_free(diagnostics);
    return true;
}
