/* Bytes of unknown origin in a line that people and programs read: no byte of them may end the
 * line, a quotation, or move the cursor of a terminal. Pure. */
#pragma once

#include "base/text.h"

/* Adds `bytes`, where control bytes, bytes above ASCII, quotation marks and backslashes become
 * `\xHH`. At most `max` bytes come out, and what had to be cut ends in `...`. */
void escape_add(struct text *text, struct slice bytes, size_t max);

/* Whether it can stand in a line as one word without quotation marks. */
bool escape_is_word(struct slice bytes);
