/* The checker: the process that loads a configuration before the worker does, so that the
 * supervisor knows from somebody trustworthy what it names (main/opening.h). No byte of a client or
 * server comes to it. */
#pragma once

#include "sys/open.h"

/* Loads the configuration, asks `opener` for all that a worker would ask for, whatever the answers,
 * and vouches for it. `tells`: what is wrong goes to standard error. The exit status: 0 where the
 * configuration is right. */
int check_for_supervisor(struct sys_opener *opener, const char *path, bool tells);
