/* Any bytes as a configuration that is about to be served. One without errors is built, its tests
 * are rehearsed and each of their requests explained, and the whole of it is printed: that must be
 * read without an error, and printed as the same again. */
#include "base/assert.h"
#include "conf/effective.h"
#include "fuzz/fuzz_files.h"
#include "main/explain_live.h"
#include "main/request_tests.h"
#include "main/vocabulary.h"
#include "upstream/server.h"

#include <stdlib.h>

enum { DIAGNOSTICS_MAX = 50, PRINTED_MAX = 1 << 18 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The configuration where nothing is wrong with it, or NULL. */
static struct configuration *load(struct slice *input, struct slice bytes,
                                  struct diagnostics *diagnostics)
{
    struct configuration_reader reader = fuzz_files_reader(input);
    struct configuration *configuration =
        configuration_load(SLICE("0"), bytes, &vocabulary, &reader, diagnostics);
    ASSERT(configuration);
    plan_check_names(configuration, diagnostics);
    if (diagnostics_errors(diagnostics) == 0 && configuration->top->child_count > 0)
        return configuration;
    configuration_free(configuration);
    return NULL;
}

/* ---- printed whole */

/* The next line that is no comment, without the one that tells where it came from; empty at the
 * end. */
static struct slice take_line(struct slice *rest)
{
    struct slice line = SLICE("");
    while (line.length == 0 && rest->length > 0) {
        line = slice_trim(slice_cut(rest, '\n'));
        size_t end = line.length;
        while (end > 0 && !slice_starts_with(slice_from(line, end - 1), SLICE("# ")))
            end--;
        line = slice_starts_with(line, SLICE("#")) ? SLICE("")
                                                   : slice_until(line, end ? end - 1 : line.length);
    }
    return slice_trim(line);
}

static void check_same_lines(struct slice a, struct slice b)
{
    while (a.length > 0 || b.length > 0) {
        struct slice one = take_line(&a), other = take_line(&b);
        ASSERT(slice_equal(one, other));
    }
}

static struct text print(const struct configuration *configuration)
{
    char *memory = malloc(PRINTED_MAX);
    ASSERT(memory);
    struct text text = text_over(memory, PRINTED_MAX);
    effective_print(&text, configuration, NULL, 0);
    return text;
}

static void check_printed(struct slice *input, const struct configuration *configuration)
{
    struct text text = print(configuration);
    if (!text_is_cut(&text)) {
        struct diagnostics *diagnostics = diagnostics_new(DIAGNOSTICS_MAX);
        ASSERT(diagnostics);
        struct configuration *again = load(input, text_slice(&text), diagnostics);
        ASSERT(again);
        struct text text_again = print(again);
        check_same_lines(text_slice(&text), text_slice(&text_again));
        free(text_again.data);
        configuration_free(again);
        diagnostics_free(diagnostics);
    }
    free(text.data);
}

/* ---- served */

static void explain(struct explainer *explainer, const struct request_test *test, FILE *nowhere)
{
    const struct explain_request request = {.method = test->request.method.data,
                                            .url = test->request.url.data,
                                            .fields = test->request.fields.items,
                                            .field_count = test->request.fields.count,
                                            .client = test->request.client.data};
    struct explanation explanation;
    const char *wrong = NULL;
    if (!explanation_init(&explanation, explainer, &request, &wrong)) {
        ASSERT(wrong);
        return;
    }
    (void)explain_write(nowhere, &explanation, false);
    (void)explain_write(nowhere, &explanation, true);
    explanation_fini(&explanation);
    (void)loop_turn(explainer->loop, 0);
}

static void ask(struct snapshot *snapshot, struct server_registry *servers)
{
    const struct configuration *configuration = snapshot->configuration;
    const struct request_tests *tests =
        scope_group(configuration, configuration->top, &request_tests_group);
    FILE *nowhere = fopen("/dev/null", "w");
    struct explainer explainer;
    struct test_report report;
    ASSERT(nowhere && explainer_init(&explainer, snapshot, servers));
    (void)request_tests_run(snapshot, servers, nowhere, &report);
    for (size_t i = 0; i < tests->count; i++)
        explain(&explainer, &tests->items[i], nowhere);
    explainer_fini(&explainer);
    (void)fclose(nowhere);
}

static void serve(struct configuration *configuration, struct diagnostics *diagnostics)
{
    struct live live = {
        .servers = server_registry_new(), .stages = stages, .stage_count = stage_count};
    ASSERT(live.servers);
    struct snapshot *snapshot =
        snapshot_new(configuration, snapshot_parts, snapshot_part_count, &live, diagnostics);
    if (snapshot) {
        ask(snapshot, live.servers);
        snapshot_unref(snapshot);
    } else {
        ASSERT(diagnostics_errors(diagnostics) > 0);
        configuration_free(configuration);
    }
    server_registry_free(live.servers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of((const char *)data, size);
    struct diagnostics *diagnostics = diagnostics_new(DIAGNOSTICS_MAX);
    ASSERT(diagnostics);
    struct configuration *configuration = load(&input, fuzz_files_first(input), diagnostics);
    if (configuration) {
        check_printed(&input, configuration);
        serve(configuration, diagnostics);
    }
    diagnostics_free(diagnostics);
    return 0;
}
