/* The supervisor: the process that whoever runs Weir knows. It starts the worker, opens for it what
 * is opened by name (main/opening.h), passes signals on, and starts another worker when one dies.
 * It serves nobody itself, so that nothing that comes from outside can bring it down. */
#pragma once

#include "sys/open.h"

/* Lets `work` run in a process of its own, again and again where it dies, until it ends by itself
 * or is asked to stop; `path` is handed through. The exit status of this process. There must be one
 * thread. Where the first worker does not come to serve, there is no second. */
int supervise(int (*work)(struct sys_opener *opener, const char *path), const char *path);
