/* What runs seldom, so that it lies apart from what runs for every exchange: the code of an
 * exchange is larger than the processor's first cache, and each line of it that is not fetched
 * counts. */
#pragma once

#define COLD __attribute__((cold))
