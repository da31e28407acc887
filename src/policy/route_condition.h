/* Conditions of routes: read from a file by condition_reader, asked by the route table. A text is
 * equality, `~…` a pattern, `*` presence, a list any of these; different conditions are and-ed;
 * `not` turns what stands in it round as a whole. */
#pragma once

#include "policy/client_address.h"
#include "policy/path.h"
#include "policy/pattern.h"
#include "policy/route.h"

enum condition_kind {
    CONDITION_PATH,
    CONDITION_METHOD,
    CONDITION_HEADER,
    CONDITION_QUERY,
    CONDITION_COOKIE,
    CONDITION_CLIENT,
    CONDITION_SCHEME,
    CONDITION_CERTIFICATE,
    CONDITION_NOT,
    CONDITION_KINDS
};

enum test_kind {
    TEST_EQUAL,
    TEST_PREFIX, /* of a path, by whole segments */
    TEST_PATTERN,
    TEST_PRESENT,
};

struct test {
    enum test_kind kind;
    const struct node *node;       /* where it stands */
    struct slice text;             /* TEST_EQUAL; TEST_PREFIX: without a slash at its end */
    const struct pattern *pattern; /* TEST_PATTERN */
};

struct condition {
    enum condition_kind kind;
    enum field_name field; /* CONDITION_HEADER */
    uint32_t test_count;
    struct slice name;        /* of the header, parameter or cookie; what of a certificate */
    const struct test *tests; /* any of them; CONDITION_CLIENT and CONDITION_NOT have none */
    union {
        const struct ip_ranges *clients; /* CONDITION_CLIENT */
        const struct condition *inner;   /* CONDITION_NOT: these together must not hold */
    };
    const struct condition *next; /* further ones of the same setting: all must hold */
};

enum match_verdict { MATCH_NO, MATCH_YES, MATCH_UNDECIDED };

/* Whether this condition holds; those behind it are not asked. In the question's path `//` has
 * become `/`. */
enum match_verdict condition_match(const struct condition *condition,
                                   const struct route_question *question);

/* Whether it, or what stands in a `not`, goes by a certificate; those behind it are not looked at.
 */
bool condition_asks_certificate(const struct condition *condition);

/* Whether one test of a path takes it. */
enum match_verdict path_test_match(const struct test *test, struct slice path);

/* Whether two conditions say the same in the same words, without those behind them. */
bool condition_equal_alone(const struct condition *a, const struct condition *b);
