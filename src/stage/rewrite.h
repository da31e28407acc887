/* The stage `rewrite`: the path for which the server is asked, in place of the one that came. By
 * prefixes of whole segments, or by a regular expression. The query stays. */
#pragma once

#include "exchange/stage.h"

extern const struct stage rewrite_stage;
extern const struct setting_group rewrite_group;
