/* What the readers of both logs share. */
#pragma once

#include "conf/setting.h"

/* Whether it is a path that can be opened; else that was told. */
bool log_check_destination(struct setting_reader *reader, const char *name,
                           const struct node *mapping, struct slice to);

/* Of the key's value, or of the mapping where it is not written. */
struct position log_position_of(const struct node *mapping, const char *key);
