#include "policy/route_condition.h"

#include "base/assert.h"
#include "http/cookie.h"
#include "http/query.h"

/* --- Asking ------------------------------------------------------------------------------------
 */

static enum match_verdict verdict_of(bool holds)
{
    return holds ? MATCH_YES : MATCH_NO;
}

static enum match_verdict verdict_of_pattern(const struct pattern *pattern, struct slice text)
{
    ASSERT(pattern);
    switch (pattern_match(pattern, text, NULL)) {
    case PATTERN_MATCHES:
        return MATCH_YES;
    case PATTERN_DIFFERS:
        return MATCH_NO;
    case PATTERN_TOO_COSTLY:
        break;
    }
    return MATCH_UNDECIDED;
}

static enum match_verdict test_text(const struct test *test, struct slice text)
{
    switch (test->kind) {
    case TEST_EQUAL:
        return verdict_of(slice_equal(test->text, text));
    case TEST_PATTERN:
        return verdict_of_pattern(test->pattern, text);
    case TEST_PRESENT:
        return MATCH_YES;
    case TEST_PREFIX:
        break;
    }
    return verdict_of(path_has_prefix(text, test->text));
}

/* The asterisk of OPTIONS is no path, whatever a pattern would say of it. */
static bool is_path(struct slice path)
{
    return path.length > 0 && path.data[0] == '/';
}

enum match_verdict path_test_match(const struct test *test, struct slice path)
{
    return is_path(path) ? test_text(test, path) : MATCH_NO;
}

/* Any of the tests. What is certain counts more than what could not be decided. */
static enum match_verdict any_test(const struct condition *condition, struct slice text)
{
    enum match_verdict verdict = MATCH_NO;
    for (uint32_t i = 0; i < condition->test_count; i++) {
        enum match_verdict one = test_text(&condition->tests[i], text);
        if (one == MATCH_YES)
            return one;
        if (one == MATCH_UNDECIDED)
            verdict = one;
    }
    return verdict;
}

static bool field_has_name(const struct field *field, const struct condition *condition)
{
    if (slice_is_empty(field->name))
        return false; /* it was removed */
    if (condition->field != FIELD_OTHER)
        return field->id == condition->field;
    return field->id == FIELD_OTHER && slice_equal_fold(field->name, condition->name);
}

static enum match_verdict match_header(const struct condition *condition,
                                       const struct fields *fields)
{
    enum match_verdict verdict = MATCH_NO;
    for (uint32_t i = 0; i < fields->count && verdict == MATCH_NO; i++) {
        if (field_has_name(&fields->items[i], condition))
            verdict = any_test(condition, fields->items[i].value);
    }
    return verdict;
}

static enum match_verdict match_cookie_line(const struct condition *condition, struct slice line)
{
    enum match_verdict verdict = MATCH_NO;
    struct slice name, value;
    while (verdict == MATCH_NO && cookie_next(&line, &name, &value)) {
        if (slice_equal(name, condition->name))
            verdict = any_test(condition, value);
    }
    return verdict;
}

static enum match_verdict match_cookie(const struct condition *condition,
                                       const struct fields *fields)
{
    enum match_verdict verdict = MATCH_NO;
    for (uint32_t i = 0; i < fields->count && verdict == MATCH_NO; i++) {
        const struct field *field = &fields->items[i];
        if (field->id == FIELD_COOKIE && !slice_is_empty(field->name))
            verdict = match_cookie_line(condition, field->value);
    }
    return verdict;
}

static enum match_verdict match_query(const struct condition *condition, struct slice query,
                                      struct arena *arena)
{
    enum match_verdict verdict = MATCH_NO;
    struct slice name, value;
    while (verdict == MATCH_NO && query_next(&query, &name, &value)) {
        if (!query_text_equal(name, condition->name))
            continue;
        struct slice decoded = query_text_decode(value, arena);
        verdict = decoded.data ? any_test(condition, decoded) : MATCH_UNDECIDED;
    }
    return verdict;
}

