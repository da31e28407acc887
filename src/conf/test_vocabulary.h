/* A small vocabulary for the tests and the fuzzer of conf/: one setting of each kind, in groups
 * like the real ones. Each program that includes it has its own. */
#pragma once

#include "base/arena.h"
#include "conf/configuration.h"

#include <stddef.h>

struct test_listener {
    struct slice address;
    bool tls;
};

struct test_texts {
    struct slice *items;
    size_t count;
};

struct test_site {
    struct test_texts hosts;
};

struct test_route {
    struct slice path;
    int64_t priority;
};

struct test_action {
    struct slice proxy;
    const struct template *redirect;
};

struct test_extras {
    const struct template *upstream_host;
    bool compress;
    struct test_texts headers; /* adds up */
};

#define TEST_TIMEOUTS(S)                                                                           \
    S(connect, DURATION, "5s", 1, HOUR, SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE | SCOPE_UPSTREAM,     \
      "How long a connection may take.", "2s")                                                     \
    S(request, DURATION, "off", 0, DAY, SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE,                      \
      "How long all may take.", "30s")                                                             \
    S(drain, DURATION, "30s", 0, DAY, SCOPE_TOP, "How long an end may take.", "1m")

struct test_timeouts {
    TEST_TIMEOUTS(SETTING_FIELD)
};

#define TEST_LIMITS(S)                                                                             \
    S(body_size, SIZE, "off", 0, INT64_MAX, SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE,                  \
      "The largest body.", "10MiB")                                                                \
    S(header_count, NUMBER, "100", 1, 1000, SCOPE_TOP | SCOPE_LISTENER, "The most fields.", "50")

struct test_limits {
    TEST_LIMITS(SETTING_FIELD)
};

struct test_upstream {
    struct test_texts servers;
    int balance;
};

struct test_top {
    int64_t threads;
};

static bool test_read_texts(struct setting_reader *reader, const struct node *node, void *field)
{
    struct test_texts *texts = field;
    return setting_read_texts(reader, "host", "example.com", node, &texts->items, &texts->count);
}

/* Those of the scope around, then those that are written. */
static bool test_read_headers(struct setting_reader *reader, const struct node *node, void *field)
{
    const struct test_texts *before = reader->inherited;
    struct test_texts own = {0}, *all = field;
    if (node_is_word(node, "off")) {
        *all = own;
        return true;
    }
    if (!setting_read_texts(reader, "headers", "[a, b]", node, &own.items, &own.count))
        return false;
    size_t inherited = before ? before->count : 0;
    struct slice *items = ARENA_ARRAY(reader->arena, struct slice, inherited + own.count);
    if (!items)
        return false;
    for (size_t i = 0; i < inherited; i++)
        items[i] = before->items[i];
    for (size_t i = 0; i < own.count; i++)
        items[inherited + i] = own.items[i];
    *all = (struct test_texts){items, inherited + own.count};
    return true;
}

static void test_check_limits(const void *group, const struct node *node,
                              struct diagnostics *diagnostics)
{
    const struct test_limits *limits = group;
    if (limits->header_count == 13)
        diagnostics_warning(diagnostics, node->position, NULL, "thirteen is unlucky");
}

#define TEST_TIMEOUT(...) SETTING_ROW(struct test_timeouts, __VA_ARGS__)
#define TEST_LIMIT(...)   SETTING_ROW(struct test_limits, __VA_ARGS__)
#define TEST_FIELD(owner, field_)                                                                  \
    .offset = offsetof(owner, field_), .size = sizeof(((owner *)0)->field_)
#define TEST_GROUP(name_, struct_, rows)                                                           \
    {                                                                                              \
        .name = name_, .settings = rows, .count = sizeof(rows) / sizeof(*(rows)),                  \
        .size = sizeof(struct_), .summary = "A group for tests."                                   \
    }

enum { TEST_ROUTE_SCOPES = SCOPE_SITE | SCOPE_ROUTE };

static const struct setting test_listener_rows[] = {
    SETTING_ROW(struct test_listener, address, TEXT, NULL, 0, 0, SCOPE_LISTENER, "Where.", ":80")
        SETTING_ROW(struct test_listener, tls, SWITCH, "off", 0, 0, SCOPE_LISTENER, "Whether.",
                    "on")};

static const struct setting test_site_rows[] = {{.name = "host",
                                                 .type = SETTING_CUSTOM,
                                                 TEST_FIELD(struct test_site, hosts),
                                                 .read = test_read_texts,
                                                 .form = "TEXT | [TEXT]",
                                                 .scopes = SCOPE_SITE,
                                                 .single = true,
                                                 .example = "example.com"}};

static const struct setting test_route_rows[] = {{.name = "path",
                                                  .type = SETTING_TEXT,
                                                  TEST_FIELD(struct test_route, path),
                                                  .scopes = SCOPE_ROUTE,
                                                  .single = true,
                                                  .example = "/api/*"},
                                                 {.name = "priority",
                                                  .type = SETTING_NUMBER,
                                                  TEST_FIELD(struct test_route, priority),
                                                  .min = -1000,
                                                  .max = 1000,
                                                  .scopes = SCOPE_ROUTE,
                                                  .single = true,
                                                  .example = "10"}};

