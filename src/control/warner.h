/* Tells in the error log what is wrong with certificates, and with that by which those of others
 * are looked at: when a snapshot has been published, and while it is served, when one comes within
 * two weeks of its end, within three days, and to it; and once a day what has ended. At most
 * WARNER_MAX of a kind at once; then how many more there are. A clock that is set moves all of it.
 * Belongs to the control loop. */
#pragma once

#include "conf/snapshot.h"

enum { WARNER_MAX = 10 };

struct loop;
struct warner;

/* The loop must outlive it. NULL: no memory. */
struct warner *warner_new(struct loop *loop);

/* From now on it tells of that snapshot, which has just been published, and must live until the
 * next one is taken or it stops. What was told of the one before and is still the same is told
 * again only where `all_anew`. */
void warner_take(struct warner *warner, const struct snapshot *snapshot, bool all_anew);

/* Nothing more is told: another worker serves, or nobody. */
void warner_stop(struct warner *warner);

/* NULL is accepted. */
void warner_free(struct warner *warner);
