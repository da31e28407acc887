/* What is told of an exchange at its end: its line in the access log, where its route has one, and
 * an event of the error log where it failed. Nothing else of a request is told than method, target
 * (with its query), Referer and User-Agent. */
#pragma once

#include "base/slice.h"
#include "base/text.h"
#include "conf/diagnostics.h"

struct access_setting;
struct exchange;
struct log_sink;
struct log_sinks;
struct request_head;

/* ---- the logs of a snapshot */

struct access_logs;

/* `sinks` outlive it; NULL: nothing is opened. NULL: no memory. */
struct access_logs *access_logs_new(struct log_sinks *sinks);

/* The sink for a setting; the same name is opened once. `*ret_sink` is NULL where the log is off.
 * False: it cannot be opened, which was told. */
bool access_logs_open(struct access_logs *logs, const struct access_setting *setting,
                      struct diagnostics *diagnostics, struct log_sink **ret_sink);

/* Closes all of them. NULL is accepted. */
void access_logs_free(struct access_logs *logs);

/* ---- an exchange */

/* Of the request as it came, for the end: what goes to the server may differ. */
struct access_note {
    struct slice referer, user_agent; /* data is NULL where there was none */
};

struct access_note access_log_note(const struct request_head *head);

/* Called once for each exchange that ran, when it is over or becomes a tunnel. */
void access_log_write(struct exchange *exchange);
