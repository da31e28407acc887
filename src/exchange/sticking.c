#include "exchange/sticking.h"

#include "base/assert.h"
#include "exchange/exchange.h"
#include "policy/rendezvous.h"
#include "upstream/sticky.h"

const char *const sticking_words[] = {
#define STICKING_WORD(name, word) word,
    STICKINGS(STICKING_WORD)
#undef STICKING_WORD
        "",
};

static bool is_sticky(const struct upstream *upstream)
{
    return upstream->sticky || upstream->session ||
           (upstream->hash && upstream->balance != BALANCE_HASH);
}

/* Of a session that nobody is known to have made a hash decides, so that it stays where it is. */
static void lead_session(struct exchange *exchange, const struct upstream *upstream)
{
    struct slice value;
    if (!sticky_session_shown(upstream, &exchange->request.fields, &value))
        return;
    call_set_key(&exchange->call, value);
    int member = sticky_session_find(upstream, value, loop_now(exchange->context->loop));
    if (member >= 0)
        call_wish(&exchange->call, (uint32_t)member);
}

void sticking_lead(struct exchange *exchange)
{
    const struct upstream *upstream = exchange->call.upstream;
    if (is_sticky(upstream))
        exchange->assigned |= ASSIGNED_SERVER;
    if (upstream->hash)
        call_set_key(&exchange->call, exchange_expand(exchange, upstream->hash));
    if (upstream->session)
        lead_session(exchange, upstream);
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
    if (call->has_wish)
        return call->wished;
    if (upstream->sticky)
        return assignment_find(upstream->sticky, &exchange->request.fields);
    if (!call->has_key)
        return ASSIGNMENT_ABSENT;
    return upstream->slots ? upstream->slots[rendezvous_slot(call->key, 0)] : 0;
}

enum sticking sticking_outcome(const struct exchange *exchange, const struct server *server)
{
    const struct upstream *upstream = server ? exchange->call.upstream : NULL;
    if (!upstream || !is_sticky(upstream))
        return STICKING_NONE;
    int home = home_of(exchange, upstream);
    if (home == ASSIGNMENT_ABSENT)
        return STICKING_FIRST;
    if (home == ASSIGNMENT_UNKNOWN)
        return STICKING_UNKNOWN;
    return upstream->members[home].server == server ? STICKING_KEPT : STICKING_MOVED;
}

/* A session that the server sets is one that it has; and where a session has moved, it has moved
 * for good. What a client makes up is not remembered. */
static void learn_sessions(struct exchange *exchange, uint32_t member, enum sticking outcome)
{
    const struct upstream *upstream = exchange->call.upstream;
    const struct fields *fields = &exchange->response.fields;
    uint64_t now = loop_now(exchange->context->loop);
    struct slice value;
    uint32_t at = 0;
    if (outcome == STICKING_MOVED && exchange->call.has_wish &&
        sticky_session_shown(upstream, &exchange->request.fields, &value))
        sticky_session_learn(upstream, value, member, now);
    while (sticky_session_set(upstream, fields, &at, &value))
        sticky_session_learn(upstream, value, member, now);
}

void sticking_answer(struct exchange *exchange)
{
    if (exchange->state != EXCHANGE_RELAY)
        return; /* an answer of our own */
    const struct upstream *upstream = exchange->call.upstream;
    int member = call_member(&exchange->call);
    enum sticking outcome = sticking_outcome(exchange, exchange->call.server);
    ASSERT(member >= 0 && outcome < STICKING_COUNT);
    counter_add(&exchange->context->counts.stickings[outcome], 1);
    if (upstream->session)
        learn_sessions(exchange, (uint32_t)member, outcome);
    if (upstream->sticky && outcome != STICKING_KEPT)
        exchange_set_assignment(exchange, upstream->sticky, (uint32_t)member);
}
