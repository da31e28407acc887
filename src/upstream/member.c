#include "upstream/member.h"

#include "base/assert.h"
#include "upstream/health_settings.h"

enum member_state member_state(const struct upstream_member *member, uint64_t now_ms)
{
    switch (standing_order_of(member->standing)) {
    case STANDING_DISABLED:
        return MEMBER_DISABLED;
    case STANDING_DRAINED:
        return MEMBER_DRAINED;
    case STANDING_ENABLED:
        break;
    }
    if (standing_is_down(member->standing))
        return MEMBER_DOWN;
    return server_rests(member->server, now_ms) ? MEMBER_RESTS : MEMBER_UP;
}

const char *member_state_name(enum member_state state)
{
    static const char *const names[MEMBER_STATES] = {[MEMBER_UP] = "up",
                                                     [MEMBER_RESTS] = "rests",
                                                     [MEMBER_DOWN] = "down",
                                                     [MEMBER_DRAINED] = "drained",
                                                     [MEMBER_DISABLED] = "disabled"};
    ASSERT(state < MEMBER_STATES);
    return names[state];
}

uint32_t member_weight(const struct upstream *upstream, const struct upstream_member *member)
{
    if (!balance_takes_weights(upstream->balance))
        return (uint32_t)member->weight;
    return standing_weight(member->standing, member->weight);
}

uint32_t upstream_count_enabled(const struct upstream *upstream, uint32_t *ret_up)
{
    uint32_t enabled = 0;
    *ret_up = 0;
    for (uint32_t i = 0; i < upstream->count; i++) {
        enabled += member_serves(&upstream->members[i], true);
        *ret_up += member_serves(&upstream->members[i], false);
    }
    return enabled;
}

bool upstream_panics(const struct upstream *upstream)
{
    uint32_t up = 0, enabled = upstream_count_enabled(upstream, &up);
    return up < enabled && health_is_panic(up, enabled, upstream->health->panic);
}

uint64_t member_came(const struct upstream_member *member, uint64_t now_ms)
{
    uint64_t since = atomic_load_explicit(&member->standing->since, memory_order_relaxed);
    uint64_t rested = server_rests_until(member->server);
    return rested > since && rested <= now_ms ? rested : since;
}
