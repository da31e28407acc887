/* The lines of the text format of Prometheus. */
#pragma once

#include "base/slice.h"
#include "obs/counter.h"

#include <stdio.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* What stands before the lines of a metric. */
void metric_begin(FILE *file, const char *name, enum metric_kind kind, const char *help);

/* A label with its value: backslash, quotation mark and line feed are escaped, and what is no
 * printable ASCII is written as \xHH, so that no name from a file can break a line or be obeyed. */
void metric_label(FILE *file, const char *name, struct slice value);

/* All of a metric that has one line. */
void metric_single(FILE *file, const char *name, enum metric_kind kind, const char *help,
                   uint64_t value);

/* The lines of one histogram, whose `labels` are printed already. `unit` is what one second has of
 * its times. */
void metric_histogram(FILE *file, const char *name, const char *labels, const struct histogram *sum,
                      unsigned unit);
