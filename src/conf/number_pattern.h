/* A range of whole numbers as a regular expression, in what ECMAScript, Python and PCRE have in
 * common: for a schema that holds texts such as `90s` to their limits. */
#pragma once

#include "base/text.h"

/* Adds an expression for the decimal numbers from `least` to `most`, neither negative, with any
 * zeros before them: `0*(?:[5-9]|1[0-2])` for 5 to 12. Where `most` has more than 16 digits, there
 * is no limit upwards, and downwards none but 1. */
void number_pattern_print(struct text *text, int64_t least, int64_t most);
