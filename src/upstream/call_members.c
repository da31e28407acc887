#include "upstream/call_members.h"

#include "base/assert.h"
#include "upstream/call.h"
#include "upstream/edition.h"

#include <string.h>

void call_set_key(struct call *call, struct slice key)
{
    call->has_key = key.length > 0;
    call->key = slice_hash(key, 0);
}

void call_wish(struct call *call, uint32_t member)
{
    ASSERT(member < call->upstream->count && call->tried_count == 0);
    call->has_wish = true;
    call->wished = (uint16_t)member;
}

int call_member(const struct call *call)
{
    return call->tried_count > 0 ? call->tried[call->tried_count - 1] : -1;
}

/* Where that member of another list stands in this one; -1: nowhere. */
static int find_member(const struct upstream *upstream, const struct upstream *other,
                       uint16_t member)
{
    const struct server *server = other->members[member].server;
    for (uint32_t i = 0; i < upstream->count; i++) {
        if (upstream->members[i].server == server)
            return (int)i;
    }
    return -1;
}

/* Those that are tried in the other list count as tried, in their order. */
static void take_tried(struct call *call, const struct upstream *other, const uint16_t *tried,
                       unsigned count)
{
    call->tried_count = 0;
    for (unsigned i = 0; i < count; i++) {
        int member = find_member(call->upstream, other, tried[i]);
        if (member >= 0)
            call->tried[call->tried_count++] = (uint16_t)member;
    }
}

void call_avoid(struct call *call, const struct call *other)
{
    ASSERT(call->upstream->commons == other->upstream->commons && !call->server);
    ASSERT(call->tried_count == 0);
    take_tried(call, other->upstream, other->tried, other->tried_count);
}

/* ---- lists that are swapped */

void call_take_edition(struct call *call)
{
    call->upstream = edition_hold(call->upstream, call->home);
    call->has_edition = call->is_tied = true;
}

void call_let_go_edition(struct call *call)
{
    ASSERT(call->has_edition);
    edition_let_go(call->upstream, call->home);
    call->has_edition = false;
}

static bool names(const struct upstream *upstream, const struct server *server)
{
    for (uint32_t i = 0; i < upstream->count; i++) {
        if (upstream->members[i].server == server)
            return true;
    }
    return false;
}

/* From one list to another, while it has no connection. A server that has left may be gone when
 * nobody is under the list before any more. */
static void move(struct call *call, const struct upstream *before, const struct upstream *now)
{
    uint16_t tried[CALL_TRIES_MAX];
    unsigned count = call->tried_count;
    memcpy(tried, call->tried, sizeof(tried));
    call->upstream = now;
    take_tried(call, before, tried, count);
    int wished = call->has_wish ? find_member(now, before, call->wished) : -1;
    call->has_wish = wished >= 0;
    call->wished = (uint16_t)(wished >= 0 ? wished : 0);
    if (call->server && names(now, call->server))
        return;
    call->server = NULL;
    call->fresh = false;
}

void call_renew(struct call *call)
{
    const struct upstream *before = call->upstream;
    if (upstream_now(before) == before)
        return;
    ASSERT(!call_is_placed(call));
    move(call, before, edition_hold(before, call->home));
    if (call->waiter)
        queue_renew(call->waiter, call->upstream); /* others look at its list until then */
    if (call->has_edition)
        edition_let_go(before, call->home);
    call->has_edition = call->is_tied = true;
}

bool call_may_try_more(struct call *call)
{
    call_renew(call);
    return call->tried_count < CALL_TRIES_MAX;
}
