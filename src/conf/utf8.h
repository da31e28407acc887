/* UTF-8 (RFC 3629) as far as a configuration needs it: checking a file, counting columns, and
 * keeping from the terminal what would move its cursor. Pure; any thread. */
#pragma once

#include "base/slice.h"
#include "base/text.h"

enum { UTF8_INVALID = 0xFFFFFFFF };

/* Takes the next character off `*rest`, which is not empty. What is no UTF-8 gives UTF8_INVALID,
 * one byte at a time. */
uint32_t utf8_next(struct slice *rest);

/* Where the first byte stands that is no UTF-8, or `text.length`. */
size_t utf8_check(struct slice text);

/* How many characters; each byte that is no UTF-8 counts as one. */
size_t utf8_count(struct slice text);

/* Whether a character may go to a terminal: no control, nothing that reorders the line. */
bool utf8_is_printable(uint32_t character);

/* How many columns of a terminal a printable character takes: 0, 1 or 2. */
unsigned utf8_width(uint32_t character);

/* Adds `bytes` with a question mark for whatever may not go to a terminal. */
void utf8_add_printable(struct text *text, struct slice bytes);
