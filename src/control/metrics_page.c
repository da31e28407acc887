#include "control/metrics_page.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/map.h"
#include "exchange/plan.h"
#include "sys/clock.h"
#include "upstream/commons.h"
#include "upstream/health_settings.h"
#include "upstream/member.h"

#include <inttypes.h>
#include <stdlib.h>

const char metrics_page_type[] = "text/plain; version=0.0.4; charset=utf-8";

enum kind { COUNTER, GAUGE, HISTOGRAM };

/* ---- lines */

static void begin(FILE *file, const char *name, enum kind kind, const char *help)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    (void)fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kinds[kind]);
}

/* A label with its value: backslash, quotation mark and line feed are escaped, and what is no
 * printable ASCII is written as \xHH, so that no name from a file can break a line or be obeyed. */
static void print_label(FILE *file, const char *name, struct slice value)
{
    (void)fprintf(file, "%s=\"", name);
    for (size_t i = 0; i < value.length; i++) {
        unsigned char byte = (unsigned char)value.data[i];
        if (byte == '"' || byte == '\\')
            (void)fprintf(file, "\\%c", byte);
        else if (byte < ' ' || byte > '~')
            (void)fprintf(file, "\\\\x%02X", byte);
        else
            (void)fputc(byte, file);
    }
    (void)fputc('"', file);
}

static void print_single(FILE *file, const char *name, enum kind kind, const char *help,
                         uint64_t value)
{
    begin(file, name, kind, help);
    (void)fprintf(file, "%s %" PRIu64 "\n", name, value);
}

