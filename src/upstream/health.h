/* Health checks: the servers of the snapshot that is served are asked again and again, each once
 * for all loops, and what comes of it is written into their standings. Belongs to the control loop.
 */
#pragma once

#include "conf/snapshot.h"
#include "loop/loop.h"
#include "upstream/upstream.h"

enum { HEALTH_PROBES_MAX = 256 }; /* at once; others wait for their turn */

struct health;

/* NULL: no memory. The registry must outlive it. */
struct health *health_new(struct loop *loop, struct server_registry *servers);

/* From now on the servers of that snapshot, which has just been published, are asked; it holds the
 * snapshot. What was known of those that the one before named as well stays known. */
void health_take(struct health *health, struct snapshot *snapshot);

/* The list of the upstream's members was swapped: who comes is new and asked at once, who has left
 * is not asked any more. */
void health_note_members(struct health *health, const struct upstream *upstream);

/* A server of the upstream was told something: whether too few are left is told, and a server that
 * was disabled is not asked. */
void health_note_order(struct health *health, const struct upstream *upstream);

/* NULL is accepted. */
void health_free(struct health *health);
