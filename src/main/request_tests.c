/* How `tests` are written. */
#include "main/request_tests.h"

#include "base/arena.h"
#include "base/text.h"

#define EXAMPLE_REQUEST "{method: POST, url: http://shop.example.com/, headers: {X-Beta: \"1\"}}"
#define EXAMPLE_TEST    "{request: GET http://shop.example.com/, expect: {status: 404}}"

static bool read_word(struct setting_reader *reader, struct slice word, struct slice *ret_word)
{
    *ret_word = arena_copy(reader->arena, word);
    return ret_word->data != NULL;
}

static bool refuse(struct setting_reader *reader, const struct node *node, const char *cure,
                   const char *what)
{
    diagnostics_error(reader->diagnostics, node->position, cure, "%s", what);
    return false;
}

/* ---- the request */

static bool read_field(struct setting_reader *reader, const struct node_pair *pair,
                       const char **ret_field)
{
    if (pair->value->kind != NODE_SCALAR)
        return setting_refuse(reader, "the value of a header field", "a text", NULL, pair->value);
    const struct slice parts[] = {pair->key, SLICE(": "), pair->value->text, SLICE("\0")};
    struct slice joined = arena_join(reader->arena, parts, 4);
    *ret_field = joined.data;
    return joined.data != NULL;
}

static bool read_fields(struct setting_reader *reader, const struct node *node, void *field)
{
    struct test_fields *fields = field;
    *fields = (struct test_fields){0};
    if (node->kind != NODE_MAPPING)
        return setting_refuse(reader, "headers", "a mapping", "{X-Beta: \"1\"}", node);
    fields->items = ARENA_ARRAY(reader->arena, const char *, node->count + 1);
    bool good = fields->items != NULL;
    for (uint32_t i = 0; fields->items && i < node->count; i++)
        good &= read_field(reader, &node->pairs[i], &fields->items[fields->count++]);
    return good;
}

static const struct setting request_records[] = {
    {.name = "method",
     .type = SETTING_TEXT,
     .offset = offsetof(struct test_request, method),
     .size = sizeof(struct slice),
     .standard = "GET",
     .summary = "The method.",
     .example = "POST"},
    {.name = "url",
     .type = SETTING_TEXT,
     .offset = offsetof(struct test_request, url),
     .size = sizeof(struct slice),
     .summary = "The URL: http://host/path, or /path with the host among the headers.",
     .example = "http://shop.example.com/"},
    {.name = "headers",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct test_request, fields),
     .size = sizeof(struct test_fields),
     .read = read_fields,
     .form = "{*: TEXT}",
     .summary = "The header fields.",
     .example = "{X-Beta: \"1\"}"},
    {.name = "client",
     .type = SETTING_TEXT,
     .offset = offsetof(struct test_request, client),
     .size = sizeof(struct slice),
     .standard = "127.0.0.1",
     .summary = "The address of who connects.",
     .example = "192.0.2.7"},
};

static const struct setting_group request_group = {
    .name = "request",
    .settings = request_records,
    .count = sizeof(request_records) / sizeof(request_records[0]),
    .size = sizeof(struct test_request),
    .summary = "A request that is tested.",
};

/* `GET http://shop.example.com/`. */
static bool read_line(struct setting_reader *reader, const struct node *node,
                      struct test_request *request)
{
    struct slice rest = slice_trim(node->text), method = slice_cut(&rest, ' ');
    if (slice_is_empty(rest))
        return refuse(reader, node, "write request: GET http://shop.example.com/",
                      "a request is a method and a URL");
    request->method = method;
    request->url = slice_trim(rest);
    return true;
}

static bool read_request(struct setting_reader *reader, const struct node *node, void *field)
{
    struct test_request *request = field;
    bool good = setting_read_defaults(reader, &request_group, request);
    if (good && node->kind == NODE_SCALAR)
        good = read_line(reader, node, request);
    else if (good)
        good = setting_read_mapping(reader, &request_group, node, request);
    if (good && slice_is_empty(request->url))
        good = refuse(reader, node, "write request: " EXAMPLE_REQUEST, "the request has no url");
    request->node = node;
    return good && read_word(reader, request->method, &request->method) &&
           read_word(reader, request->url, &request->url) &&
           read_word(reader, request->client, &request->client);
}

/* ---- what is expected */

static bool read_headers(struct setting_reader *reader, const struct node *node, void *field)
{
    struct test_fields fields;
    *(const struct node **)field = node;
    return read_fields(reader, node, &fields);
}