/* `unit` is what one second has of the histogram's times. */
static void print_histogram(FILE *file, const char *name, const char *labels,
                            const struct histogram *sum, unsigned unit)
{
    uint64_t count = 0;
    const char *comma = *labels ? "," : "";
    for (unsigned i = 0; i < HISTOGRAM_LIMITS; i++) {
        count += counter_read(&sum->classes[i]);
        (void)fprintf(file, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", name, labels, comma,
                      (double)histogram_limits[i] / unit, count);
    }
    count += counter_read(&sum->classes[HISTOGRAM_LIMITS]);
    (void)fprintf(file, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma, count);
    const char *open = *labels ? "{" : "", *close = *labels ? "}" : "";
    (void)fprintf(file, "%s_sum%s%s%s %.6f\n", name, open, labels, close,
                  (double)counter_read(&sum->sum) / unit);
    (void)fprintf(file, "%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, count);
}

static void add_histogram(struct histogram *sum, const struct histogram *part)
{
    for (unsigned i = 0; i <= HISTOGRAM_LIMITS; i++)
        counter_add(&sum->classes[i], counter_read(&part->classes[i]));
    counter_add(&sum->sum, counter_read(&part->sum));
}

/* ---- routes */

/* Over all loops. */
static struct route_counts sum_of(const struct route_metrics *metrics, unsigned loops)
{
    struct route_counts sum = {0};
    for (unsigned i = 0; i < loops; i++) {
        const struct route_counts *part = &metrics->counts[i];
        for (unsigned j = 0; j < METRICS_STATUS_CLASSES; j++)
            counter_add(&sum.statuses[j], counter_read(&part->statuses[j]));
        counter_add(&sum.bytes_in, counter_read(&part->bytes_in));
        counter_add(&sum.bytes_out, counter_read(&part->bytes_out));
        add_histogram(&sum.milliseconds, &part->milliseconds);
    }
    return sum;
}

static bool is_used(const struct route_counts *sum)
{
    for (unsigned i = 0; i < METRICS_STATUS_CLASSES; i++) {
        if (counter_read(&sum->statuses[i]) > 0)
            return true;
    }
    return false;
}

static void print_route_labels(FILE *file, const struct route_metrics *metrics)
{
    print_label(file, "site", metrics->site);
    (void)fputc(',', file);
    print_label(file, "route", metrics->route);
    (void)fputc(',', file);
    print_label(file, "upstream", metrics->upstream);
}

/* One family of metrics: a line or more for each route that was used. */
typedef void route_printer(FILE *file, const struct route_metrics *metrics,
                           const struct route_counts *sum);

static void print_statuses(FILE *file, const struct route_metrics *metrics,
                           const struct route_counts *sum)
{
    for (unsigned i = 0; i < METRICS_STATUS_CLASSES; i++) {
        uint64_t count = counter_read(&sum->statuses[i]);
        if (count == 0)
            continue;
        (void)fputs("weir_exchanges_total{", file);
        print_route_labels(file, metrics);
        if (i == 0)
            (void)fprintf(file, ",status=\"none\"} %" PRIu64 "\n", count);
        else
            (void)fprintf(file, ",status=\"%uxx\"} %" PRIu64 "\n", i, count);
    }
}

static void print_bytes_in(FILE *file, const struct route_metrics *metrics,
                           const struct route_counts *sum)
{
    (void)fputs("weir_request_body_bytes_total{", file);
    print_route_labels(file, metrics);
    (void)fprintf(file, "} %" PRIu64 "\n", counter_read(&sum->bytes_in));
}

static void print_bytes_out(FILE *file, const struct route_metrics *metrics,
                            const struct route_counts *sum)
{
    (void)fputs("weir_response_body_bytes_total{", file);
    print_route_labels(file, metrics);
    (void)fprintf(file, "} %" PRIu64 "\n", counter_read(&sum->bytes_out));
}

static void print_durations(FILE *file, const struct route_metrics *metrics,
                            const struct route_counts *sum)
{
    char *labels = NULL;
    size_t length = 0;
    FILE *text = open_memstream(&labels, &length);
    if (!text)
        return;
    print_route_labels(text, metrics);
    if (fclose(text) == 0)
        print_histogram(file, "weir_exchange_duration_seconds", labels, &sum->milliseconds, 1000);
    free(labels);
}

static void print_routes(FILE *file, const struct metrics_sources *sources)
{
    static const struct {
        const char *name;
        enum kind kind;
        const char *help;
        route_printer *print;
    } families[] = {
        {"weir_exchanges_total", COUNTER, "Exchanges that have ended, by class of status.",
         print_statuses},
        {"weir_request_body_bytes_total", COUNTER, "Bytes of request bodies.", print_bytes_in},
        {"weir_response_body_bytes_total", COUNTER, "Bytes of response bodies.", print_bytes_out},
        {"weir_exchange_duration_seconds", HISTOGRAM,
         "From the head of the request to the end of the response.", print_durations},
    };
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        begin(file, families[i].name, families[i].kind, families[i].help);
        const struct route_metrics *metrics = metrics_first(sources->routes);
        for (; metrics; metrics = metrics->next) {
            struct route_counts sum = sum_of(metrics, metrics_loops(sources->routes));
            if (is_used(&sum))
                families[i].print(file, metrics, &sum);
        }
    }
}

/* ---- loops */

static uint64_t sum_over(const struct metrics_sources *sources, size_t offset)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < sources->loop_count; i++) {
        const char *counts = (const char *)sources->loops[i];
        sum += counter_read((const struct counter *)(const void *)(counts + offset));
    }
    return sum;
}

#define SUM(field) sum_over(sources, offsetof(struct loop_counts, field))

static void print_errors(FILE *file, const struct metrics_sources *sources)
{
    static const char *const sides[] = {[ERROR_SIDE_SELF] = "self",
                                        [ERROR_SIDE_CLIENT] = "client",
                                        [ERROR_SIDE_UPSTREAM] = "upstream"};
    begin(file, "weir_errors_total", COUNTER, "Exchanges that failed, by cause and whose fault.");
    for (unsigned code = ERROR_NONE + 1; code < ERROR_COUNT; code++) {
        uint64_t count =
            sum_over(sources, offsetof(struct loop_counts, errors) + code * sizeof(struct counter));
        if (count == 0)
            continue;
        (void)fputs("weir_errors_total{error=\"", file);
        for (const char *at = error_name((enum error_code)code); *at; at++)
            (void)fputc(ascii_lower(*at), file);
        (void)fprintf(file, "\",side=\"%s\"} %" PRIu64 "\n",
                      sides[error_side((enum error_code)code)], count);
    }
}

