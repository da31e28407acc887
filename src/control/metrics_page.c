#include "control/metrics_page_int.h"

#include <inttypes.h>

const char metrics_page_type[] = "text/plain; version=0.0.4; charset=utf-8";

static void print_names(FILE *file, const struct metrics_sources *sources)
{
    metric_single(file, "weir_followed_names", METRIC_GAUGE,
                  "Names whose servers come and go with their DNS records.", sources->names);
    metric_single(file, "weir_followed_names_failing", METRIC_GAUGE,
                  "Those of them that could not be looked up, or not wholly, the last time.",
                  sources->names_failing);
    metric_single(file, "weir_name_look_ups_total", METRIC_COUNTER,
                  "Times that such a name was looked up.", sources->look_ups);
    metric_single(file, "weir_name_look_ups_failed_total", METRIC_COUNTER,
                  "The same, without finding all that there is.", sources->look_ups_failed);
}

static void print_process(FILE *file, const struct metrics_sources *sources)
{
    metric_begin(file, "weir_info", METRIC_GAUGE, "The version of Weir.");
    (void)fprintf(file, "weir_info{version=\"%s\"} 1\n", WEIR_VERSION);
    metric_begin(file, "weir_reloads_total", METRIC_COUNTER,
                 "Reloads of the configuration, by outcome.");
    (void)fprintf(file,
                  "weir_reloads_total{outcome=\"done\"} %" PRIu64
                  "\nweir_reloads_total{outcome=\"refused\"} %" PRIu64 "\n",
                  sources->reloads_done, sources->reloads_refused);
    metric_single(file, "weir_reload_time_seconds", METRIC_GAUGE,
                  "When the configuration was last loaded or refused; 0 for never since the start.",
                  (uint64_t)sources->reloaded);
    metric_single(file, "weir_start_time_seconds", METRIC_GAUGE, "When this process started.",
                  (uint64_t)sources->started);
    metric_single(file, "weir_log_lines_lost_total", METRIC_COUNTER,
                  "Lines of logs that were dropped or could not be written.",
                  sources->log_lines_lost);
    metric_single(file, "weir_log_waiting_bytes", METRIC_GAUGE,
                  "Lines of logs that wait to be written.", sources->log_waiting_bytes);
    metric_single(file, "weir_snapshots", METRIC_GAUGE,
                  "Configurations in memory: the current one, and older ones that are still used.",
                  sources->snapshots);
    metric_single(file, "weir_servers", METRIC_GAUGE,
                  "Servers that are known: those of the configurations in memory, and older ones "
                  "to which there are still connections.",
                  sources->servers);
    metric_single(file, "weir_resident_memory_bytes", METRIC_GAUGE, "Memory of the process.",
                  sources->resident_bytes);
    metric_single(file, "weir_open_descriptors", METRIC_GAUGE, "Descriptors of the process.",
                  sources->descriptors);
    metric_single(file, "weir_threads", METRIC_GAUGE, "Threads of the process.", sources->threads);
}

void metrics_page_print(FILE *file, const struct metrics_sources *sources)
{
    metrics_print_routes(file, sources);
    metrics_print_loops(file, sources);
    metrics_print_h2(file, sources);
    metrics_print_tls(file, sources);
    metrics_print_upstreams(file, sources);
    print_names(file, sources);
    print_process(file, sources);
}
