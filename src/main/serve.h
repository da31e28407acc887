/* Serving a snapshot from start to end: what `weir run`, `weir proxy` and `weir demo` share. */
#pragma once

#include "conf/snapshot.h"
#include "sys/open.h"
#include "upstream/server.h"

/* Serves until TERM or INT, drains and returns the exit status of the process. Takes over the
 * snapshot's reference. The servers of the snapshot are in `servers`, whose resolver is started
 * here. `ready` is called once when clients can connect, with the addresses; may be NULL. */
int serve(struct snapshot *snapshot, struct server_registry *servers, struct sys_opener *opener,
          void (*ready)(struct slice listeners));
