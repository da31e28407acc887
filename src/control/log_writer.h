/* The thread that writes log lines into files, so that no loop ever waits for a disk. A file has
 * two buffers: loops copy lines into one, under a lock held only to copy, while the thread writes
 * the other. Memory is bounded: lines that do not fit are dropped, counted, and told of in the
 * error log when there is room again. A file that cannot be written (a full disk) is told of on
 * standard error once, its lines are counted and lost, and service goes on. So it is with a syslog
 * (obs/syslog.h), which gets each line as a datagram, and is connected to anew when it is gone.
 *
 *     struct log_writer *writer = log_writer_new(opener);
 *     struct log_sink *sink = sinks->open(sinks, name, &problem);    (of log_writer_sinks)
 *     log_start(sink, LOG_NOTICE, sys_wall_ms);
 *     …
 *     log_stop();
 *     log_writer_free(writer);
 *
 * Any thread may write to a sink, open and close; new and free belong to the main thread. */
#pragma once

#include "obs/log_sink.h"
#include "sys/open.h"

enum {
    LOG_BUFFER_SIZE = 2 * 1024 * 1024, /* of each of the two buffers of a file */
    LOG_FLUSH_MS = 100,                /* the longest that a line waits to be written */
};

struct log_writer;

/* Starts the thread. NULL: no memory, or no thread. */
struct log_writer *log_writer_new(struct sys_opener *opener);

/* Its files, by name. They live as long as the writer. */
struct log_sinks *log_writer_sinks(struct log_writer *writer);

/* Files are opened anew by their names, for whoever has renamed them: what was written to a sink
 * before goes into the old file, what comes later into the new one. One that cannot be opened is
 * told of and stays as it is. Done by the thread, a moment later; the outcome is told in the error
 * log. Any thread. */
void log_writer_reopen(struct log_writer *writer);

/* How many lines were lost since the start, because they did not fit or could not be written. Any
 * thread. */
uint64_t log_writer_lost(const struct log_writer *writer);

/* Bytes of lines that wait to be written, in all files. Any thread. */
uint64_t log_writer_waiting(const struct log_writer *writer);

/* Writes what is left, ends the thread and closes the files. Nobody writes any more. NULL is
 * accepted. */
void log_writer_free(struct log_writer *writer);
