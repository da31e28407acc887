/* What whoever runs Weir tells a server of an upstream: to be drained, disabled, enabled, to have
 * another weight, to come or to go. It holds until a configuration says something else of that
 * server, or Weir ends. The control loop. */
#pragma once

#include "control/admin.h"
#include "upstream/upstream.h"

struct health;
struct roster;

/* The upstreams that are served, and what is told of each change. */
struct upstream_change {
    const struct upstream_table *table;
    struct server_registry *servers;
    struct health *health;
    struct roster *roster;
    uint64_t now_ms;
};

/* Obeys `upstream=NAME&server=ADDRESS&order=drain|disable|enable|remove`, `&order=add` with
 * `&weight=`, `&priority=` and `&max_connections=` where they are not as in a configuration that
 * does not say them, or `&weight=NUMBER|off`, and answers what has become of it; 400, 404, 409 or
 * 503 and why not. */
void upstream_change_answer(const struct upstream_change *change,
                            const struct admin_request *request, struct admin_reply *reply);

/* Answers `upstream=NAME` (all where it says nothing) with a table, and with `&server=ADDRESS` all
 * that is known of one server; 404 where there is none. */
void upstream_list_answer(const struct upstream_change *change, const struct admin_request *request,
                          struct admin_reply *reply);
