/* The whole configuration as it was understood, as one file that is read as the same: what it
 * includes put in, defaults written out, and behind each value where it came from. What a scope
 * inherits stands there in comments: as a setting it could say something else, because some
 * settings add to those around, and others of a route go before its upstream's. Pure. */
#pragma once

#include "conf/configuration.h"

/* The configuration has no errors. Paths of files are as seen from its first file. A secret that
 * is written out is printed, too. `listeners` are addresses at which it listens without saying so;
 * none where there is a `listen`. */
void effective_print(struct text *text, const struct configuration *configuration,
                     const struct slice *listeners, size_t listener_count);
