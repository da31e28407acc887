/* What servers and upstreams count and are. */
#include "base/assert.h"
#include "base/map.h"
#include "control/metrics_page_int.h"
#include "sys/clock.h"
#include "upstream/commons.h"
#include "upstream/edition.h"
#include "upstream/health_settings.h"
#include "upstream/member.h"

#include <inttypes.h>
#include <stdlib.h>

/* What stands in a struct and is told as it is, or is the sum of what loops count. */
struct figure {
    const char *name;
    enum metric_kind kind;
    const char *help;
    size_t offset;
    size_t size;
    uint64_t (*sum)(const void *counts); /* NULL: it stands in the struct */
};

#define FIGURE(type, field, name, kind, help)                                                      \
    {                                                                                              \
        name, kind, help, offsetof(type, field), sizeof(((const type *)NULL)->field), NULL         \
    }

static uint64_t read_figure(const void *counts, const struct figure *figure)
{
    if (figure->sum)
        return figure->sum(counts);
    const void *at = (const char *)counts + figure->offset;
    ASSERT(figure->size == sizeof(uint32_t) || figure->size == sizeof(uint64_t));
    return figure->size == sizeof(uint32_t)
               ? atomic_load_explicit((const _Atomic uint32_t *)at, memory_order_relaxed)
               : atomic_load_explicit((const _Atomic uint64_t *)at, memory_order_relaxed);
}

static void print_figure(FILE *file, const struct figure *figure, const char *label,
                         struct slice value, const void *counts)
{
    (void)fprintf(file, "%s{", figure->name);
    metric_label(file, label, value);
    (void)fprintf(file, "} %" PRIu64 "\n", read_figure(counts, figure));
}

/* ---- servers */

#define SERVER(field, name, kind, help) FIGURE(struct server, field, name, kind, help)

static uint64_t uses_of(const void *server)
{
    return server_lent(server);
}

static uint64_t idle_of(const void *server)
{
    return server_idle(server);
}

static const struct figure server_figures[] = {
    SERVER(connections, "weir_server_connections_total", METRIC_COUNTER,
           "Connections that were opened to the server, or tried to be."),
    {"weir_server_uses_total", METRIC_COUNTER,
     "How often a connection to the server served a call, a new one or one kept.", .sum = uses_of},
    SERVER(failed, "weir_server_failures_total", METRIC_COUNTER,
           "How often the server could not be reached."),
    SERVER(ejected, "weir_server_ejections_total", METRIC_COUNTER,
           "How often the server rested since it failed again and again, or too often."),
    SERVER(active, "weir_server_active", METRIC_GAUGE,
           "Connections to the server that serve a call or a tunnel."),
    {"weir_server_idle", METRIC_GAUGE, "Connections to the server that are kept.", .sum = idle_of},
    SERVER(tls_handshakes, "weir_server_tls_handshakes_total", METRIC_COUNTER,
           "TLS handshakes with the server that came to their end."),
    SERVER(tls_resumed, "weir_server_tls_resumed_total", METRIC_COUNTER,
           "Those among them that took an earlier connection up again."),
    SERVER(tls_failures, "weir_server_tls_failures_total", METRIC_COUNTER,
           "TLS handshakes with the server that failed."),
};

/* Each once, though several upstreams may name it. */
static void print_servers(FILE *file, const struct metrics_sources *sources,
                          const struct figure *figure)
{
    struct map seen;
    map_init(&seen);
    metric_begin(file, figure->name, figure->kind, figure->help);
    const struct upstream *upstream =
        upstream_first(snapshot_get(sources->snapshot, &upstream_part));
    for (; upstream; upstream = upstream->next) {
        const struct upstream *now = upstream_now(upstream);
        for (uint32_t i = 0; i < now->count; i++) {
            struct server *server = now->members[i].server;
            if (!map_get(&seen, server->key) && map_set(&seen, server->key, server))
                print_figure(file, figure, "server", server->key, server);
        }
    }
    map_fini(&seen);
}

/* ---- upstreams */

#define UPSTREAM(field, name, kind, help) FIGURE(struct commons, field, name, kind, help)

