/* What is built in: the tables of setting groups, variables, stages and parts of a snapshot. Adding
 * a capability is a line in one of them. */
#pragma once

#include "conf/snapshot.h"
#include "upstream/upstream.h"

extern const struct vocabulary vocabulary;

/* In the order in which they are built. */
extern const struct snapshot_part *const snapshot_parts[];
extern const size_t snapshot_part_count;

/* In the order in which they run. */
extern const struct stage *const stages[];
extern const uint32_t stage_count;

/* ---- settings of the process itself */

struct process_settings {
    int64_t threads; /* 0: auto */
};

extern const struct setting_group process_group;