static void print_stickings(FILE *file, const struct metrics_sources *sources)
{
    begin(file, "weir_sticky_total", COUNTER,
          "Answers of servers to which clients stick, by what became of that.");
    for (unsigned i = 0; i < STICKING_COUNT; i++)
        (void)fprintf(file, "weir_sticky_total{outcome=\"%s\"} %" PRIu64 "\n", sticking_words[i],
                      sum_over(sources, offsetof(struct loop_counts, stickings) +
                                            i * sizeof(struct counter)));
}

static void print_grpc(FILE *file, const struct metrics_sources *sources)
{
    begin(file, "weir_grpc_responses_total", COUNTER, "Exchanges of gRPC, by their status.");
    for (unsigned code = 0; code <= GRPC_NO_CODE; code++) {
        uint64_t count = sum_over(sources, offsetof(struct loop_counts, grpc_statuses) +
                                               code * sizeof(struct counter));
        if (count > 0 && code == GRPC_NO_CODE)
            (void)fprintf(file, "weir_grpc_responses_total{status=\"none\"} %" PRIu64 "\n", count);
        else if (count > 0)
            (void)fprintf(file, "weir_grpc_responses_total{status=\"%u\"} %" PRIu64 "\n", code,
                          count);
    }
}

static void print_turns(FILE *file, const struct metrics_sources *sources)
{
    begin(file, "weir_loop_turn_seconds", HISTOGRAM,
          "What one turn of a loop takes; nobody else is served meanwhile.");
    for (unsigned i = 0; i < sources->loop_count; i++) {
        char labels[32];
        (void)snprintf(labels, sizeof(labels), "loop=\"%u\"", i);
        print_histogram(file, "weir_loop_turn_seconds", labels,
                        &sources->loops[i]->turn_microseconds, 1000000);
    }
}

static void print_memory(FILE *file, const struct metrics_sources *sources)
{
    static const char *const kinds[MEMORY_KIND_COUNT] = {
        [MEMORY_BUFFERS] = "buffers",     [MEMORY_HTTP2] = "http2",
        [MEMORY_EXCHANGES] = "exchanges", [MEMORY_CLIENTS] = "clients",
        [MEMORY_SERVERS] = "servers",     [MEMORY_TUNNELS] = "tunnels"};
    begin(file, "weir_memory_bytes", GAUGE,
          "Memory of the loops, by what it is for: used, or kept for the next one.");
    for (unsigned kind = 0; kind < MEMORY_KIND_COUNT; kind++) {
        uint64_t used = 0, spare = 0;
        for (unsigned i = 0; i < sources->loop_count; i++) {
            used += gauge_read(&sources->gauges[i]->bytes_used[kind]);
            spare += gauge_read(&sources->gauges[i]->bytes_spare[kind]);
        }
        (void)fprintf(file,
                      "weir_memory_bytes{kind=\"%s\",state=\"used\"} %" PRIu64
                      "\nweir_memory_bytes{kind=\"%s\",state=\"spare\"} %" PRIu64 "\n",
                      kinds[kind], used, kinds[kind], spare);
    }
}

static void print_queues(FILE *file, const struct metrics_sources *sources)
{
    begin(file, "weir_loop_messages", GAUGE, "Messages of other threads that waited for the loop.");
    for (unsigned i = 0; i < sources->loop_count; i++)
        (void)fprintf(file, "weir_loop_messages{loop=\"%u\"} %" PRIu64 "\n", i,
                      gauge_read(&sources->gauges[i]->messages));
    begin(file, "weir_loop_tasks", GAUGE, "Work that the loop had put off to the end of its turn.");
    for (unsigned i = 0; i < sources->loop_count; i++)
        (void)fprintf(file, "weir_loop_tasks{loop=\"%u\"} %" PRIu64 "\n", i,
                      gauge_read(&sources->gauges[i]->tasks));
    begin(file, "weir_loop_delay_seconds", GAUGE, "How long the loop took to come to a message.");
    for (unsigned i = 0; i < sources->loop_count; i++)
        (void)fprintf(file, "weir_loop_delay_seconds{loop=\"%u\"} %.6f\n", i,
                      (double)sources->delays[i] / 1000000);
}

