/* What routes count: a line or more for each that was used. */
#include "control/metrics_page_int.h"

#include <inttypes.h>
#include <stdlib.h>

static void add_histogram(struct histogram *sum, const struct histogram *part)
{
    for (unsigned i = 0; i <= HISTOGRAM_LIMITS; i++)
        counter_add(&sum->classes[i], counter_read(&part->classes[i]));
    counter_add(&sum->sum, counter_read(&part->sum));
}

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
    metric_label(file, "site", metrics->site);
    (void)fputc(',', file);
    metric_label(file, "route", metrics->route);
    (void)fputc(',', file);
    metric_label(file, "upstream", metrics->upstream);
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
        metric_histogram(file, "weir_exchange_duration_seconds", labels, &sum->milliseconds, 1000);
    free(labels);
}

void metrics_print_routes(FILE *file, const struct metrics_sources *sources)
{
    static const struct {
        const char *name;
        enum metric_kind kind;
        const char *help;
        route_printer *print;
    } families[] = {
        {"weir_exchanges_total", METRIC_COUNTER, "Exchanges that have ended, by class of status.",
         print_statuses},
        {"weir_request_body_bytes_total", METRIC_COUNTER, "Bytes of request bodies.",
         print_bytes_in},
        {"weir_response_body_bytes_total", METRIC_COUNTER, "Bytes of response bodies.",
         print_bytes_out},
        {"weir_exchange_duration_seconds", METRIC_HISTOGRAM,
         "From the head of the request to the end of the response.", print_durations},
    };
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        metric_begin(file, families[i].name, families[i].kind, families[i].help);
        const struct route_metrics *metrics = metrics_first(sources->routes);
        for (; metrics; metrics = metrics->next) {
            struct route_counts sum = sum_of(metrics, metrics_loops(sources->routes));
            if (is_used(&sum))
                families[i].print(file, metrics, &sum);
        }
    }
}
