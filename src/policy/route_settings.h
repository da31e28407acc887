/* What stands in sites and routes and decides who takes a request, as it was read: names and paths
 * in their one form, patterns compiled. Lives as long as the configuration. */
#pragma once

#include "policy/route_condition.h"

enum {
    PATH_SEGMENTS_MAX = 64, /* of a prefix */
    HOST_NAME_MAX = 253,    /* RFC 1035 3.1, as text */
};

enum host_kind { HOST_EXACT, HOST_WILDCARD, HOST_ANY };

struct host_name {
    enum host_kind kind;
    struct slice name;       /* normalized; HOST_WILDCARD: what stands behind the `*.` */
    const struct node *node; /* where it stands */
};

struct host_names {
    const struct host_name *items; /* none: every other name, as `*` */
    uint32_t count;
};

/* The addresses of a site's own `listen`; none: it answers at those of the top. */
struct site_addresses {
    const struct address *items;
    uint32_t count;
};

struct site_settings {
    struct host_names host;
    struct site_addresses listen;
};

struct route_settings {
    const struct condition *conditions[CONDITION_KINDS]; /* NULL: not written */
    int64_t priority;
};
