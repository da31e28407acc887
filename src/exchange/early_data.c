#include "exchange/early_data.h"

#include "base/assert.h"
#include "exchange/exchange.h"
#include "exchange/site_plan.h"

enum { TOO_EARLY = 425 };

/* Whether it may be carried out although it may be a recording: nothing changes by it, all of it is
 * here, and its site wants it so (RFC 8470 3). TRACE is safe as well (RFC 9110 9.2.1), but shows
 * what it was sent. */
static bool may_go_first(const struct exchange *exchange)
{
    const struct request_head *head = &exchange->request;
    const struct site_plan *site = exchange->site->plan;
    bool is_safe =
        head->method == METHOD_GET || head->method == METHOD_HEAD || head->method == METHOD_OPTIONS;
    return is_safe && head->body == BODY_NONE && !head->wants_upgrade && site->takes_early;
}

/* Whether the handshake is still to end. A client that has left will not end it. */
COLD static bool awaits_handshake(struct exchange *exchange)
{
    const struct timeouts *timeouts = exchange->listener->timeouts;
    struct stream *stream = exchange->stream;
    bool awaits = tls_is_early(exchange->tls);
    if (awaits && tls_was_cut(exchange->tls))
        exchange_fail(exchange, ERROR_CLIENT_GONE);
    stream->class->await(stream, awaits ? STREAM_WAIT_HANDSHAKE : STREAM_WAIT_NOTHING,
                         awaits ? (uint64_t)timeouts->tls_handshake : 0);
    return awaits;
}

/* RFC 8470 5.1: who sends a request on before the handshake has ended says so. What the client says
 * itself stands. False: no memory. */
COLD static bool tell_server(struct exchange *exchange)
{
    struct fields *fields = &exchange->request.fields;
    if (fields_find(fields, FIELD_EARLY_DATA))
        return true;
    exchange->early |= EARLY_TOLD;
    return fields_add(fields, &exchange->arena, FIELD_EARLY_DATA, SLICE("Early-Data"), SLICE("1"));
}

enum verdict exchange_hold(struct exchange *exchange)
{
    ASSERT(exchange->plan && !exchange->has_call);
    ASSERT(exchange->early == EARLY_CAME && exchange->tls && exchange->site->plan);
    bool goes_first = tls_is_early(exchange->tls) && may_go_first(exchange);
    bool waits = !goes_first && awaits_handshake(exchange);
    enum error_code error = exchange_obstacle(exchange);
    if (!error && goes_first && !tell_server(exchange))
        error = ERROR_OUT_OF_MEMORY;
    if (error)
        return exchange_give_up(exchange, error);
    if (waits)
        return WAIT;
    exchange_go(exchange, EXCHANGE_STAGES);
    return GO_ON;
}

bool early_data_asks_again(struct exchange *exchange)
{
    if (exchange->response.status != TOO_EARLY || !(exchange->early & EARLY_TOLD) ||
        exchange->interim_count > 0 || !exchange_retry_prepare(exchange))
        return false;
    exchange->early |= EARLY_AGAIN;
    return true;
}

bool early_data_waits_again(struct exchange *exchange)
{
    if (!(exchange->early & EARLY_AGAIN))
        return false;
    if (awaits_handshake(exchange))
        return true;
    (void)fields_remove(&exchange->request.fields, FIELD_EARLY_DATA);
    exchange->early = EARLY_CAME;
    return false;
}
