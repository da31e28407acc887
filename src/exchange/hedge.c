#include "exchange/hedge.h"

#include "base/assert.h"
#include "exchange/exchange.h"
#include "exchange/proxy.h"
#include "upstream/commons.h"
#include "upstream/queue.h"

/* The second call, made when it is wanted. */
struct second {
    struct call call;
    struct hedge *hedge;
};

struct hedge {
    struct exchange *exchange;
    struct timer timer; /* until the second server is asked */
    enum hedge_state state;
    struct call *call;         /* the second one; NULL: before and after */
    bool is_sent, is_repeated; /* of `call`; the second over a fresh connection */
    uint8_t interim_count;     /* 1xx heads that it was answered with */
    bool has_head;             /* it has won, with this head, which was not taken yet: */
    struct response_head response;
};

/* ---- settings */

#define HEDGE_RECORD(...) SETTING_ROW(struct hedge_settings, __VA_ARGS__)
static const struct setting settings[] = {HEDGE_SETTINGS(HEDGE_RECORD)};

const struct setting_group hedge_group = {
    .name = "hedge",
    .settings = settings,
    .count = sizeof(settings) / sizeof(settings[0]),
    .size = sizeof(struct hedge_settings),
    .summary = "When a second server is asked as well, since the first one takes its time.",
};

bool hedge_is_possible(const struct upstream *upstream)
{
    return !upstream->is_led;
}

/* ---- life */

static void check(const struct hedge *hedge)
{
    ASSERT((hedge->state == HEDGE_ASKS) == (hedge->call != NULL));
    ASSERT(!hedge->call || !timer_is_set(&hedge->timer));
    ASSERT(!hedge->has_head || hedge->state == HEDGE_WON);
}

static void on_after(struct timer *timer);

/* It can be given up at any time, and done twice (RFC 9110 9.2.1). TRACE is nothing to hurry. */
static bool only_reads(const struct request_head *head)
{
    return (head->method == METHOD_GET || head->method == METHOD_HEAD ||
            head->method == METHOD_OPTIONS) &&
           head->body == BODY_NONE && !head->wants_upgrade;
}

struct hedge *hedge_new(struct exchange *exchange)
{
    ASSERT(exchange->plan->hedge);
    if (!only_reads(&exchange->request))
        return NULL;
    struct hedge *hedge = ARENA_NEW(&exchange->arena, struct hedge);
    if (!hedge)
        return NULL;
    *hedge = (struct hedge){.exchange = exchange};
    timer_init(&hedge->timer, on_after);
    return hedge;
}

/* What the upstream shares, whatever list of servers its calls were under: that goes with them. */
static struct commons *commons_of(const struct hedge *hedge)
{
    return hedge->exchange->plan->upstream->commons;
}

/* The second call is over and was in vain. What it asked counts; where it found nobody to ask, it
 * was none. */
static void give_up(struct hedge *hedge)
{
    check(hedge);
    bool was_asked = hedge->call->asked_count > 0;
    hedge->exchange->call.asked_count += hedge->call->asked_count;
    call_finish(hedge->call);
    commons_note_hedge(commons_of(hedge), was_asked);
    hedge->call = NULL;
    hedge->state = was_asked ? HEDGE_LOST : HEDGE_NONE;
}

static void stop(struct hedge *hedge)
{
    timer_unset(&hedge->timer);
    if (hedge->call)
        give_up(hedge);
}

void hedge_fini(struct hedge *hedge)
{
    stop(hedge);
    timer_fini(&hedge->timer);
}

const char *hedge_word(const struct hedge *hedge)
{
    static const char *const words[] = {
#define HEDGE_WORD(name, word) word,
        HEDGES(HEDGE_WORD)
#undef HEDGE_WORD
    };
    return words[hedge->state];
}

/* ---- the second call */

/* Those of which a server rests, too, and which another may not have given. */
static bool is_failure(unsigned status)
{
    return status >= 502 && status <= 504;
}

/* The second call moves into the place of the first, whose connection is closed, or its stream
 * reset. */
static void take_over(struct hedge *hedge)
{
    struct exchange *exchange = hedge->exchange;
    check(hedge);
    call_replace(&exchange->call, hedge->call);
    exchange->repeated = hedge->is_repeated;
    hedge->call = NULL;
    hedge->state = HEDGE_WON;
    commons_note_hedge(commons_of(hedge), true);
    atomic_fetch_add_explicit(&commons_of(hedge)->hedges_won, 1, memory_order_relaxed);
}

static bool send_request(struct hedge *hedge)
{
    struct exchange *exchange = hedge->exchange;
    hedge->is_sent = true;
    return exchange_name_server(exchange, hedge->call->server) &&
           call_send_head(hedge->call, &exchange->request) && call_send_end(hedge->call, NULL);
}

/* The exchange waits for the head of its first call meanwhile, and hears nothing before one of the
 * two has won. */
static void run(struct hedge *hedge);

static bool repeat(struct hedge *hedge)
{
    if (hedge->is_repeated || !call_was_dead(hedge->call))
        return false;
    hedge->is_repeated = true;
    hedge->is_sent = false;
    call_restart(hedge->call);
    return true;
}

static void win(struct hedge *hedge)
{
    take_over(hedge);
    hedge->has_head = true;
    exchange_run(hedge->exchange);
}

