/* Expressions that a hostile text can make costly. Weir gives up on a text after a bounded number
 * of steps (pattern.h), so that nothing stands still; but the request is then refused. Pure. */
#pragma once

#include "base/slice.h"

/* Where a group begins that repeats what repeats already, as in `^/([a-z]+)*$`: a text can be cut
 * into its turns in more ways than anybody can try. The length of the expression: nowhere, or it
 * has parts that are not understood here. */
size_t pattern_find_nested_repeat(struct slice expression);
