#include "control/metric_text.h"

#include <inttypes.h>

void metric_begin(FILE *file, const char *name, enum metric_kind kind, const char *help)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    (void)fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kinds[kind]);
}

void metric_label(FILE *file, const char *name, struct slice value)
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

void metric_single(FILE *file, const char *name, enum metric_kind kind, const char *help,
                   uint64_t value)
{
    metric_begin(file, name, kind, help);
    (void)fprintf(file, "%s %" PRIu64 "\n", name, value);
}

void metric_histogram(FILE *file, const char *name, const char *labels, const struct histogram *sum,
                      unsigned unit)
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