/* What comes before the answer decides nothing, and the client gets it of the first call alone. */
static enum read_event receive_final_head(struct hedge *hedge)
{
    enum { INTERIM_MAX = 32 };
    for (;;) {
        enum read_event event = call_receive_head(hedge->call, &hedge->response);
        if (event != READ_HEAD || hedge->response.status >= 200)
            return event;
        if (hedge->response.status == 101 || ++hedge->interim_count > INTERIM_MAX)
            return READ_FAILED;
    }
}

static void receive(struct hedge *hedge)
{
    enum io to_server = call_flush(hedge->call);
    enum read_event event = receive_final_head(hedge);
    if (event == READ_WAIT)
        call_await(hedge->call, to_server == IO_PENDING ? CALL_WAIT_TAKE : CALL_WAIT_HEAD);
    else if (event == READ_HEAD && !is_failure(hedge->response.status))
        win(hedge);
    else if (repeat(hedge))
        run(hedge);
    else
        give_up(hedge);
}

static void run(struct hedge *hedge)
{
    check(hedge);
    ASSERT(hedge->exchange->state == EXCHANGE_RELAY);
    if (!hedge->is_sent) {
        enum call_progress progress = call_start(hedge->call);
        if (progress == CALL_WAIT)
            return;
        if (progress == CALL_FAILED || !send_request(hedge)) {
            give_up(hedge);
            return;
        }
    }
    receive(hedge);
}

static void on_call_news(struct call *call)
{
    run(CONTAINER_OF(call, struct second, call)->hedge);
}

/* ---- when */

/* Whether the exchange waits for nothing but the head, and there may be another server to ask. Who
 * stands in the queue goes before a second call. */
static bool is_wanted(const struct exchange *exchange)
{
    const struct call *first = &exchange->call;
    const struct upstream *upstream = first->upstream;
    return exchange->state == EXCHANGE_RELAY && exchange->request_flow == FLOW_ENDED &&
           exchange->response_flow == FLOW_HEAD && !exchange->error && !first->error &&
           !first->response_begun && exchange->interim_count == 0 &&
           first->tried_count < CALL_TRIES_MAX && first->tried_count < upstream->count &&
           !(upstream->queue && queue_is_used(upstream->commons));
}

/* The budget is asked last, as it is then used. */
static bool is_permitted(struct hedge *hedge)
{
    const struct exchange *exchange = hedge->exchange;
    const struct upstream *upstream = exchange->call.upstream;
    uint64_t now = loop_now(exchange->context->loop);
    if (upstream->breaker && breaker_look(&upstream->commons->breaker, upstream->breaker, now))
        return false;
    if (commons_spend_hedge(upstream->commons, exchange->plan->retry, now))
        return true;
    hedge->state = HEDGE_REFUSED;
    return false;
}

static void on_after(struct timer *timer)
{
    struct hedge *hedge = CONTAINER_OF(timer, struct hedge, timer);
    struct exchange *exchange = hedge->exchange;
    const struct call *first = &exchange->call;
    if (!is_wanted(exchange) || !is_permitted(hedge))
        return;
    struct second *second = ARENA_NEW(&exchange->arena, struct second);
    if (!second) {
        commons_note_hedge(commons_of(hedge), false);
        return;
    }
    second->hedge = hedge;
    hedge->call = &second->call;
    call_init(hedge->call, first->home, first->upstream, first->timeouts, first->limits,
              &exchange->arena, first->announcement, on_call_news);
    call_avoid(hedge->call, first);
    hedge->call->never_queues = true; /* it would come too late */
    hedge->state = HEDGE_ASKS;
    run(hedge);
}

/* An attempt after a second server was asked has none any more. */
void hedge_wait(struct hedge *hedge)
{
    check(hedge);
    const struct exchange *exchange = hedge->exchange;
    if (hedge->state == HEDGE_NONE)
        timer_set(exchange->context->loop, &hedge->timer, (uint64_t)exchange->plan->hedge->after);
}

/* ---- what the exchange hears */

/* Two calls are under way: a failure of the first is none yet. */
enum read_event hedge_receive_head(struct hedge *hedge)
{
    struct exchange *exchange = hedge->exchange;
    check(hedge);
    if (hedge->has_head) {
        hedge->has_head = false;
        exchange->response = hedge->response;
        return READ_HEAD;
    }
    enum read_event event = call_receive_head(&exchange->call, &exchange->response);
    if (event == READ_HEAD && hedge->call && is_failure(exchange->response.status)) {
        exchange->response_flow = FLOW_UNWANTED;
        return READ_WAIT;
    }
    if (event == READ_HEAD)
        stop(hedge);
    return event;
}

/* The client may be gone, or its time over: that is no failure of a call. */
static bool is_of_call(const struct exchange *exchange)
{
    if (!exchange->error)
        return exchange->response_flow == FLOW_UNWANTED;
    return exchange->error == exchange->call.error &&
           error_side(exchange->error) == ERROR_SIDE_UPSTREAM;
}

bool hedge_takes_over(struct hedge *hedge)
{
    struct exchange *exchange = hedge->exchange;
    if (!hedge->call || !is_of_call(exchange)) {
        stop(hedge);
        return false;
    }
    ASSERT(!exchange->response_sent && exchange->interim_count == 0);
    exchange->error = ERROR_NONE;
    exchange->response_flow = FLOW_HEAD;
    exchange->response.status = 0;
    exchange->response.fields = (struct fields){0};
    take_over(hedge);
    if (!hedge->is_sent) {
        exchange->request_flow = FLOW_OPEN;
        exchange_go(exchange, EXCHANGE_CONNECT);
    }
    return true;
}
