/* Strings of a JSON log line (RFC 8259 7). Pure. */
#pragma once

#include "base/text.h"

/* Adds `bytes` as a string with its quotation marks. Printable UTF-8 stands as it is; a character
 * that no terminal should get (controls, what reorders a line) is `\uXXXX`, and a byte that is no
 * UTF-8 becomes the four characters \xHH. At most `max` bytes stand between the quotation marks;
 * what had to be cut ends in `...`. */
void json_add_text(struct text *text, struct slice bytes, size_t max);

/* Whether it is a number as JSON writes it. */
bool json_is_number(struct slice bytes);
