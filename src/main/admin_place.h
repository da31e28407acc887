/* Where the admin side of a configuration is: for who listens there, and for commands that look for
 * it. */
#pragma once

#include "control/admin_settings.h"
#include "sys/open.h"

/* False: the default one cannot be told, since there is no file (`path` is NULL), or its path is
 * too long. Not for settings that are off. */
bool admin_place(const struct admin_settings *settings, const char *path, struct sys_opener *opener,
                 struct address *ret_address);