static const struct figure upstream_figures[] = {
    UPSTREAM(retries, "weir_upstream_retries_total", METRIC_COUNTER,
             "Attempts at requests behind the first one."),
    UPSTREAM(retries_refused, "weir_upstream_retries_refused_total", METRIC_COUNTER,
             "Attempts that were not made since retry.budget was used up."),
    UPSTREAM(hedges, "weir_upstream_hedges_total", METRIC_COUNTER,
             "Second servers that were asked as well, since the first took its time."),
    UPSTREAM(hedges_won, "weir_upstream_hedges_won_total", METRIC_COUNTER,
             "Those of them whose answer was taken."),
    UPSTREAM(hedges_refused, "weir_upstream_hedges_refused_total", METRIC_COUNTER,
             "Second servers that were not asked since retry.budget was used up."),
    UPSTREAM(breaker.opened, "weir_circuit_openings_total", METRIC_COUNTER,
             "How often the circuit opened."),
    UPSTREAM(breaker.refused, "weir_circuit_refusals_total", METRIC_COUNTER,
             "Calls that the circuit breaker did not let through."),
    UPSTREAM(breaker.connections, "weir_upstream_connections", METRIC_GAUGE,
             "Connections to its servers that were opened for the upstream and are open."),
    UPSTREAM(mirrors.done, "weir_mirrors_answered_total", METRIC_COUNTER,
             "Copies of requests that the upstream answered."),
    UPSTREAM(mirrors.failed, "weir_mirrors_failed_total", METRIC_COUNTER,
             "Copies of requests that it did not answer, or not in time."),
    UPSTREAM(mirrors.dropped, "weir_mirrors_dropped_total", METRIC_COUNTER,
             "Requests that were not copied to it, as a limit of the mirror says."),
    UPSTREAM(waiting, "weir_queue_length", METRIC_GAUGE,
             "Calls that wait for a place at a server."),
    UPSTREAM(queue_overflows.value, "weir_queue_overflows_total", METRIC_COUNTER,
             "Calls that found the queue full."),
    UPSTREAM(queue_timeouts.value, "weir_queue_timeouts_total", METRIC_COUNTER,
             "Calls that waited for queue.timeout in vain."),
};

/* Each once: of lists in `proxy` several may be the same. */
static void print_upstreams(FILE *file, const struct metrics_sources *sources,
                            const struct figure *figure)
{
    struct map seen;
    map_init(&seen);
    metric_begin(file, figure->name, figure->kind, figure->help);
    const struct upstream *upstream =
        upstream_first(snapshot_get(sources->snapshot, &upstream_part));
    for (; upstream; upstream = upstream->next) {
        if (!map_get(&seen, upstream->name) && map_set(&seen, upstream->name, upstream->commons))
            print_figure(file, figure, "upstream", upstream->name, upstream->commons);
    }
    map_fini(&seen);
}

static void print_queue_times(FILE *file, const struct commons *commons, struct slice name)
{
    char *labels = NULL;
    size_t length = 0;
    FILE *text = open_memstream(&labels, &length);
    if (!text)
        return;
    metric_label(text, "upstream", name);
    if (fclose(text) == 0)
        metric_histogram(file, "weir_queue_seconds", labels, &commons->queue_milliseconds, 1000);
    free(labels);
}

/* Only of upstreams that have one: names are unique among them but for lists in `proxy`, which are
 * told once. */
static void print_all_queue_times(FILE *file, const struct metrics_sources *sources)
{
    struct map seen;
    map_init(&seen);
    metric_begin(file, "weir_queue_seconds", METRIC_HISTOGRAM,
                 "How long calls waited for a place at a server, also in vain.");
    const struct upstream *upstream =
        upstream_first(snapshot_get(sources->snapshot, &upstream_part));
    for (; upstream; upstream = upstream->next) {
        if (upstream->queue && !map_get(&seen, upstream->name) &&
            map_set(&seen, upstream->name, upstream->commons))
            print_queue_times(file, upstream->commons, upstream->name);
    }
    map_fini(&seen);
}

/* ---- servers in their upstreams */

