/* The error log as the configuration says it: `log: {error: {to, level}}`. A part of the snapshot
 * opens its file, so that one that cannot be opened is an error of the configuration. */
#pragma once

#include "conf/snapshot.h"

/* Needs the `logs` of struct live; without them nothing is opened. */
extern const struct snapshot_part error_log_part;

/* From now on events go where this snapshot says. The snapshot before lives a moment longer. */
void error_log_start(const struct snapshot *snapshot);
