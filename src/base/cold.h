/* What runs seldom, so that it lies apart from what runs for every exchange: the code of an
 * exchange is larger than the processor's first cache, and each line of it that is not fetched
 * counts. */
#pragma once

#define COLD __attribute__((cold))

/* The contrary: what such a function calls is made a part of it (but for what is `noinline`), where
 * much of that is a few steps, which cost less than calls and the registers that calls keep. */
#define WHOLE __attribute__((flatten))
