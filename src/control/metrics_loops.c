/* What loops count and are: clients, exchanges, errors, memory, queues. */
#include "base/error.h"
#include "control/metrics_page_int.h"

#include <inttypes.h>

uint64_t metrics_sum(const struct metrics_sources *sources, size_t offset)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < sources->loop_count; i++) {
        const char *counts = (const char *)sources->loops[i];
        sum += counter_read((const struct counter *)(const void *)(counts + offset));
    }
    return sum;
}

static void print_limited(FILE *file, const struct metrics_sources *sources, const char *metric,
                          enum client_limit first, enum client_limit end)
{
    static const char *const settings[CLIENT_LIMIT_COUNT] = {
        [CLIENT_LIMIT_CONNECTIONS] = "connections",
        [CLIENT_LIMIT_CONNECTIONS_PER_CLIENT] = "connections_per_client",
        [CLIENT_LIMIT_REQUEST_HEADER] = "request_header",
        [CLIENT_LIMIT_KEEP_ALIVE] = "keep_alive",
        [CLIENT_LIMIT_REQUESTS_PER_CONNECTION] = "requests_per_connection"};
    for (unsigned limit = first; limit < end; limit++)
        (void)fprintf(file, "%s{limit=\"%s\"} %" PRIu64 "\n", metric, settings[limit],
                      metrics_sum(sources, offsetof(struct loop_counts, connections_limited) +
                                               limit * sizeof(struct counter)));
}

static void print_limits(FILE *file, const struct metrics_sources *sources)
{
    static const char refused[] = "weir_client_connections_refused_total";
    static const char closed[] = "weir_client_connections_closed_total";
    metric_begin(file, refused, METRIC_COUNTER,
                 "Connections above a limit, which got 503, or over TLS nothing.");
    print_limited(file, sources, refused, 0, CLIENT_LIMIT_REFUSALS);
    metric_begin(file, closed, METRIC_COUNTER,
                 "Connections that a limit ended between requests, by its setting.");
    print_limited(file, sources, closed, CLIENT_LIMIT_REFUSALS, CLIENT_LIMIT_COUNT);
}

