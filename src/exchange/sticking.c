#include "exchange/sticking.h"

#include "base/assert.h"
#include "exchange/exchange.h"
#include "policy/rendezvous.h"
#include "upstream/assignment.h"

const char *const sticking_words[] = {
#define STICKING_WORD(name, word) word,
    STICKINGS(STICKING_WORD)
#undef STICKING_WORD
        "",
};

static bool is_sticky(const struct upstream *upstream)
{
    return upstream->sticky || (upstream->hash && upstream->balance != BALANCE_HASH);
}

void sticking_lead(struct exchange *exchange)
{
    const struct upstream *upstream = exchange->plan->upstream;
    if (is_sticky(upstream))
        exchange->assigned |= ASSIGNED_SERVER;
    if (upstream->hash)
        call_set_key(&exchange->call, exchange_expand(exchange, upstream->hash));
    if (!upstream->sticky)
        return;
    int member = assignment_find(upstream->sticky, &exchange->request.fields);
    if (member >= 0)
        call_wish(&exchange->call, (uint32_t)member);
}

/* The member to which the client belongs; below 0: to none, as assignment_find. */
static int home_of(const struct exchange *exchange, const struct upstream *upstream)
{
    const struct call *call = &exchange->call;
    if (upstream->sticky)
        return call->has_wish ? call->wished
                              : assignment_find(upstream->sticky, &exchange->request.fields);
    if (!call->has_key)
        return ASSIGNMENT_ABSENT;
    return upstream->slots ? upstream->slots[rendezvous_slot(call->key, 0)] : 0;
}

enum sticking sticking_outcome(const struct exchange *exchange, const struct server *server)
{
    const struct upstream *upstream = exchange->plan ? exchange->plan->upstream : NULL;
    if (!upstream || !server || !is_sticky(upstream))
        return STICKING_NONE;
    int home = home_of(exchange, upstream);
    if (home == ASSIGNMENT_ABSENT)
        return STICKING_FIRST;
    if (home == ASSIGNMENT_UNKNOWN)
        return STICKING_UNKNOWN;
    return upstream->members[home].server == server ? STICKING_KEPT : STICKING_MOVED;
}

void sticking_answer(struct exchange *exchange)
{
    if (exchange->state != EXCHANGE_RELAY)
        return; /* an answer of our own */
    const struct upstream *upstream = exchange->plan->upstream;
    int member = call_member(&exchange->call);
    enum sticking outcome = sticking_outcome(exchange, exchange->call.server);
    ASSERT(member >= 0 && outcome < STICKING_COUNT);
    counter_add(&exchange->context->counts.stickings[outcome], 1);
    if (upstream->sticky && outcome != STICKING_KEPT)
        exchange_set_assignment(exchange, upstream->sticky, (uint32_t)member);
}