static void print_accept_queue(FILE *file, const char *name, const struct address *address,
                               uint64_t value)
{
    char memory[ADDRESS_TEXT_MAX];
    struct text text = text_over(memory, sizeof(memory));
    address_print(&text, address);
    (void)fprintf(file, "%s{", name);
    print_label(file, "listener", text_slice(&text));
    (void)fprintf(file, "} %" PRIu64 "\n", value);
}

static void print_accept_queues(FILE *file, const struct metrics_sources *sources)
{
    begin(file, "weir_accept_queue", GAUGE, "Connections that wait to be accepted.");
    for (unsigned i = 0; i < sources->accept_queue_count; i++)
        print_accept_queue(file, "weir_accept_queue", &sources->accept_queues[i].address,
                           sources->accept_queues[i].waiting);
    begin(file, "weir_accept_queue_limit", GAUGE, "Connections that may wait to be accepted.");
    for (unsigned i = 0; i < sources->accept_queue_count; i++)
        print_accept_queue(file, "weir_accept_queue_limit", &sources->accept_queues[i].address,
                           sources->accept_queues[i].limit);
}

static void print_loops(FILE *file, const struct metrics_sources *sources)
{
    print_single(file, "weir_client_connections", GAUGE, "Connections of clients that are open.",
                 sources->connections);
    print_single(file, "weir_client_connections_total", COUNTER, "Connections that were accepted.",
                 SUM(connections_accepted));
    print_single(file, "weir_client_connections_refused_total", COUNTER,
                 "Connections above a limit, answered with 503.", SUM(connections_refused));
    /* What has ended is read first, so that no exchange is counted as running that is not. */
    uint64_t ended = SUM(exchanges_ended), tunnels_ended = SUM(tunnels_ended);
    print_single(file, "weir_exchanges_running", GAUGE, "Exchanges that have not ended.",
                 SUM(exchanges_begun) - ended);
    print_single(file, "weir_tunnels", GAUGE,
                 "Tunnels (WebSockets and other upgrades) that are open.",
                 SUM(tunnels_begun) - tunnels_ended);
    print_single(file, "weir_tunnels_total", COUNTER, "Tunnels that were opened.",
                 SUM(tunnels_begun));
    print_errors(file, sources);
    print_stickings(file, sources);
    print_grpc(file, sources);
    print_turns(file, sources);
    print_memory(file, sources);
    print_queues(file, sources);
    print_accept_queues(file, sources);
    print_single(file, "weir_loop_hangs_total", COUNTER, "Loops that did not turn for 5 seconds.",
                 sources->hangs);
}

/* ---- HTTP/2 */

static void print_h2(FILE *file, const struct metrics_sources *sources)
{
    print_single(file, "weir_h2_connections_total", COUNTER,
                 "Connections of clients that spoke HTTP/2.", SUM(h2_connections));
    print_single(file, "weir_h2_floods_total", COUNTER,
                 "Connections of HTTP/2 that were closed because of a flood.", SUM(h2_floods));
    print_single(file, "weir_h2_malformed_requests_total", COUNTER,
                 "Requests of HTTP/2 that were malformed and therefore reset.", SUM(h2_malformed));
}

/* ---- TLS */

