#include "upstream/call_wait.h"

#include "base/assert.h"
#include "upstream/call_h2.h"

static int64_t deadline_of(const struct call *call, enum call_wait wait)
{
    switch (wait) {
    case CALL_WAIT_CONNECT:
        return call->timeouts->connect;
    case CALL_WAIT_HEAD:
        return call->timeouts->first_byte;
    case CALL_WAIT_TAKE:
    case CALL_WAIT_BODY:
        return call->timeouts->between_bytes;
    case CALL_WAIT_TUNNEL:
        return call->timeouts->tunnel;
    case CALL_WAIT_NOTHING:
        return 0;
    }
    UNREACHABLE();
}

void call_wait_again(struct call *call)
{
    struct timer *timer = call->h2 ? call_h2_timer(call) : &call->connection->timer;
    timer_set(upstreams_loop(call->home), timer, (uint64_t)deadline_of(call, call->waiting));
}

void call_await(struct call *call, enum call_wait wait)
{
    if (!call_is_placed(call) || (wait == call->waiting && !call->progress))
        return;
    call->waiting = wait;
    call->progress = false;
    call->unsent = UINT64_MAX;
    call_wait_again(call);
}

bool call_is_taken_slowly(struct call *call, const struct transport *transport)
{
    enum { MUCH = 64 * 1024 }; /* the server may have come to have it just now */
    uint64_t before = call->unsent;
    if (!transport_unsent(transport, &call->unsent))
        return false;
    if (before != UINT64_MAX)
        return call->unsent < before;
    return call->unsent > 0 || call->bytes_sent >= MUCH;
}

static enum error_code error_of(struct call *call)
{
    switch (call->waiting) {
    case CALL_WAIT_CONNECT:
        return upstreams_connect_timeout(call->connection);
    case CALL_WAIT_HEAD:
        return ERROR_FIRST_BYTE_TIMEOUT;
    case CALL_WAIT_TAKE:
    case CALL_WAIT_BODY:
    case CALL_WAIT_TUNNEL:
        return ERROR_BETWEEN_BYTES_TIMEOUT;
    case CALL_WAIT_NOTHING:
        break;
    }
    UNREACHABLE();
}

void call_timed_out(struct connection_user *user)
{
    struct call *call = CONTAINER_OF(user, struct call, user);
    bool is_asked = call->waiting == CALL_WAIT_TAKE || call->waiting == CALL_WAIT_HEAD;
    if (is_asked && !call->h2 && call_is_taken_slowly(call, &call->connection->transport)) {
        call_wait_again(call);
        return;
    }
    call->error = error_of(call);
    call->on_news(call);
}
