/* Bytes as a tree of routes and requests to it. The table must say what a plain walk over all
 * routes says: who takes a request meets every condition of its own and of all around it, nobody
 * is passed over, and among routes that are not nested the order of the plan decides. */
#include "base/assert.h"
#include "policy/path_meet.h"
#include "policy/route_reasons.h"
#include "policy/test_table.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { YAML_MAX = 16 * 1024, DEPTH_MAX = 4, ROUTES_MAX = 64 };

static const char *const paths[] = {
    "",       "/",    "/a",    "/a/b",       "/a/",      "/*",         "/a/*",         "/a/b/*",
    "/b/*",   "/b",   "~^/a",  "~^/a/b",     "~b$",      "~^/(a|b)/b", "[/a/*, /b]",   "[/a, ~^/b]",
    "/a/a/*", "/b/a", "~^/b/", "[/*, /a/b]", "/a//b//*", "/%61/b",     "[/a/*, /a/*]", "~",
};
static const char *const conditions[] = {
    "",
    "method: GET",
    "method: [PUT, GET]",
    "header: {X: \"1\"}",
    "query: {q: \"*\"}",
    "not: {method: GET}",
    "method: GET, header: {X: \"1\"}",
    "not: {path: /a/*}",
};
static const char *const requests[] = {
    "/",      "/a",  "/a/", "/a/b",   "/a//b",  "//a",  "/b", "/b/",
    "/a/b/a", "/ab", "*",   "/a/a/b", "/b/a/b", "/b/b", "//", "/a/b/",
};

/* ---- the routes as text */

struct input {
    const uint8_t *data;
    size_t size;
};

static unsigned take(struct input *input, unsigned choices)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++ % choices;
}

static void print_route(struct input *input, struct text *yaml, int depth, unsigned *count);

static void print_routes(struct input *input, struct text *yaml, int depth, unsigned *count)
{
    unsigned routes = 1 + take(input, 6);
    text_add(yaml, SLICE("routes: [\n"));
    for (unsigned i = 0; i < routes && *count < ROUTES_MAX; i++)
        print_route(input, yaml, depth, count);
    text_add(yaml, SLICE("]"));
}

static void print_route(struct input *input, struct text *yaml, int depth, unsigned *count)
{
    const char *path = paths[take(input, sizeof(paths) / sizeof(paths[0]))];
    const char *condition = conditions[take(input, sizeof(conditions) / sizeof(conditions[0]))];
    unsigned rest = take(input, 256);
    text_print(yaml, "{answer: r%u", (*count)++);
    if (path[0])
        text_print(yaml, path[0] == '[' ? ", path: %s" : ", path: \"%s\"", path);
    if (condition[0])
        text_print(yaml, ", %s", condition);
    if (rest % 8 == 1)
        text_print(yaml, ", priority: %d", (int)(rest / 8) % 5 - 2);
    if (rest % 8 >= 6 && depth < DEPTH_MAX) {
        text_add(yaml, SLICE(", "));
        print_routes(input, yaml, depth + 1, count);
    }
    text_add(yaml, SLICE("},\n"));
}

/* ---- the plain walk */

static bool holds(const struct scope *scope, const struct test_table *test,
                  const struct route_question *question)
{
    for (; scope && scope->kind == SCOPE_ROUTE; scope = scope->parent) {
        const struct route_settings *settings =
            scope_group(test->configuration, scope, &route_group);
        for (size_t kind = 0; kind < CONDITION_KINDS; kind++) {
            const struct condition *one = settings->conditions[kind];
            for (; one; one = one->next) {
                enum match_verdict verdict = condition_match(one, question);
                ASSERT(verdict != MATCH_UNDECIDED);
                if (verdict == MATCH_NO)
                    return false;
            }
        }
    }
    return true;
}

/* How well a route that is not nested fits: exact 3, pattern 2, prefix 1, none 0; and inside of
 * that the earlier pattern or the longer prefix. */
struct rank {
    int64_t priority;
    int class;
    int64_t inside;
    unsigned conditions;
};

static int64_t place_of(const struct test *test)
{
    struct position position = test->node->position;
    return (int64_t)position.line * 1000 + position.column;
}

static struct rank rank_of_test(const struct test *one)
{
    switch (one->kind) {
    case TEST_EQUAL:
        return (struct rank){.class = 3};
    case TEST_PATTERN:
        return (struct rank){.class = 2, .inside = -place_of(one)};
    case TEST_PREFIX:
        return (struct rank){.class = 1, .inside = (int64_t)one->text.length};
    case TEST_PRESENT:
        break;
    }
    UNREACHABLE();
}

static bool is_better(const struct rank *a, const struct rank *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (a->class != b->class)
        return a->class > b->class;
    if (a->inside != b->inside)
        return a->inside > b->inside;
    return a->conditions > b->conditions;
}