static void print_handshakes(FILE *file, const struct metrics_sources *sources)
{
    uint64_t resumed = SUM(tls_resumed), all = SUM(tls_handshakes);
    begin(file, "weir_tls_handshakes_total", COUNTER,
          "Handshakes of TLS with clients that succeeded, anew or resumed by a ticket.");
    (void)fprintf(file,
                  "weir_tls_handshakes_total{kind=\"full\"} %" PRIu64
                  "\nweir_tls_handshakes_total{kind=\"resumed\"} %" PRIu64 "\n",
                  all - resumed, resumed);
    begin(file, "weir_tls_failures_total", COUNTER, "Handshakes that failed, by cause.");
    for (unsigned i = TLS_FAILURE_NONE + 1; i < TLS_FAILURE_COUNT; i++) {
        (void)fputs("weir_tls_failures_total{cause=\"", file);
        for (const char *at = tls_failure_name((enum tls_failure)i); *at; at++)
            (void)fputc(ascii_lower(*at), file);
        (void)fprintf(file, "\"} %" PRIu64 "\n",
                      sum_over(sources, offsetof(struct loop_counts, tls_failures) +
                                            i * sizeof(struct counter)));
    }
}

static void print_certificates(FILE *file, const struct metrics_sources *sources)
{
    const struct plans *plans = snapshot_get(sources->snapshot, &plan_part);
    begin(file, "weir_certificate_expiry_timestamp_seconds", GAUGE,
          "When a certificate that is served expires, in seconds since 1970.");
    const struct served_certificate *served = plans->served_certificates;
    struct map seen;
    map_init(&seen);
    for (; served; served = served->next) {
        if (map_get(&seen, served->key) || !map_set(&seen, served->key, file))
            continue;
        (void)fputs("weir_certificate_expiry_timestamp_seconds{", file);
        print_label(file, "site", served->site);
        (void)fprintf(file, ",key=\"%s\"} %" PRId64 "\n", served->key_kind, served->ends);
    }
    map_fini(&seen);
}

static void print_tls(FILE *file, const struct metrics_sources *sources)
{
    print_handshakes(file, sources);
    print_certificates(file, sources);
}

/* ---- what servers and upstreams count */

/* What stands in a struct and is told as it is. */
struct figure {
    const char *name;
    enum kind kind;
    const char *help;
    size_t offset;
    size_t size;
};

#define FIGURE(type, field, name, kind, help)                                                      \
    {                                                                                              \
        name, kind, help, offsetof(type, field), sizeof(((const type *)NULL)->field)               \
    }

static uint64_t read_figure(const void *counts, const struct figure *figure)
{
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
    print_label(file, label, value);
    (void)fprintf(file, "} %" PRIu64 "\n", read_figure(counts, figure));
}

/* ---- servers */

#define SERVER(field, name, kind, help) FIGURE(struct server, field, name, kind, help)

static const struct figure server_figures[] = {
    SERVER(connections, "weir_server_connections_total", COUNTER,
           "Connections that were opened to the server, or tried to be."),
    SERVER(lent, "weir_server_uses_total", COUNTER,
           "How often a connection to the server served a call, a new one or one kept."),
    SERVER(failed, "weir_server_failures_total", COUNTER,
           "How often the server could not be reached."),
    SERVER(ejected, "weir_server_ejections_total", COUNTER,
           "How often the server rested since it failed again and again, or too often."),
    SERVER(active, "weir_server_active", GAUGE,
           "Connections to the server that serve a call or a tunnel."),
    SERVER(idle, "weir_server_idle", GAUGE, "Connections to the server that are kept."),
    SERVER(tls_handshakes, "weir_server_tls_handshakes_total", COUNTER,
           "TLS handshakes with the server that came to their end."),
    SERVER(tls_resumed, "weir_server_tls_resumed_total", COUNTER,
           "Those among them that took an earlier connection up again."),
    SERVER(tls_failures, "weir_server_tls_failures_total", COUNTER,
           "TLS handshakes with the server that failed."),
};

