/* What whoever runs Weir tells a server of an upstream: to be drained, disabled, enabled, or to
 * have another weight. It holds until a configuration says something else of that server, or Weir
 * ends. The control loop. */
#pragma once

#include "control/admin.h"
#include "upstream/upstream.h"

struct health;

/* The upstreams that are served, and what is told of each change. */
struct upstream_change {
    const struct upstream_table *table;
    struct server_registry *servers;
    struct health *health;
    uint64_t now_ms;
};

/* Obeys `upstream=NAME&server=ADDRESS&order=drain|disable|enable` or `&weight=NUMBER|off` and
 * answers what has become of it; 400, 404 or 409 and why not. */
void upstream_change_answer(const struct upstream_change *change,
                            const struct admin_request *request, struct admin_reply *reply);

/* Answers `upstream=NAME` (all where it says nothing) with a table, and with `&server=ADDRESS` all
 * that is known of one server; 404 where there is none. */
void upstream_list_answer(const struct upstream_change *change, const struct admin_request *request,
                          struct admin_reply *reply);
