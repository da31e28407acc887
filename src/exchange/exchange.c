/* The life of a request, in order.
 *
 *     ROUTE ──▶ STAGES ──▶ CONNECT ──▶ RELAY ──▶ END
 *       ├─▶ HOLD ─┘│        ▲   │       │ │ └──▶ TUNNEL
 *       └──────────┴────────│───┴───────┘ │
 *                  ▼        ├─ repeat ────┤
 *                REPLY      └── PAUSE ◀───┘
 *                  └──▶ END
 *
 * state    what is true in it                                        file
 * ROUTE    the head is complete; nothing was decided                 routing.c
 * HOLD     the same as in STAGES, and it came in early data of TLS   early_data.c
 * STAGES   `route` and `plan` are set; request stages run in order,  routing.c
 *          and when every one said go on, the action begins
 * CONNECT  `has_call`; the call looks for a server and a connection  proxy.c
 * RELAY    the call is connected and has the head; both flows run    relay.c
 *          and so they do behind 101 where a side speaks HTTP/2      stream_tunnel.c
 * PAUSE    the call has forgotten its attempt; another one follows    proxy.c
 * REPLY    `response` is our own; nothing of another was sent        reply.c
 * TUNNEL   101 was sent; the connections leave the exchange          tunnel.c
 * END      the response is whole or cut; all is given back           below
 *
 * What is true in a state its step asserts first. A step returns a verdict, and only exchange_run
 * acts on it: nothing below frees or re-enters the exchange. WAIT means that something is armed
 * which will bring a run: a deadline, or a task. */
#include "exchange/exchange.h"

#include "base/assert.h"
#include "base/pool.h"
#include "obs/escape.h"
#include "sys/open.h"

enum { TURNS_MAX = 32, ARENA_MAX = 1024 * 1024 };

#define TO(name) (1u << EXCHANGE_##name)
static const struct {
    const char *name;
    enum verdict (*step)(struct exchange *exchange);
    unsigned next;
} STATES[] = {
#define STATE_ROW(name, step, next) {#name, step, next},
    EXCHANGE_STATES(STATE_ROW)
#undef STATE_ROW
};
#undef TO

const char *exchange_state_name(enum exchange_state state)
{
    ASSERT(state < EXCHANGE_STATE_COUNT);
    return STATES[state].name;
}

void exchange_go(struct exchange *exchange, enum exchange_state state)
{
    ASSERT(state < EXCHANGE_STATE_COUNT);
    ASSERT(STATES[exchange->state].next & 1u << state);
    exchange->state = state;
}

static void bury(struct grave *grave)
{
    struct exchange *exchange = CONTAINER_OF(grave, struct exchange, grave);
    arena_fini(&exchange->arena); /* in which it lies */
}

static void retire(struct exchange *exchange)
{
    ASSERT(!exchange->stream && !exchange->has_call);
    task_cancel(&exchange->task);
    timer_fini(&exchange->deadline);
    if (exchange->retry)
        exchange_retry_fini(exchange);
    if (exchange->mirror)
        mirror_let_go(exchange);
    span_clear(&exchange->request_bytes);
    snapshot_hold_unref(exchange->hold);
    counter_add(&exchange->context->counts.exchanges_ended, 1);
    loop_bury(exchange->context->loop, &exchange->grave, bury);
}

void exchange_drop(struct exchange *exchange)
{
    exchange->stream = NULL;
    retire(exchange);
}

void exchange_abort(struct exchange *exchange)
{
    ASSERT(exchange->stream);
    exchange->state = EXCHANGE_END;
    exchange->response_flow = FLOW_CUT;
    exchange_run(exchange);
}

/* Whom this thread drives at the moment; for exchange_tell_in_hand alone. */
static _Thread_local const struct exchange *in_hand;

static void drive(struct exchange *exchange)
{
    ASSERT(exchange->stream);
    for (unsigned turn = 0; turn < TURNS_MAX; turn++) {
        switch (STATES[exchange->state].step(exchange)) {
        case GO_ON:
            continue;
        case WAIT:
            return;
        case DONE:
            retire(exchange);
            return;
        }
    }
    exchange_resume(exchange);
}

void exchange_run(struct exchange *exchange)
{
    in_hand = exchange;
    drive(exchange);
    in_hand = NULL;
}

static void add_request(struct text *text, const struct exchange *exchange)
{
    enum { SHOWN_MAX = 512 };
    text_add(text, SLICE(": "));
    escape_add(text, exchange->request.method_text, SHOWN_MAX);
    text_add_byte(text, ' ');
    escape_add(text, exchange->client_path, SHOWN_MAX);
    text_add(text, SLICE(" host="));
    escape_add(text, exchange->host, SHOWN_MAX);
    text_add(text, SLICE(" id="));
    escape_add(text, exchange->id, SHOWN_MAX);
}

