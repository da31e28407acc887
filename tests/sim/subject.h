/* Weir as it is simulated: everything above sys/, with a few loops that take turns, without threads
 * and processes. */
#pragma once

#include "sim/scenario.h"

/* Loads the configuration and listens. */
void subject_start(const struct scenario *scenario);

/* Lets the world go on until a loop may turn, and lets one turn. */
void subject_turn(void);

/* Takes the same configuration again, as a reload does. */
void subject_reload(void);

/* A server of an upstream goes, or one that has gone comes back. The first one always stays: it may
 * be the only one that is well. */
void subject_swap(void);

/* Stops accepting; what runs may come to its end. */
void subject_drain(void);

/* Cuts what still runs. */
void subject_abort(void);

/* Whether nothing is served any more: no client, no tunnel. */
bool subject_is_idle(void);

/* Ends it and holds that nothing is left. */
void subject_stop(void);
