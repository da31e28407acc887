/* The parts of the page of metrics, each in a file of its own. */
#pragma once

#include "control/metric_text.h"
#include "control/metrics_page.h"

void metrics_print_routes(FILE *file, const struct metrics_sources *sources);
void metrics_print_loops(FILE *file, const struct metrics_sources *sources);
void metrics_print_h2(FILE *file, const struct metrics_sources *sources);
void metrics_print_tls(FILE *file, const struct metrics_sources *sources);
void metrics_print_upstreams(FILE *file, const struct metrics_sources *sources);

/* Of the counter at that offset in the counts of each loop. */
uint64_t metrics_sum(const struct metrics_sources *sources, size_t offset);

#define METRICS_SUM(field) metrics_sum(sources, offsetof(struct loop_counts, field))
