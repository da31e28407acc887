#include "upstream/call_breaker.h"

#include "base/assert.h"
#include "obs/log.h"
#include "upstream/commons.h"

static uint64_t now_of(const struct call *call)
{
    return loop_now(upstreams_loop(call->home));
}

bool call_enter_breaker(struct call *call)
{
    ASSERT(call->pass == BREAKER_NO_PASS && call->upstream->breaker);
    call->search = NULL;
    call->has_searched = false;
    call->error = breaker_enter(&call->upstream->commons->breaker, call->upstream->breaker,
                                now_of(call), &call->pass);
    call->is_tied |= call->pass != BREAKER_NO_PASS;
    return call->error == ERROR_NONE;
}

static void tell(const struct call *call, enum breaker_news news, uint64_t counts)
{
    struct slice name = call->upstream->name;
    uint64_t seconds = breaker_seconds_left(&call->upstream->commons->breaker, now_of(call));
    switch (news) {
    case BREAKER_NO_NEWS:
        break;
    case BREAKER_OPENS:
        log_event(
            LOG_ERROR, "too many calls to an upstream fail; its requests are answered with 503",
            LOG_TEXT("upstream", name), LOG_NUMBER("failed_percent", failure_rate_percent(counts)),
            LOG_NUMBER("seconds", seconds));
        break;
    case BREAKER_STAYS_OPEN:
        log_event(LOG_WARNING,
                  "an upstream was tried again and failed; it is left alone for longer",
                  LOG_TEXT("upstream", name), LOG_NUMBER("seconds", seconds));
        break;
    case BREAKER_CLOSES:
        log_event(LOG_NOTICE, "an upstream was tried again and answers; it gets its requests",
                  LOG_TEXT("upstream", name));
        break;
    }
}

void call_note_breaker(struct call *call, enum failure_rate_outcome outcome)
{
    uint64_t counts = 0;
    enum breaker_news news =
        breaker_note(&call->upstream->commons->breaker, call->upstream->breaker, &call->pass,
                     outcome, now_of(call), &counts);
    tell(call, news, counts);
}

void call_note_unreached(struct call *call)
{
    if (error_side(call->error) == ERROR_SIDE_UPSTREAM && call->error != ERROR_SERVERS_FULL &&
        call->error != ERROR_NO_SERVER)
        call_note_breaker(call, FAILURE_RATE_FAILED);
}

/* ---- room for its connection */

static void leave_search(struct call *call)
{
    room_search_leave(call->search);
    call->search = NULL;
}

/* The room is passed on. */
COLD static bool take_room(struct call *call)
{
    if (!call->search->is_over)
        return false;
    bool has_room = call->search->account.has_room;
    call->search->account.has_room = false;
    leave_search(call);
    return has_room;
}

struct connection_account call_account(struct call *call)
{
    struct connection_account account = {.breaker = &call->upstream->commons->breaker};
    if (!call->upstream->breaker)
        return account;
    account.limit = (uint32_t)call->upstream->breaker->max_connections;
    account.has_room = call_searches_room(call) && take_room(call);
    return account;
}

static void on_search_end(void *owner)
{
    struct call *call = owner;
    call->on_news(call);
}

/* Whether any connection is idle, on whatever loop, that might go. Another upstream that names the
 * server may have opened it; then the search is in vain. */
static bool somebody_is_idle(const struct upstream *upstream)
{
    for (uint32_t i = 0; i < upstream->count; i++) {
        if (server_idle(upstream->members[i].server) > 0)
            return true;
    }
    return false;
}

enum call_progress call_search_room(struct call *call)
{
    ASSERT(call->error == ERROR_CONNECTIONS_FULL && call->pass != BREAKER_NO_PASS);
    const struct connection_account account = call_account(call);
    ASSERT(!account.has_room); /* it would have been taken */
    if (!call->search && !call->never_queues && !call->has_searched &&
        somebody_is_idle(call->upstream))
        call->search = room_search(call->home, &account, call, on_search_end);
    if (!call->search)
        return CALL_FAILED;
    call->has_searched = true;
    call->error = ERROR_NONE;
    return CALL_WAIT;
}

void call_end_search(struct call *call)
{
    if (call->search)
        leave_search(call);
}

void call_leave_breaker(struct call *call)
{
    call_end_search(call);
    breaker_leave(&call->upstream->commons->breaker, call->pass);
    call->pass = BREAKER_NO_PASS;
}