static enum match_verdict match_certificate(const struct condition *condition,
                                            const struct client_certificate *certificate)
{
    if (!certificate)
        return MATCH_NO;
    if (slice_equal(condition->name, SLICE("fingerprint")))
        return any_test(condition, certificate->fingerprint);
    return certificate->is_cut ? MATCH_UNDECIDED : any_test(condition, certificate->subject);
}

static enum match_verdict match_not(const struct condition *condition,
                                    const struct route_question *question)
{
    enum match_verdict verdict = MATCH_YES;
    const struct condition *inner = condition->inner;
    for (; inner && verdict != MATCH_NO; inner = inner->next) {
        enum match_verdict one = condition_match(inner, question);
        if (one != MATCH_YES)
            verdict = one;
    }
    if (verdict == MATCH_UNDECIDED)
        return verdict;
    return verdict_of(verdict == MATCH_NO);
}

enum match_verdict condition_match(const struct condition *condition,
                                   const struct route_question *question)
{
    ASSERT(condition);
    switch (condition->kind) {
    case CONDITION_PATH:
        return is_path(question->path) ? any_test(condition, question->path) : MATCH_NO;
    case CONDITION_METHOD:
        return any_test(condition, question->head->method_text);
    case CONDITION_HEADER:
        return match_header(condition, &question->head->fields);
    case CONDITION_QUERY:
        return match_query(condition, question->query, question->arena);
    case CONDITION_COOKIE:
        return match_cookie(condition, &question->head->fields);
    case CONDITION_CLIENT:
        return verdict_of(ip_ranges_contain(condition->clients, question->client));
    case CONDITION_SCHEME:
        return any_test(condition,
                        question->scheme == SCHEME_HTTPS ? SLICE("https") : SLICE("http"));
    case CONDITION_CERTIFICATE:
        return match_certificate(condition, question->certificate);
    case CONDITION_NOT:
        return match_not(condition, question);
    case CONDITION_KINDS:
        break;
    }
    UNREACHABLE();
}

bool condition_asks_certificate(const struct condition *condition)
{
    const struct condition *inner = condition->kind == CONDITION_NOT ? condition->inner : NULL;
    bool asks = condition->kind == CONDITION_CERTIFICATE;
    for (; inner && !asks; inner = inner->next)
        asks = inner->kind == CONDITION_CERTIFICATE;
    return asks;
}

/* --- Comparing ---------------------------------------------------------------------------------
 */

static bool tests_equal(const struct condition *a, const struct condition *b)
{
    if (a->test_count != b->test_count)
        return false;
    for (uint32_t i = 0; i < a->test_count; i++) {
        if (a->tests[i].kind != b->tests[i].kind ||
            !slice_equal(a->tests[i].node->text, b->tests[i].node->text))
            return false;
    }
    return true;
}

static bool clients_equal(const struct ip_ranges *a, const struct ip_ranges *b)
{
    if (a->count != b->count || a->unix_peers != b->unix_peers)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (a->items[i].bits != b->items[i].bits ||
            !ip_equal(&a->items[i].first, &b->items[i].first))
            return false;
    }
    return true;
}

static bool chains_equal(const struct condition *a, const struct condition *b)
{
    for (; a && b; a = a->next, b = b->next) {
        if (!condition_equal_alone(a, b))
            return false;
    }
    return !a && !b;
}

bool condition_equal_alone(const struct condition *a, const struct condition *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == CONDITION_CLIENT)
        return clients_equal(a->clients, b->clients);
    if (a->kind == CONDITION_NOT)
        return chains_equal(a->inner, b->inner);
    bool names_equal = a->kind == CONDITION_HEADER ? slice_equal_fold(a->name, b->name)
                                                   : slice_equal(a->name, b->name);
    return names_equal && tests_equal(a, b);
}