/* A line or more for one of them. */
typedef void member_printer(FILE *file, const char *name, const struct upstream *upstream,
                            const struct upstream_member *member);

static void print_member_labels(FILE *file, const char *name, const struct upstream *upstream,
                                const struct upstream_member *member)
{
    (void)fprintf(file, "%s{", name);
    metric_label(file, "upstream", upstream->name);
    (void)fputc(',', file);
    metric_label(file, "server", member->server->key);
}

static void print_is_up(FILE *file, const char *name, const struct upstream *upstream,
                        const struct upstream_member *member)
{
    print_member_labels(file, name, upstream, member);
    (void)fprintf(file, "} %d\n", member_state(member, sys_monotonic_ms()) == MEMBER_UP);
}

static void print_probes(FILE *file, const char *name, const struct upstream *upstream,
                         const struct upstream_member *member)
{
    if (!health_is_checked(upstream->health))
        return;
    print_member_labels(file, name, upstream, member);
    (void)fprintf(file, ",outcome=\"passed\"} %" PRIu64 "\n", member->standing->passed);
    print_member_labels(file, name, upstream, member);
    (void)fprintf(file, ",outcome=\"failed\"} %" PRIu64 "\n", member->standing->failed);
}

/* Each once, though upstreams without a name may have the same ones. */
static void print_members(FILE *file, const struct metrics_sources *sources, const char *name,
                          enum metric_kind kind, const char *help, member_printer *print)
{
    struct map seen;
    map_init(&seen);
    metric_begin(file, name, kind, help);
    const struct upstream *upstream =
        upstream_first(snapshot_get(sources->snapshot, &upstream_part));
    for (; upstream; upstream = upstream->next) {
        const struct upstream *now = upstream_now(upstream);
        for (uint32_t i = 0; i < now->count; i++) {
            const struct upstream_member *member = &now->members[i];
            struct slice key = slice_of((const char *)&member->standing, sizeof(member->standing));
            if (!map_get(&seen, key) && map_set(&seen, key, member->standing))
                print(file, name, now, member);
        }
    }
    map_fini(&seen);
}

/* ---- what upstreams are */

static bool is_open(const struct upstream *upstream)
{
    return upstream->breaker && breaker_is_open(&upstream->commons->breaker, upstream->breaker);
}

/* Each once, as in print_upstreams. */
static void print_flags(FILE *file, const struct metrics_sources *sources, const char *name,
                        const char *help, bool (*is_set)(const struct upstream *upstream))
{
    struct map seen;
    map_init(&seen);
    metric_begin(file, name, METRIC_GAUGE, help);
    const struct upstream *upstream =
        upstream_first(snapshot_get(sources->snapshot, &upstream_part));
    for (; upstream; upstream = upstream->next) {
        if (map_get(&seen, upstream->name) || !map_set(&seen, upstream->name, upstream->commons))
            continue;
        (void)fprintf(file, "%s{", name);
        metric_label(file, "upstream", upstream->name);
        (void)fprintf(file, "} %d\n", is_set(upstream));
    }
    map_fini(&seen);
}

void metrics_print_upstreams(FILE *file, const struct metrics_sources *sources)
{
    for (size_t i = 0; i < sizeof(upstream_figures) / sizeof(upstream_figures[0]); i++)
        print_upstreams(file, sources, &upstream_figures[i]);
    print_all_queue_times(file, sources);
    for (size_t i = 0; i < sizeof(server_figures) / sizeof(server_figures[0]); i++)
        print_servers(file, sources, &server_figures[i]);
    print_members(file, sources, "weir_server_up", METRIC_GAUGE,
                  "Whether the server may be chosen: neither down, drained, disabled nor resting.",
                  print_is_up);
    print_members(file, sources, "weir_health_checks_total", METRIC_COUNTER,
                  "How often the server was asked whether it works, by outcome.", print_probes);
    print_flags(file, sources, "weir_upstream_panics",
                "Whether too few servers are up, so that those that are down are asked as well.",
                upstream_panics);
    print_flags(file, sources, "weir_circuit_open",
                "Whether the upstream is left alone since too many of its calls failed.", is_open);
}