static const struct setting test_action_rows[] = {{.name = "proxy",
                                                   .type = SETTING_TEXT,
                                                   TEST_FIELD(struct test_action, proxy),
                                                   .scopes = TEST_ROUTE_SCOPES,
                                                   .single = true,
                                                   .example = "http://127.0.0.1:3000"},
                                                  {.name = "redirect",
                                                   .type = SETTING_TEMPLATE,
                                                   TEST_FIELD(struct test_action, redirect),
                                                   .scopes = TEST_ROUTE_SCOPES,
                                                   .single = true,
                                                   .example = "https://example.com$target"}};

static const struct setting test_extra_rows[] = {
    {.name = "upstream_host",
     .type = SETTING_TEMPLATE,
     TEST_FIELD(struct test_extras, upstream_host),
     .scopes = TEST_ROUTE_SCOPES,
     .example = "app.internal"},
    SETTING_ROW(struct test_extras, compress, SWITCH, "off", 0, 0, TEST_ROUTE_SCOPES, "",
                "on"){.name = "headers",
                      .type = SETTING_CUSTOM,
                      TEST_FIELD(struct test_extras, headers),
                      .read = test_read_headers,
                      .form = "off | TEXT | [TEXT]",
                      .scopes = TEST_ROUTE_SCOPES,
                      .example = "[a, b]"}};

static const struct setting test_timeout_rows[] = {TEST_TIMEOUTS(TEST_TIMEOUT)};
static const struct setting test_limit_rows[] = {TEST_LIMITS(TEST_LIMIT)};

static const char *const test_balances[] = {"round_robin", "least_time", "hash", NULL};

static const struct setting test_upstream_rows[] = {{.name = "servers",
                                                     .type = SETTING_CUSTOM,
                                                     TEST_FIELD(struct test_upstream, servers),
                                                     .read = test_read_texts,
                                                     .form = "TEXT | [TEXT]",
                                                     .scopes = SCOPE_UPSTREAM,
                                                     .single = true,
                                                     .example = "[app:3000]"},
                                                    {.name = "balance",
                                                     .type = SETTING_CHOICE,
                                                     TEST_FIELD(struct test_upstream, balance),
                                                     .standard = "round_robin",
                                                     .choices = test_balances,
                                                     .scopes = SCOPE_UPSTREAM,
                                                     .example = "hash"}};

static const struct setting test_top_rows[] = {
    SETTING_ROW(struct test_top, threads, NUMBER, "1", 1, 1024, SCOPE_TOP, "How many.", "4")};

static const struct setting_group
    test_listener_group = TEST_GROUP("", struct test_listener, test_listener_rows),
    test_site_group = TEST_GROUP("", struct test_site, test_site_rows),
    test_route_group = TEST_GROUP("", struct test_route, test_route_rows),
    test_action_group = TEST_GROUP("", struct test_action, test_action_rows),
    test_extras_group = TEST_GROUP("", struct test_extras, test_extra_rows),
    test_timeouts_group = TEST_GROUP("timeouts", struct test_timeouts, test_timeout_rows),
    test_upstream_group = TEST_GROUP("", struct test_upstream, test_upstream_rows),
    test_top_group = TEST_GROUP("", struct test_top, test_top_rows),
    test_limits_group = {.name = "limits",
                         .settings = test_limit_rows,
                         .count = 2,
                         .size = sizeof(struct test_limits),
                         .check = test_check_limits};

static const struct setting_group *const test_groups[] = {
    &test_listener_group, &test_site_group,     &test_route_group,
    &test_action_group,   &test_extras_group,   &test_timeouts_group,
    &test_limits_group,   &test_upstream_group, &test_top_group};

/* Values say their names, `<host>`, or their arguments, `<X-Foo>`. */
static struct slice test_value(const char *name, struct slice argument, struct arena *arena)
{
    struct slice parts[] = {SLICE("<"), *name ? slice_from_text(name) : argument, SLICE(">")};
    return arena_join(arena, parts, 3);
}

#define TEST_VALUE(function, name)                                                                 \
    static struct slice function(const void *exchange, struct slice argument, struct arena *arena) \
    {                                                                                              \
        (void)exchange;                                                                            \
        return test_value(name, argument, arena);                                                  \
    }

TEST_VALUE(test_host, "host")
TEST_VALUE(test_target, "target")
TEST_VALUE(test_query, "query")
TEST_VALUE(test_version, "tls.version")
TEST_VALUE(test_argument, "")

static const struct variable test_variable_items[] = {
    {"host", TEMPLATE_REQUEST, test_host, "The host."},
    {"target", TEMPLATE_REQUEST, test_target, "The target."},
    {"query", TEMPLATE_REQUEST, test_query, "The query."},
    {"query.", TEMPLATE_REQUEST, test_argument, "A parameter."},
    {"request.header.", TEMPLATE_REQUEST, test_argument, "A field."},
    {"tls.version", TEMPLATE_REQUEST, test_version, "The version."},
    {"status", TEMPLATE_RESPONSE, test_argument, "The status."},
};

static const struct variable_table test_variables = {
    test_variable_items, sizeof(test_variable_items) / sizeof(*test_variable_items)};

static const struct vocabulary test_vocabulary = {
    test_groups, sizeof(test_groups) / sizeof(*test_groups), &test_variables};