/* Each once, though several upstreams may name it. */
static void print_servers(FILE *file, const struct metrics_sources *sources,
                          const struct figure *figure)
{
    struct map seen;
    map_init(&seen);
    begin(file, figure->name, figure->kind, figure->help);
    const struct upstream *upstream =
        upstream_first(snapshot_get(sources->snapshot, &upstream_part));
    for (; upstream; upstream = upstream->next) {
        for (uint32_t i = 0; i < upstream->count; i++) {
            struct server *server = upstream->members[i].server;
            if (!map_get(&seen, server->key) && map_set(&seen, server->key, server))
                print_figure(file, figure, "server", server->key, server);
        }
    }
    map_fini(&seen);
}

/* ---- upstreams */

#define UPSTREAM(field, name, kind, help) FIGURE(struct commons, field, name, kind, help)

static const struct figure upstream_figures[] = {
    UPSTREAM(retries, "weir_upstream_retries_total", COUNTER,
             "Attempts at requests behind the first one."),
    UPSTREAM(retries_refused, "weir_upstream_retries_refused_total", COUNTER,
             "Attempts that were not made since retry.budget was used up."),
    UPSTREAM(hedges, "weir_upstream_hedges_total", COUNTER,
             "Second servers that were asked as well, since the first took its time."),
    UPSTREAM(hedges_won, "weir_upstream_hedges_won_total", COUNTER,
             "Those of them whose answer was taken."),
    UPSTREAM(hedges_refused, "weir_upstream_hedges_refused_total", COUNTER,
             "Second servers that were not asked since retry.budget was used up."),
    UPSTREAM(breaker.opened, "weir_circuit_openings_total", COUNTER, "How often that began."),
    UPSTREAM(breaker.refused, "weir_circuit_refusals_total", COUNTER,
             "Calls that the circuit breaker did not let through."),
    UPSTREAM(breaker.connections, "weir_upstream_connections", GAUGE,
             "Connections to its servers that were opened for the upstream and are open."),
    UPSTREAM(mirrors.done, "weir_mirrors_answered_total", COUNTER,
             "Copies of requests that the upstream answered."),
    UPSTREAM(mirrors.failed, "weir_mirrors_failed_total", COUNTER,
             "Copies of requests that it did not answer, or not in time."),
    UPSTREAM(mirrors.dropped, "weir_mirrors_dropped_total", COUNTER,
             "Requests that were not copied to it, as a limit of the mirror says."),
    UPSTREAM(waiting, "weir_queue_length", GAUGE, "Calls that wait for a place at a server."),
    UPSTREAM(queue_overflows.value, "weir_queue_overflows_total", COUNTER,
             "Calls that found the queue full."),
    UPSTREAM(queue_timeouts.value, "weir_queue_timeouts_total", COUNTER,
             "Calls that waited for queue.timeout in vain."),
};

/* Each once: of lists in `proxy` several may be the same. */
static void print_upstreams(FILE *file, const struct metrics_sources *sources,
                            const struct figure *figure)
{
    struct map seen;
    map_init(&seen);
    begin(file, figure->name, figure->kind, figure->help);
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
    print_label(text, "upstream", name);
    if (fclose(text) == 0)
        print_histogram(file, "weir_queue_seconds", labels, &commons->queue_milliseconds, 1000);
    free(labels);
}

/* Only of upstreams that have one: names are unique among them but for lists in `proxy`, which are
 * told once. */
