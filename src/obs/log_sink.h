/* Where finished lines go: the access log, the error log. Floors that write lines know only this;
 * what stands behind it is control/log_writer.h. */
#pragma once

#include "base/slice.h"

/* How much a line matters, to who sorts lines by that (RFC 5424, 6.2.1, whose numbers they are). */
enum log_severity {
    LOG_SEVERITY_ERROR = 3,
    LOG_SEVERITY_WARNING = 4,
    LOG_SEVERITY_NOTICE = 5,
    LOG_SEVERITY_INFORMATION = 6,
    LOG_SEVERITY_DEBUG = 7
};

struct log_sink {
    /* Takes a line with its line feed, whole or not at all. Copies it and never waits for whoever
     * reads it. Any thread. */
    void (*write)(struct log_sink *sink, enum log_severity severity, struct slice line);
};

static inline void log_sink_write(struct log_sink *sink, enum log_severity severity,
                                  struct slice line)
{
    sink->write(sink, severity, line);
}

/* Sinks by name. The same name gives the same sink, which outlives the snapshots that name it. */
struct log_sinks {
    /* A file's path (relative to where the process was started), `stdout`, `stderr` or a syslog
     * (obs/syslog.h). NULL:
     * `*ret_problem` says why, in static words. */
    struct log_sink *(*open)(struct log_sinks *sinks, struct slice name, const char **ret_problem);
    /* Once for each open. Lines that another thread still writes are lost. */
    void (*close)(struct log_sinks *sinks, struct log_sink *sink);
};