void exchange_tell_in_hand(const char *message)
{
    enum { STANDARD_ERROR = 2, PATIENCE_MS = 1000 };
    char memory[4096];
    struct text text = text_over(memory, sizeof(memory) - 1);
    const struct exchange *exchange = in_hand;
    (void)message; /* it was printed */
    if (!exchange)
        return;
    text_add(&text, SLICE("weir: an exchange was in hand, in the state "));
    text_add(&text, slice_from_text(exchange_state_name(exchange->state)));
    if (exchange->client_target.data) /* else nothing of the request is known, or it is not read */
        add_request(&text, exchange);
    memory[text.length] = '\n';
    struct slice line = slice_of(memory, text.length + 1);
    (void)sys_write(STANDARD_ERROR, &line, PATIENCE_MS);
}

enum exchange_state exchange_rehearse(struct exchange *exchange)
{
    enum verdict verdict = GO_ON;
    ASSERT(exchange->stream);
    while (verdict == GO_ON && exchange->state != EXCHANGE_CONNECT &&
           exchange->state != EXCHANGE_END)
        verdict = STATES[exchange->state].step(exchange);
    return exchange->state;
}

static void run_task(struct task *task)
{
    exchange_run(CONTAINER_OF(task, struct exchange, task));
}

void exchange_resume(struct exchange *exchange)
{
    ASSERT(exchange->stream);
    loop_defer(exchange->context->loop, &exchange->task);
}

static void on_deadline(struct timer *timer)
{
    struct exchange *exchange = CONTAINER_OF(timer, struct exchange, deadline);
    exchange_fail(exchange, ERROR_EXCHANGE_TIMEOUT);
    exchange_resume(exchange);
}

struct exchange *exchange_new(struct loop_context *context)
{
    struct exchange *exchange = arena_new_within(
        context->arena_chunks, ARENA_MAX, sizeof(*exchange), offsetof(struct exchange, arena));
    if (!exchange)
        return NULL;
    /* Field by field what has to be set: the call, heads and captures are filled when in use. */
    exchange->state = EXCHANGE_ROUTE;
    exchange->request_flow = FLOW_OPEN;
    exchange->response_flow = FLOW_HEAD;
    exchange->context = context;
    counter_add(&context->counts.exchanges_begun, 1);
    exchange->hold = snapshot_hold_ref(context);
    exchange->stream = NULL;
    task_init(&exchange->task, run_task);
    timer_init(&exchange->deadline, on_deadline);
    exchange->request_bytes = (struct span){0};
    exchange->request.fields = (struct fields){0};
    exchange->response.fields = (struct fields){0};
    exchange->response.status = 0;
    exchange->request_trailers = exchange->response_trailers = (struct fields){0};
    exchange->request.method = METHOD_OTHER;
    exchange->peer_is_trusted = false;
    exchange->scheme = SCHEME_HTTP;
    exchange->tls = NULL;
    exchange->id = slice_of(NULL, 0);
    exchange->client_target = slice_of(NULL, 0);
    exchange->client_path = slice_of(NULL, 0);
    exchange->host = slice_of(NULL, 0);
    exchange->path = slice_of(NULL, 0);
    exchange->reply_body = slice_of(NULL, 0);
    exchange->site = NULL;
    exchange->route = NULL;
    exchange->plan = NULL;
    exchange->stage_next = 0;
    exchange->retry = NULL;
    exchange->mirror = NULL;
    exchange->call.server = NULL;
    exchange->has_call = exchange->response_sent = exchange->repeated = false;
    exchange->is_tunnel = exchange->is_mirror_settled = exchange->names_server = false;
    exchange->assigned = exchange->early = 0;
    exchange->interim_count = exchange->refusals = 0;
    pump_none(&exchange->pump);
    exchange->error = ERROR_NONE;
    exchange->started = loop_now(context->loop);
    exchange->called = exchange->connected = exchange->answered = 0;
    exchange->request_body_bytes = exchange->response_body_bytes = 0;
    return exchange;
}

void exchange_fail(struct exchange *exchange, enum error_code error)
{
    ASSERT(error != ERROR_NONE);
    if (exchange->error == ERROR_NONE)
        exchange->error = error;
}

void exchange_await(struct exchange *exchange, enum call_wait server, enum stream_wait client)
{
    const struct timeouts *timeouts = exchange->plan->timeouts;
    ASSERT(server != CALL_WAIT_NOTHING || client != STREAM_WAIT_NOTHING);
    call_await(&exchange->call, server);
    exchange->stream->class->await(exchange->stream, client, (uint64_t)timeouts->request_body);
}

enum verdict exchange_end(struct exchange *exchange)
{
    ASSERT(exchange->state == EXCHANGE_END || exchange->state == EXCHANGE_TUNNEL);
    bool whole = exchange->response_flow == FLOW_ENDED;
    if (exchange->is_tunnel) {
        bool is_silent = exchange->error == ERROR_BETWEEN_BYTES_TIMEOUT; /* CALL_WAIT_TUNNEL */
        counter_add(&exchange->context->counts.tunnels_silent, is_silent);
        counter_add(&exchange->context->counts.tunnels_ended, 1);
    } else {
        access_log_write(exchange);
        metrics_count(exchange);
    }
    if (exchange->has_call)
        call_finish(&exchange->call);
    exchange->has_call = false;
    pump_fini(&exchange->pump);
    exchange->stream->class->finish(exchange->stream, whole ? STREAM_COMPLETE : STREAM_CUT,
                                    exchange->request_flow == FLOW_ENDED);
    exchange->stream = NULL;
    return DONE;
}
