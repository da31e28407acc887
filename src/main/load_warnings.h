/* What the whole of a configuration shows to be hardly meant. */
#pragma once

#include "conf/snapshot.h"
#include "sys/open.h"

/* Tells of upstreams that nobody uses, and of a token in a file that everybody on the machine can
 * read; the latter only where this process opens files by itself, because a supervisor does not
 * say who may read what it hands over. */
void load_warn(const struct snapshot *snapshot, struct sys_opener *opener,
               struct diagnostics *diagnostics);
