/* What a line of the access log looks like, in each format. Bytes from outside are escaped, so that
 * no line can be forged and no terminal obeys. */
#pragma once

#include "base/text.h"
#include "exchange/access_settings.h"

struct exchange;

enum { ACCESS_LINE_MAX = 32 * 1024 };

/* The line of an exchange that is over, with its line feed. Values that are longer than sense end
 * in `...`, as does a line of ACCESS_LINE_MAX bytes, which `line` has room for. `time` is as in
 * `20/Nov/2026:19:00:00 +0000`. */
void access_format_print(struct text *line, struct exchange *exchange,
                         const struct access_setting *setting, struct slice time);
