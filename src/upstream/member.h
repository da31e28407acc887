/* What holds of the servers of an upstream at this moment: the configuration, what they were told,
 * what their checks say and what calls have found out, put together. Any thread. */
#pragma once

#include "upstream/upstream.h"

/* What keeps a server from being chosen: the first that holds, from the last one on. */
enum member_state {
    MEMBER_UP,
    MEMBER_RESTS, /* it failed, and is passed over for a while */
    MEMBER_DOWN,  /* by its checks */
    MEMBER_DRAINED,
    MEMBER_DISABLED,
    MEMBER_STATES
};

enum member_state member_state(const struct upstream_member *member, uint64_t now_ms);

/* `up`, `rests`, … */
const char *member_state_name(enum member_state state);

/* Whether it may be asked at all; `panics`: though it may be down. */
static inline bool member_serves(const struct upstream_member *member, bool panics)
{
    return standing_order_of(member->standing) == STANDING_ENABLED &&
           (panics || !standing_is_down(member->standing));
}

/* Whether a client that was given to it may be sent there: also while it is drained. */
static inline bool member_keeps(const struct upstream_member *member, bool panics)
{
    return standing_order_of(member->standing) != STANDING_DISABLED &&
           (panics || !standing_is_down(member->standing));
}

/* Its weight: by hash and in order the one that is written, since neither knows another. */
uint32_t member_weight(const struct upstream *upstream, const struct upstream_member *member);

/* How many servers may be asked but for their checks, and how many of these are up. */
uint32_t upstream_count_enabled(const struct upstream *upstream, uint32_t *ret_up);

/* Whether so few are up that those that are down are asked as well. */
bool upstream_panics(const struct upstream *upstream);

/* When a server last came, came back or ended its rest, in milliseconds of the monotonic clock; 0:
 * it was there from the beginning. */
uint64_t member_came(const struct upstream_member *member, uint64_t now_ms);
