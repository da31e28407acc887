#include "upstream/call_breaker.h"

#include "base/assert.h"
#include "obs/log.h"
#include "upstream/call.h"
#include "upstream/commons.h"

static uint64_t now_of(const struct call *call)
{
    return loop_now(upstreams_loop(call->home));
}

bool call_enter_breaker(struct call *call)
{
    ASSERT(call->pass == BREAKER_NO_PASS && call->upstream->breaker);
    call->error = breaker_enter(&call->upstream->commons->breaker, call->upstream->breaker,
                                now_of(call), &call->pass);
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

void call_leave_breaker(struct call *call)
{
    breaker_leave(&call->upstream->commons->breaker, call->pass);
    call->pass = BREAKER_NO_PASS;
}