#define EXPECTED_TEXT(name_, summary_, example_)                                                   \
    {                                                                                              \
        .name = #name_, .type = SETTING_TEXT, .offset = offsetof(struct test_expectation, name_),  \
        .size = sizeof(struct slice), .summary = summary_, .example = example_                     \
    }

static const struct setting expectation_records[] = {
    EXPECTED_TEXT(site, "The site: its first host, or *.", "shop.example.com"),
    EXPECTED_TEXT(route, "The route: its path, as it is written.", "/products/*"),
    EXPECTED_TEXT(upstream, "The upstream: its name, or its first server.", "shop"),
    EXPECTED_TEXT(target, "Path and query for which the server is asked.", "/api/7"),
    {.name = "status",
     .type = SETTING_NUMBER,
     .offset = offsetof(struct test_expectation, status),
     .size = sizeof(int64_t),
     .min = 200,
     .max = 599,
     .summary = "The status of an answer of our own.",
     .example = "404"},
    {.name = "headers",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct test_expectation, headers),
     .size = sizeof(const struct node *),
     .read = read_headers,
     .form = "{*: TEXT}",
     .summary = "Header fields of what the server is sent, or of an answer of our own; off: there "
                "is none.",
     .example = "{Location: /new}"},
};

static const struct setting_group expectation_group = {
    .name = "expect",
    .settings = expectation_records,
    .count = sizeof(expectation_records) / sizeof(expectation_records[0]),
    .size = sizeof(struct test_expectation),
    .summary = "What must become of a request.",
};

static bool read_expectation(struct setting_reader *reader, const struct node *node, void *field)
{
    struct test_expectation *expectation = field;
    if (node->kind != NODE_MAPPING || node->count == 0)
        return setting_refuse(reader, "expect", "a mapping", "{status: 404}", node);
    bool good = setting_read_mapping(reader, &expectation_group, node, expectation);
    expectation->node = node;
    return good;
}

/* ---- all of them */

static const struct setting test_records[] = {
    {.name = "request",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct request_test, request),
     .size = sizeof(struct test_request),
     .read = read_request,
     .form = "TEXT | MAPPING",
     .mapping = &request_group,
     .summary = "The request.",
     .example = "GET http://shop.example.com/"},
    {.name = "expect",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct request_test, expectation),
     .size = sizeof(struct test_expectation),
     .read = read_expectation,
     .form = "MAPPING",
     .mapping = &expectation_group,
     .summary = "What must become of it.",
     .example = "{status: 404}"},
};

static const struct setting_group test_group = {
    .name = "tests",
    .settings = test_records,
    .count = sizeof(test_records) / sizeof(test_records[0]),
    .size = sizeof(struct request_test),
    .summary = "A request with what must become of it.",
};

static bool read_test(struct setting_reader *reader, const struct node *node,
                      struct request_test *test)
{
    if (!setting_read_mapping(reader, &test_group, node, test))
        return false;
    return (test->request.node && test->expectation.node) ||
           refuse(reader, node, "write " EXAMPLE_TEST, "a test is a request with what to expect");
}

static bool read_tests(struct setting_reader *reader, const struct node *node, void *field)
{
    struct request_tests *tests = field;
    *tests = (struct request_tests){0};
    if (node->kind != NODE_SEQUENCE)
        return setting_refuse(reader, "tests", "a list", "[" EXAMPLE_TEST "]", node);
    struct request_test *items = ARENA_ARRAY(reader->arena, struct request_test, node->count + 1);
    bool good = items != NULL;
    for (uint32_t i = 0; items && i < node->count; i++)
        good &= read_test(reader, node->items[i], &items[i]);
    *tests = (struct request_tests){items, good ? node->count : 0};
    return good;
}

static const struct setting records[] = {
    {.name = "tests",
     .type = SETTING_CUSTOM,
     .offset = 0,
     .size = sizeof(struct request_tests),
     .read = read_tests,
     .form = "[MAPPING]",
     .mapping = &test_group,
     .scopes = SCOPE_TOP,
     .summary = "Requests, each with what must become of it (site, route, upstream, target, "
                "status, headers): weir check tries them.",
     .example = "[" EXAMPLE_TEST "]"},
};

const struct setting_group request_tests_group = {
    .name = "",
    .settings = records,
    .count = sizeof(records) / sizeof(records[0]),
    .size = sizeof(struct request_tests),
    .summary = "Tests of the configuration.",
};