static void print_errors(FILE *file, const struct metrics_sources *sources)
{
    static const char *const sides[] = {[ERROR_SIDE_SELF] = "self",
                                        [ERROR_SIDE_CLIENT] = "client",
                                        [ERROR_SIDE_UPSTREAM] = "upstream"};
    metric_begin(file, "weir_errors_total", METRIC_COUNTER,
                 "Exchanges that failed, by cause and whose fault.");
    for (unsigned code = ERROR_NONE + 1; code < ERROR_COUNT; code++) {
        uint64_t count = metrics_sum(sources, offsetof(struct loop_counts, errors) +
                                                  code * sizeof(struct counter));
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
    metric_begin(file, "weir_sticky_total", METRIC_COUNTER,
                 "Answers of servers to which clients stick, by what became of that.");
    for (unsigned i = 0; i < STICKING_COUNT; i++)
        (void)fprintf(file, "weir_sticky_total{outcome=\"%s\"} %" PRIu64 "\n", sticking_words[i],
                      metrics_sum(sources, offsetof(struct loop_counts, stickings) +
                                               i * sizeof(struct counter)));
}

static void print_grpc(FILE *file, const struct metrics_sources *sources)
{
    metric_begin(file, "weir_grpc_responses_total", METRIC_COUNTER,
                 "Exchanges of gRPC, by their status.");
    for (unsigned code = 0; code <= GRPC_NO_CODE; code++) {
        uint64_t count = metrics_sum(sources, offsetof(struct loop_counts, grpc_statuses) +
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
    metric_begin(file, "weir_loop_turn_seconds", METRIC_HISTOGRAM,
                 "What one turn of a loop takes; nobody else is served meanwhile.");
    for (unsigned i = 0; i < sources->loop_count; i++) {
        char labels[32];
        (void)snprintf(labels, sizeof(labels), "loop=\"%u\"", i);
        metric_histogram(file, "weir_loop_turn_seconds", labels,
                         &sources->loops[i]->turn_microseconds, 1000000);
    }
}

static void print_memory(FILE *file, const struct metrics_sources *sources)
{
    static const char *const kinds[MEMORY_KIND_COUNT] = {
        [MEMORY_BUFFERS] = "buffers",     [MEMORY_HTTP2] = "http2",
        [MEMORY_EXCHANGES] = "exchanges", [MEMORY_CLIENTS] = "clients",
        [MEMORY_SERVERS] = "servers",     [MEMORY_TUNNELS] = "tunnels"};
    metric_begin(file, "weir_memory_bytes", METRIC_GAUGE,
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
    metric_begin(file, "weir_loop_messages", METRIC_GAUGE,
                 "Messages of other threads that waited for the loop.");
    for (unsigned i = 0; i < sources->loop_count; i++)
        (void)fprintf(file, "weir_loop_messages{loop=\"%u\"} %" PRIu64 "\n", i,
                      gauge_read(&sources->gauges[i]->messages));
    metric_begin(file, "weir_loop_tasks", METRIC_GAUGE,
                 "Work that the loop had put off to the end of its turn.");
    for (unsigned i = 0; i < sources->loop_count; i++)
        (void)fprintf(file, "weir_loop_tasks{loop=\"%u\"} %" PRIu64 "\n", i,
                      gauge_read(&sources->gauges[i]->tasks));
    metric_begin(file, "weir_loop_delay_seconds", METRIC_GAUGE,
                 "How long the loop took to come to a message.");
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
    metric_label(file, "listener", text_slice(&text));
    (void)fprintf(file, "} %" PRIu64 "\n", value);
}

static void print_accept_queues(FILE *file, const struct metrics_sources *sources)
{
    metric_begin(file, "weir_accept_queue", METRIC_GAUGE, "Connections that wait to be accepted.");
    for (unsigned i = 0; i < sources->accept_queue_count; i++)
        print_accept_queue(file, "weir_accept_queue", &sources->accept_queues[i].address,
                           sources->accept_queues[i].waiting);
    metric_begin(file, "weir_accept_queue_limit", METRIC_GAUGE,
                 "Connections that may wait to be accepted.");
    for (unsigned i = 0; i < sources->accept_queue_count; i++)
        print_accept_queue(file, "weir_accept_queue_limit", &sources->accept_queues[i].address,
                           sources->accept_queues[i].limit);
}

void metrics_print_loops(FILE *file, const struct metrics_sources *sources)
{
    metric_single(file, "weir_client_connections", METRIC_GAUGE,
                  "Connections of clients that are open.", sources->connections);
    metric_single(file, "weir_client_connections_total", METRIC_COUNTER,
                  "Connections that were accepted.", METRICS_SUM(connections_accepted));
    print_limits(file, sources);
    /* What has ended is read first, so that no exchange is counted as running that is not. */
    uint64_t ended = METRICS_SUM(exchanges_ended), tunnels_ended = METRICS_SUM(tunnels_ended);
    metric_single(file, "weir_exchanges_running", METRIC_GAUGE, "Exchanges that have not ended.",
                  METRICS_SUM(exchanges_begun) - ended);
    metric_single(file, "weir_tunnels", METRIC_GAUGE,
                  "Tunnels (WebSockets and other upgrades) that are open.",
                  METRICS_SUM(tunnels_begun) - tunnels_ended);
    metric_single(file, "weir_tunnels_total", METRIC_COUNTER, "Tunnels that were opened.",
                  METRICS_SUM(tunnels_begun));
    metric_single(file, "weir_tunnels_silent_total", METRIC_COUNTER,
                  "Tunnels that were closed because nothing went through them for too long.",
                  METRICS_SUM(tunnels_silent));
    print_errors(file, sources);
    print_stickings(file, sources);
    print_grpc(file, sources);
    print_turns(file, sources);
    print_memory(file, sources);
    print_queues(file, sources);
    print_accept_queues(file, sources);
    metric_single(file, "weir_loop_hangs_total", METRIC_COUNTER,
                  "Loops that did not turn for 5 seconds.", sources->hangs);
}
