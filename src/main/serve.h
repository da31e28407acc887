/* Serving a snapshot from start to end: what `weir run`, `weir proxy` and `weir demo` share. */
#pragma once

#include "conf/snapshot.h"
#include "sys/open.h"
#include "upstream/server.h"

struct reload;

/* Serves until TERM or INT, loads the configuration anew on HUP (`reload` NULL: there is none to be
 * read), drains and returns the exit status of the process. Takes over the
 * snapshot's reference. The servers of the snapshot are in `servers`, whose resolver is started
 * here. `ready` is called once when clients can connect, with the addresses; may be NULL. */
int serve(struct snapshot *snapshot, struct server_registry *servers, struct sys_opener *opener,
          const struct reload *reload, void (*ready)(struct slice listeners));
