/* `tests`: requests in the configuration, each with what must become of it. `weir check` has them
 * explained (explainer.h) and tells of each that comes out otherwise; `weir run` and a reload only
 * read them, so that they stay quick. */
#pragma once

#include "conf/snapshot.h"

#include <stdio.h>

struct server_registry;

struct test_fields {
    const char **items; /* each `Name: value` */
    size_t count;
};

struct test_request {
    struct slice method, url, client; /* each with a NUL behind it */
    struct test_fields fields;
    const struct node *node;
};

struct test_expectation {
    struct slice site, route, upstream, target; /* empty: not said */
    int64_t status;                             /* 0: not said */
    const struct node *headers;                 /* names and values; NULL: not said */
    const struct node *node;
};

struct request_test {
    struct test_request request;
    struct test_expectation expectation;
};

struct request_tests {
    const struct request_test *items;
    size_t count;
};

extern const struct setting_group request_tests_group;

struct test_report {
    size_t tests, failed; /* tests; of one several things may be wrong */
    size_t errors;
};

/* Runs all of them and tells what is wrong. False: no memory, which was told. */
bool request_tests_run(struct snapshot *snapshot, struct server_registry *servers, FILE *told,
                       struct test_report *ret_report);
