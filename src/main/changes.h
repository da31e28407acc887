/* What differs between two configurations, for people. Pure. */
#pragma once

#include "base/text.h"
#include "conf/configuration.h"

enum { CHANGES_TEXT_MAX = 1024 };

/* One line: `sites: 1 added (a.example.com), 2 altered (b.example.com, c.example.com);
 * upstreams: 1 removed (shop); altered: timeouts`, or `nothing has changed`. Long lists end in
 * their number. */
void changes_print(struct text *text, const struct configuration *before,
                   const struct configuration *after);
