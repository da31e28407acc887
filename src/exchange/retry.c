#include "exchange/retry.h"

#include "base/assert.h"
#include "exchange/exchange.h"
#include "exchange/kept_body.h"
#include "http/grpc.h"
#include "upstream/commons.h"

static const struct retry_settings *settings_of(const struct exchange *exchange)
{
    ASSERT(exchange->plan->retries && exchange->plan->retry);
    return exchange->plan->retry;
}

static uint64_t now(const struct exchange *exchange)
{
    return loop_now(exchange->context->loop);
}

/* ---- what is kept */

static void on_pause(struct timer *timer)
{
    exchange_resume(CONTAINER_OF(timer, struct retry, pause)->exchange);
}

/* NULL: no memory. */
static struct retry *retry_of(struct exchange *exchange)
{
    if (exchange->retry)
        return exchange->retry;
    struct retry *retry = ARENA_NEW(&exchange->arena, struct retry);
    if (!retry)
        return NULL;
    *retry = (struct retry){.exchange = exchange, .attempts = 1};
    timer_init(&retry->pause, on_pause);
    exchange->retry = retry;
    return retry;
}

bool exchange_retry_prepare(struct exchange *exchange)
{
    return retry_of(exchange) != NULL;
}

/* Whether the body may turn out to be small enough. */
static bool may_fit(const struct exchange *exchange)
{
    const struct request_head *head = &exchange->request;
    uint64_t room = (uint64_t)settings_of(exchange)->body;
    return room > 0 &&
           (head->body == BODY_STREAM || (head->body == BODY_COUNTED && head->body_length <= room));
}

static bool may_repeat_method(const struct exchange *exchange)
{
    return settings_of(exchange)->non_idempotent || method_is_idempotent(exchange->request.method);
}

COLD static void begin_hedge(struct exchange *exchange)
{
    struct hedge *hedge = hedge_new(exchange);
    struct retry *retry = hedge ? retry_of(exchange) : NULL;
    if (retry)
        retry->hedge = hedge;
}

void exchange_retry_begin(struct exchange *exchange)
{
    const struct plan *plan = exchange->plan;
    commons_earn_retry(plan->upstream->commons, settings_of(exchange), now(exchange));
    if (plan->hedge)
        begin_hedge(exchange);
    if (settings_of(exchange)->attempts == 1)
        return;
    /* What is gRPC is POST throughout; its servers say of what they have not taken up. */
    if (!may_fit(exchange) || (!may_repeat_method(exchange) && !grpc_is_asked(&exchange->request)))
        return;
    struct retry *retry = retry_of(exchange);
    if (retry) /* else it goes once */
        retry->keeps_body = true;
}

static void forget_body(struct retry *retry)
{
    span_clear(&retry->body);
    retry->keeps_body = false;
}

void exchange_retry_keep(struct exchange *exchange, const struct span *piece)
{
    struct retry *retry = exchange->retry;
    const struct request_head *head = &exchange->request;
    if (!retry->keeps_body)
        return;
    size_t room = head->body == BODY_COUNTED ? (size_t)head->body_length
                                             : (size_t)settings_of(exchange)->body;
    if (!kept_body_add(&retry->body, loop_buffers(exchange->context->loop), piece, room))
        forget_body(retry);
}

void exchange_retry_forget(struct exchange *exchange)
{
    forget_body(exchange->retry);
}

void exchange_retry_fini(struct exchange *exchange)
{
    timer_fini(&exchange->retry->pause);
    if (exchange->retry->hedge)
        hedge_fini(exchange->retry->hedge);
    forget_body(exchange->retry);
}

/* ---- whether */

/* All that was taken from the client is still there. */
static bool has_whole_body(const struct exchange *exchange)
{
    uint64_t kept = exchange->retry ? exchange->retry->body.length : 0;
    return exchange->request_body_bytes == kept && !pump_is_in_use(&exchange->pump);
}

static bool is_repeatable(const struct exchange *exchange)
{
    unsigned attempts = exchange->retry ? exchange->retry->attempts : 1;
    return !exchange->response_sent && exchange->interim_count == 0 &&
           attempts < (unsigned)settings_of(exchange)->attempts && has_whole_body(exchange);
}

/* The budget is asked last, as it is then used. */
static bool takes_another(struct exchange *exchange)
{
    return retry_of(exchange) && commons_spend_retry(exchange->plan->upstream->commons,
                                                     settings_of(exchange), now(exchange));
}

/* ---- how */

static void forget_attempt(struct exchange *exchange)
{
    struct retry *retry = exchange->retry;
    retry->body_ended = exchange->request.body != BODY_NONE && exchange->request_flow == FLOW_ENDED;
    exchange->request_flow = FLOW_OPEN;
    exchange->response_flow = FLOW_HEAD;
    exchange->repeated = false;
    exchange->response.status = 0;
    exchange->response.fields = (struct fields){0};
    call_retry(&exchange->call);
    exchange_go(exchange, EXCHANGE_PAUSE);
}

static void begin_again(struct exchange *exchange)
{
    struct retry *retry = exchange->retry;
    forget_attempt(exchange);
    uint64_t wait =
        retry_wait(settings_of(exchange), retry->attempts, loop_chance(exchange->context->loop));
    timer_set(exchange->context->loop, &retry->pause, wait);
    retry->attempts++;
}

/* Whether the server cannot have done anything yet, or may do it twice. */
static bool may_be_done_again(const struct exchange *exchange, enum error_code error,
                              enum retry_cause cause)
{
    return cause == RETRY_CONNECT || error == ERROR_SERVER_STREAM_REFUSED ||
           may_repeat_method(exchange);
}

bool exchange_retry_failure(struct exchange *exchange, enum error_code error)
{
    enum retry_cause cause;
    bool is_cause = exchange->call.error == error && retry_cause_of(error, &cause) &&
                    retry_names_cause(settings_of(exchange), cause);
    if (!is_cause || !is_repeatable(exchange) || !may_be_done_again(exchange, error, cause) ||
        !takes_another(exchange))
        return false;
    exchange->error = ERROR_NONE;
    begin_again(exchange);
    return true;
}

bool exchange_retry_wants(struct exchange *exchange)
{
    return retry_names_status(settings_of(exchange), exchange->response.status) &&
           is_repeatable(exchange) && may_repeat_method(exchange) && takes_another(exchange);
}

void exchange_retry_answer(struct exchange *exchange)
{
    ASSERT(exchange->response_flow == FLOW_UNWANTED && !exchange->response_sent);
    if (exchange->early & EARLY_AGAIN)
        forget_attempt(exchange);
    else
        begin_again(exchange);
}

bool exchange_retry_resend(struct exchange *exchange)
{
    struct retry *retry = exchange->retry;
    ASSERT(exchange->request_flow == FLOW_OPEN);
    if (retry->hedge)
        hedge_wait(retry->hedge);
    if (retry->body.length > 0 &&
        !call_send_body(&exchange->call, span_part(&retry->body, 0, retry->body.length)))
        return false;
    if (!retry->body_ended)
        return true;
    exchange->request_flow = FLOW_ENDED;
    return call_send_end(&exchange->call, &exchange->request_trailers);
}
