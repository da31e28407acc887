/* The route table from inside: route_build.c makes it, route_table.c asks it, route_shadow.c looks
 * for what can never win. Numbers of sites, routes and groups are indexes in its arrays. */
#pragma once

#include "policy/host_map.h"
#include "policy/path_index.h"
#include "policy/route_condition.h"
#include "policy/route_settings.h"

#define ROUTE_NONE UINT32_MAX

/* A route with what must hold for it beside its path; a cache line. */
struct route_entry {
    _Alignas(CACHE_LINE) struct route route;
    const struct condition *const *conditions; /* each alone, without those behind it */
    uint32_t condition_count;
    int32_t priority;
};

/* The candidates of one path of a site, the one that wins first: a range of the table's. A pattern
 * has one. A path that is in the index has the group of its number. */
struct route_group {
    uint32_t first;
    uint32_t winner; /* its first candidate, so that a group of one needs no other look */
    uint32_t count : 30;
    uint32_t is_pattern : 1;
    uint32_t is_exact : 1; /* one path and nothing below it */
};

/* A path that is a regular expression. */
struct path_pattern {
    const struct test *test;
    uint32_t group;
};

struct site_entry {
    _Alignas(CACHE_LINE) struct site site;
    struct path_shapes shapes;
    uint32_t first_pattern; /* in the file's order */
    uint32_t pattern_count : 31;
    uint32_t has_priorities : 1; /* then all that fits must be looked at */
    uint32_t anywhere;           /* group of the routes without a path, or ROUTE_NONE */
    uint32_t last_route;         /* the site's own action, or ROUTE_NONE */
};

_Static_assert(sizeof(struct site_entry) == CACHE_LINE, "each site costs a question one line");

/* Among thousands of sites each look is into cold memory, and looks that wait for each other are
 * what it costs. So a host's number in the index of names leads to its site and to the first route
 * of it at once, a path's number to its group, before the text there has been compared. */
struct route_table {
    struct arena arena;
    const struct configuration *configuration;
    struct host_map hosts;
    struct path_index paths;
    struct site_entry *sites;
    struct route_entry *routes; /* the first of each site has the number of the site */
    struct route_group *groups;
    uint32_t *candidates; /* numbers of routes */
    struct path_pattern *patterns;
    bool asks_certificates;
    uint32_t site_count, route_count, group_count, candidate_count, pattern_count;
};

/* Tells of routes that no request can reach, because others take before them all that they would.
 */
void route_warn_of_shadows(const struct route_table *table, struct diagnostics *diagnostics);

/* `line 7`, or `other.yaml:7` where that is another file: for diagnostics about `position`. */
const char *route_place(const struct configuration *configuration, struct diagnostics *diagnostics,
                        struct position position, struct position other);
