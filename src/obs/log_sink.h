/* Where finished lines go: the access log, the error log. Floors that write lines know only this;
 * what stands behind it is control/log_writer.h. */
#pragma once

#include "base/slice.h"

struct log_sink {
    /* Takes a line with its line feed, whole or not at all. Copies it and never waits for whoever
     * reads it. Any thread. */
    void (*write)(struct log_sink *sink, struct slice line);
};

static inline void log_sink_write(struct log_sink *sink, struct slice line)
{
    sink->write(sink, line);
}

/* Sinks by name. The same name gives the same sink, which outlives the snapshots that name it. */
struct log_sinks {
    /* A file's path (relative to where the process was started), `stdout` or `stderr`. NULL:
     * `*ret_problem` says why, in static words. */
    struct log_sink *(*open)(struct log_sinks *sinks, struct slice name, const char **ret_problem);
    /* Once for each open. Lines that another thread still writes are lost. */
    void (*close)(struct log_sinks *sinks, struct log_sink *sink);
};
