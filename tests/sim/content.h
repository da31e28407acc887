/* Bytes that are made from a seed, so that whoever gets them can tell that each is the right one.
 */
#pragma once

#include "base/slice.h"

/* The bytes of `seed` from `offset` on. */
void content_fill(uint64_t seed, uint64_t offset, char *memory, size_t size);

/* How many of the bytes are right, from the first on. */
size_t content_check(uint64_t seed, uint64_t offset, struct slice bytes);