static struct rank rank_of(const struct test_table *test, const struct scope *scope,
                           const struct route_question *question)
{
    const struct route_settings *settings = scope_group(test->configuration, scope, &route_group);
    struct rank best = {.class = 0};
    const struct condition *path = settings->conditions[CONDITION_PATH];
    for (uint32_t i = 0; path && i < path->test_count; i++) {
        if (path_test_match(&path->tests[i], question->path) != MATCH_YES)
            continue;
        struct rank rank = rank_of_test(&path->tests[i]);
        if (is_better(&rank, &best))
            best = rank;
    }
    best.priority = settings->priority;
    for (size_t kind = CONDITION_PATH + 1; kind < CONDITION_KINDS; kind++) {
        for (const struct condition *one = settings->conditions[kind]; one; one = one->next)
            best.conditions++;
    }
    return best;
}

static bool is_inside(const struct scope *inner, const struct scope *outer)
{
    while (inner && inner != outer)
        inner = inner->parent;
    return inner != NULL;
}

static void check_answer(const struct test_table *test, const struct route_question *question,
                         const struct scope *taken, bool is_flat)
{
    struct rank taken_rank = rank_of(test, taken, question);
    ASSERT(holds(taken, test, question));
    for (size_t i = 0; i < route_table_count(test->table); i++) {
        const struct scope *other = route_table_get(test->table, i)->scope;
        if (other == taken || !holds(other, test, question))
            continue;
        struct rank rank = rank_of(test, other, question);
        if (rank.priority == taken_rank.priority)
            ASSERT(!is_inside(other, taken));
        if (is_flat)
            ASSERT(!is_better(&rank, &taken_rank));
        /* The table holds routes in the file's order. */
        if (is_flat && !is_better(&taken_rank, &rank))
            ASSERT(place_of(&(struct test){.node = taken->node}) <
                   place_of(&(struct test){.node = other->node}));
    }
}

/* What is told of each route is what happened: one that fits and fails of nothing took the request,
 * or lost to the one that did. */
static void check_reasons(const struct test_table *test, const struct route_question *question,
                          const struct route_answer *answer)
{
    size_t count = 0, takers = 0;
    const struct route_reason *reasons = route_reasons(test->table, question, answer, &count);
    ASSERT(reasons && count == route_table_count(test->table));
    for (size_t i = 0; i < count; i++) {
        bool fits = reasons[i].fit != ROUTE_FIT_NONE && !reasons[i].failed;
        ASSERT(fits == holds(reasons[i].route->scope, test, question));
        ASSERT(!fits || answer->route);
        takers += reasons[i].takes;
    }
    ASSERT(takers == (answer->route != NULL));
}

static void check_request(struct test_table *test, struct input *input)
{
    struct field field = {.name = SLICE("X"), .value = SLICE("1")};
    unsigned facts = take(input, 8);
    struct request_head head = {
        .method_text = facts & 1 ? SLICE("PUT") : SLICE("GET"),
        .fields = {.items = &field, .count = (facts >> 1) & 1, .present = ~UINT64_C(0)}};
    struct ip client = {.kind = ADDRESS_UNIX};
    struct route_question question = {
        .path = slice_from_text(requests[take(input, sizeof(requests) / sizeof(requests[0]))]),
        .query = facts & 4 ? SLICE("q=1") : SLICE(""),
        .head = &head,
        .client = &client,
        .arena = &test->arena,
    };
    struct route_answer answer;
    bool collapsed = path_collapse(question.path, &test->arena, &question.path);
    ASSERT(collapsed);
    enum route_verdict verdict = route_find(test->table, &question, &answer);
    ASSERT(verdict != ROUTE_UNDECIDED && verdict != ROUTE_NO_SITE);
    check_reasons(test, &question, &answer);
    const struct scope *site = test->configuration->top->children[0];
    bool is_flat = true;
    for (uint32_t i = 0; i < site->child_count; i++)
        is_flat &= site->children[i]->child_count == 0;
    if (verdict == ROUTE_FOUND) {
        check_answer(test, &question, answer.route->scope, is_flat);
        return;
    }
    for (size_t i = 0; i < route_table_count(test->table); i++)
        ASSERT(!holds(route_table_get(test->table, i)->scope, test, &question));
}

static char memory[YAML_MAX];

/* Whoever looks at a finding wants to see the routes. */
static void show(const char *message)
{
    (void)message;
    (void)fputs(memory, stderr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    assert_hook = show;
    struct input input = {data, size};
    struct text yaml = text_over(memory, sizeof(memory) - 1);
    unsigned count = 0;
    text_add(&yaml, SLICE("sites: [{"));
    print_routes(&input, &yaml, 1, &count);
    text_add(&yaml, SLICE("}]\n"));
    memory[yaml.length] = '\0';
    struct test_table test = test_table_load(memory);
    for (int i = 0; i < 16 && test.table; i++)
        check_request(&test, &input);
    test_table_free(&test);
    return 0;
}
