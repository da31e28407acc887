/* Follows names: those that stand in `servers` as {dns: …} are looked up when a snapshot names them
 * and again whenever the time of their records is over, by a thread that waits for name servers
 * (sys/dns.h) and holds nobody up. What they lead to goes to the roster, on the control loop, which
 * alone may call what stands here. Without such names there is no thread.
 *
 * What was found last stays while a name cannot be looked up, also where the name servers say that
 * there is none: that is more often a mistake in a zone than what somebody wants. */
#pragma once

#include "conf/snapshot.h"
#include "upstream/roster.h"

struct follower;
struct loop;

/* NULL: no memory. `loop` is that of the caller, where news is delivered. */
struct follower *follower_new(struct loop *loop, struct roster *roster);

/* No name is looked up any more, and the roster is not spoken to. */
void follower_stop(struct follower *follower);

/* After the loop, which may still have a message for it. NULL is accepted. */
void follower_free(struct follower *follower);

/* Before a snapshot is published: its names are followed as well, and its name servers asked. */
void follower_take(struct follower *follower, const struct snapshot *snapshot);

/* Waits up to `timeout_ms` until those that are new were looked up once. False: not all were. */
bool follower_await(struct follower *follower, int timeout_ms);

/* What was found so far goes to the roster, so that there are servers when the first request comes.
 */
void follower_hand_over(struct follower *follower);

/* After it was published, or not: the names of the one that is served are followed, and no others.
 */
void follower_settle(struct follower *follower, const struct snapshot *snapshot);

struct follower_counts {
    uint64_t look_ups, failures; /* since the start */
    uint64_t names, failing;     /* that are followed, and of which the last look-up failed */
};

void follower_count(struct follower *follower, struct follower_counts *ret_counts);