static void print_all_queue_times(FILE *file, const struct metrics_sources *sources)
{
    struct map seen;
    map_init(&seen);
    begin(file, "weir_queue_seconds", HISTOGRAM,
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
    print_label(file, "upstream", upstream->name);
    (void)fputc(',', file);
    print_label(file, "server", member->server->key);
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
                          enum kind kind, const char *help, member_printer *print)
{
    struct map seen;
    map_init(&seen);
    begin(file, name, kind, help);
    const struct upstream *upstream =
        upstream_first(snapshot_get(sources->snapshot, &upstream_part));
    for (; upstream; upstream = upstream->next) {
        for (uint32_t i = 0; i < upstream->count; i++) {
            const struct upstream_member *member = &upstream->members[i];
            struct slice key = slice_of((const char *)&member->standing, sizeof(member->standing));
            if (!map_get(&seen, key) && map_set(&seen, key, member->standing))
                print(file, name, upstream, member);
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
    begin(file, name, GAUGE, help);
    const struct upstream *upstream =
        upstream_first(snapshot_get(sources->snapshot, &upstream_part));
    for (; upstream; upstream = upstream->next) {
        if (map_get(&seen, upstream->name) || !map_set(&seen, upstream->name, upstream->commons))
            continue;
        (void)fprintf(file, "%s{", name);
        print_label(file, "upstream", upstream->name);
        (void)fprintf(file, "} %d\n", is_set(upstream));
    }
    map_fini(&seen);
}

static void print_upstream_side(FILE *file, const struct metrics_sources *sources)
{
    for (size_t i = 0; i < sizeof(upstream_figures) / sizeof(upstream_figures[0]); i++)
        print_upstreams(file, sources, &upstream_figures[i]);
    print_all_queue_times(file, sources);
    for (size_t i = 0; i < sizeof(server_figures) / sizeof(server_figures[0]); i++)
        print_servers(file, sources, &server_figures[i]);
    print_members(file, sources, "weir_server_up", GAUGE,
                  "Whether the server may be chosen: neither down, drained, disabled nor resting.",
                  print_is_up);
    print_members(file, sources, "weir_health_checks_total", COUNTER,
                  "How often the server was asked whether it works, by outcome.", print_probes);
    print_flags(file, sources, "weir_upstream_panics",
                "Whether too few servers are up, so that those that are down are asked as well.",
                upstream_panics);
    print_flags(file, sources, "weir_circuit_open",
                "Whether the upstream is left alone since too many of its calls failed.", is_open);
}

/* ---- the process */

static void print_process(FILE *file, const struct metrics_sources *sources)
{
    begin(file, "weir_info", GAUGE, "The version of Weir.");
    (void)fprintf(file, "weir_info{version=\"%s\"} 1\n", WEIR_VERSION);
    begin(file, "weir_reloads_total", COUNTER, "Reloads of the configuration, by outcome.");
    (void)fprintf(file,
                  "weir_reloads_total{outcome=\"done\"} %" PRIu64
                  "\nweir_reloads_total{outcome=\"refused\"} %" PRIu64 "\n",
                  sources->reloads_done, sources->reloads_refused);
    print_single(file, "weir_reload_time_seconds", GAUGE,
                 "When the configuration was last loaded or refused; 0 for never since the start.",
                 (uint64_t)sources->reloaded);
    print_single(file, "weir_start_time_seconds", GAUGE, "When this process started.",
                 (uint64_t)sources->started);
    print_single(file, "weir_log_lines_lost_total", COUNTER,
                 "Lines of logs that were dropped or could not be written.",
                 sources->log_lines_lost);
    print_single(file, "weir_log_waiting_bytes", GAUGE, "Lines of logs that wait to be written.",
                 sources->log_waiting_bytes);
    print_single(file, "weir_snapshots", GAUGE,
                 "Configurations in memory: the current one, and older ones that are still used.",
                 sources->snapshots);
    print_single(file, "weir_servers", GAUGE,
                 "Servers that are known: those of the configurations in memory, and older ones "
                 "to which there are still connections.",
                 sources->servers);
    print_single(file, "weir_resident_memory_bytes", GAUGE, "Memory of the process.",
                 sources->resident_bytes);
    print_single(file, "weir_open_descriptors", GAUGE, "Descriptors of the process.",
                 sources->descriptors);
    print_single(file, "weir_threads", GAUGE, "Threads of the process.", sources->threads);
}

void metrics_page_print(FILE *file, const struct metrics_sources *sources)
{
    print_routes(file, sources);
    print_loops(file, sources);
    print_h2(file, sources);
    print_tls(file, sources);
    print_upstream_side(file, sources);
    print_process(file, sources);
}
