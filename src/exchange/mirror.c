#include "exchange/mirror.h"

#include "base/assert.h"
#include "exchange/exchange.h"
#include "exchange/kept_body.h"
#include "exchange/proxy.h"
#include "policy/split.h"
#include "upstream/commons.h"

enum {
    ARENA_MAX = 512 * 1024,
    RESPONSE_MAX = 1024 * 1024, /* bytes that are read so that the connection can be kept */
    PIECES_PER_RUN = 32,        /* then others have their turn */
};

struct mirror {
    struct loop_context *context;
    struct snapshot_hold *hold; /* that of the exchange */
    struct list link;           /* of the context's */
    struct exchange *exchange;  /* whose body it collects; NULL: it has all of it */
    const struct mirror_plan *plan;
    const struct h1_limits *limits;
    bool names_server; /* Host is that of the server */
    struct arena arena;
    struct request_head head;
    struct span body;
    struct proxy_header announcement;
    struct call call;
    bool has_call, is_sent, is_answered;
    bool is_repeated; /* over a fresh connection, after one that was kept turned out to be dead */
    struct response_head response;
    struct fields trailers;
    uint64_t received;
    struct task task;
    struct timer deadline;
    struct grave grave;
};

/* What became of a request that was to be copied. */
enum mirror_outcome {
    MIRROR_DONE,
    MIRROR_FAILED,
    MIRROR_DROPPED, /* before a server was asked */
};

static void check(const struct mirror *mirror)
{
    const struct exchange *exchange = mirror->exchange;
    ASSERT(!list_is_empty(&mirror->link));
    ASSERT(!exchange || (exchange->mirror == mirror && !mirror->has_call));
    ASSERT(!mirror->is_sent || mirror->has_call);
}

static struct mirror_counts *counts_of(const struct mirror_plan *plan)
{
    return &plan->upstream->commons->mirrors;
}

static void count(const struct mirror_plan *plan, enum mirror_outcome outcome)
{
    struct mirror_counts *counts = counts_of(plan);
    _Atomic uint64_t *counter = outcome == MIRROR_DONE     ? &counts->done
                                : outcome == MIRROR_FAILED ? &counts->failed
                                                           : &counts->dropped;
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void leave(const struct mirror_plan *plan)
{
    unsigned before = atomic_fetch_sub(&counts_of(plan)->active, 1);
    ASSERT(before > 0);
}

/* ---- life */

static void bury(struct grave *grave)
{
    struct mirror *mirror = CONTAINER_OF(grave, struct mirror, grave);
    arena_fini(&mirror->arena); /* in which it lies */
}

static void end(struct mirror *mirror, enum mirror_outcome outcome)
{
    check(mirror);
    if (mirror->exchange)
        mirror->exchange->mirror = NULL;
    if (mirror->has_call)
        call_finish(&mirror->call);
    count(mirror->plan, outcome);
    leave(mirror->plan);
    task_cancel(&mirror->task);
    timer_fini(&mirror->deadline);
    span_clear(&mirror->body);
    list_remove(&mirror->link);
    snapshot_hold_unref(mirror->hold);
    loop_bury(mirror->context->loop, &mirror->grave, bury);
}

void mirrors_abort(struct loop_context *context)
{
    LIST_EACH_SAFE (link, &context->mirror_list) {
        struct mirror *mirror = CONTAINER_OF(link, struct mirror, link);
        end(mirror, mirror->is_sent ? MIRROR_FAILED : MIRROR_DROPPED);
    }
}

/* ---- the call */

static bool send_request(struct mirror *mirror)
{
    struct call *call = &mirror->call;
    ASSERT(call->server && call_is_placed(call) && !mirror->is_sent);
    mirror->is_sent = true;
    if (!proxy_name_server(&mirror->head, &mirror->arena, &mirror->names_server, call->server) ||
        !call_send_head(call, &mirror->head))
        return false;
    if (mirror->body.length > 0 && !call_send_body(call, span_take(&mirror->body)))
        return false;
    return call_send_end(call, NULL);
}

/* READ_PIECE: there may be more; READ_END: all of the answer was seen. */
static enum read_event read_answer(struct mirror *mirror)
{
    struct call *call = &mirror->call;
    struct span piece = {0};
    if (!mirror->is_answered) {
        enum read_event event = call_receive_head(call, &mirror->response);
        if (event != READ_HEAD)
            return event;
        mirror->is_answered = mirror->response.status >= 200;
        return mirror->response.status == 101 ? READ_FAILED : READ_PIECE;
    }
    enum read_event event = call_receive_body(call, &mirror->trailers, &piece);
    mirror->received += piece.length;
    span_clear(&piece);
    return event == READ_PIECE && mirror->received > RESPONSE_MAX ? READ_END : event;
}

static void await_answer(struct mirror *mirror, enum io to_server)
{
    enum call_wait wait = to_server == IO_PENDING ? CALL_WAIT_TAKE
                          : mirror->is_answered   ? CALL_WAIT_BODY
                                                  : CALL_WAIT_HEAD;
    call_await(&mirror->call, wait);
}

/* As for requests of clients (relay.c): what is safe to repeat is, once. */
static bool repeat(struct mirror *mirror)
{
    if (!call_was_dead(&mirror->call) || mirror->is_repeated || mirror->head.body != BODY_NONE ||
        !method_is_idempotent(mirror->head.method))
        return false;
    mirror->is_repeated = true;
    mirror->is_sent = false;
    call_restart(&mirror->call);
    loop_defer(mirror->context->loop, &mirror->task);
    return true;
}

/* What the server answered may be there though it takes nothing more. */
static void relay(struct mirror *mirror)
{
    enum io to_server = call_flush(&mirror->call);
    for (unsigned i = 0; i < PIECES_PER_RUN; i++) {
        switch (read_answer(mirror)) {
        case READ_HEAD:
        case READ_PIECE:
            continue;
        case READ_WAIT:
            await_answer(mirror, to_server);
            return;
        case READ_END:
            end(mirror, MIRROR_DONE);
            return;
        case READ_CUT:
        case READ_FAILED:
            if (!repeat(mirror))
                end(mirror, MIRROR_FAILED);
            return;
        }
    }
    loop_defer(mirror->context->loop, &mirror->task);
}

static void run(struct mirror *mirror)
{
    check(mirror);
    if (!mirror->is_sent) {
        enum call_progress progress = call_start(&mirror->call);
        if (progress == CALL_WAIT)
            return;
        if (progress == CALL_FAILED || !send_request(mirror)) {
            end(mirror, MIRROR_FAILED);
            return;
        }
    }
    relay(mirror);
}

static void on_call_news(struct call *call)
{
    run(CONTAINER_OF(call, struct mirror, call));
}

static void begin_call(struct mirror *mirror)
{
    const struct upstream *upstream = mirror->plan->upstream;
    call_init(&mirror->call, mirror->context->upstreams, upstream, mirror->plan->timeouts,
              mirror->limits, &mirror->arena,
              upstream->proxy_protocol ? &mirror->announcement : NULL, on_call_news);
    mirror->call.queue_priority = QUEUE_PRIORITIES; /* behind all that somebody waits for */
    mirror->has_call = true;
}

static void on_task(struct task *task)
{
    struct mirror *mirror = CONTAINER_OF(task, struct mirror, task);
    ASSERT(!mirror->exchange);
    if (!mirror->has_call)
        begin_call(mirror);
    run(mirror);
}

static void on_deadline(struct timer *timer)
{
    struct mirror *mirror = CONTAINER_OF(timer, struct mirror, deadline);
    end(mirror, MIRROR_FAILED);
}

/* Once the exchange has gone on: its own call goes first. */
static void start(struct mirror *mirror)
{
    ASSERT(!mirror->exchange && !mirror->has_call);
    timer_set(mirror->context->loop, &mirror->deadline, (uint64_t)mirror->plan->settings->timeout);
    loop_defer(mirror->context->loop, &mirror->task);
}

/* ---- the copy */

/* False: no memory. */
static bool copy_text(struct mirror *mirror, struct slice *text)
{
    if (!slice_is_empty(*text))
        *text = arena_copy(&mirror->arena, *text);
    else
        *text = SLICE("");
    return text->data != NULL;
}

static bool copy_fields(struct mirror *mirror, const struct fields *fields)
{
    struct fields *copy = &mirror->head.fields;
    bool good = fields_init(copy, &mirror->arena, fields->count + 1);
    for (uint32_t i = 0; good && i < fields->count; i++) {
        const struct field *field = &fields->items[i];
        if (slice_is_empty(field->name) || field->id == FIELD_EXPECT || field->id == FIELD_TRAILER)
            continue;
        struct slice name = field->name, value = field->value;
        good = copy_text(mirror, &name) && copy_text(mirror, &value) &&
               fields_add(copy, &mirror->arena, field->id, name, value);
    }
    return good;
}

/* Nothing in it may point into what the exchange takes with it. */
static bool copy_head(struct mirror *mirror, const struct request_head *head)
{
    struct slice *const texts[] = {&mirror->head.method_text, &mirror->head.target,
                                   &mirror->head.path,        &mirror->head.query,
                                   &mirror->head.authority,   &mirror->head.host};
    mirror->head = *head;
    mirror->head.expects_continue = false; /* the body is there already */
    bool good = copy_fields(mirror, &head->fields);
    for (size_t i = 0; good && i < sizeof(texts) / sizeof(texts[0]); i++)
        good = copy_text(mirror, texts[i]);
    return good;
}

/* NULL: no memory. */
static struct mirror *mirror_new(struct exchange *exchange, const struct mirror_plan *plan)
{
    struct arena arena;
    arena_init(&arena, exchange->context->arena_chunks, ARENA_MAX);
    struct mirror *mirror = ARENA_NEW(&arena, struct mirror);
    if (!mirror)
        return NULL;
    *mirror = (struct mirror){.context = exchange->context,
                              .plan = plan,
                              .limits = &exchange->listener->h1_limits,
                              .names_server = exchange->plan->host_kind == UPSTREAM_HOST_SERVER,
                              .arena = arena};
    if (!copy_head(mirror, &exchange->request)) {
        arena = mirror->arena;
        arena_fini(&arena);
        return NULL;
    }
    if (plan->upstream->proxy_protocol)
        exchange_announce(exchange, &mirror->announcement);
    mirror->hold = snapshot_hold_share(exchange->hold);
    task_init(&mirror->task, on_task);
    timer_init(&mirror->deadline, on_deadline);
    list_push_back(&mirror->context->mirror_list, &mirror->link);
    return mirror;
}

/* Whether its body is small enough, as far as can be told. */
static bool may_fit(const struct exchange *exchange, const struct mirror_plan *plan)
{
    const struct request_head *head = &exchange->request;
    uint64_t room = (uint64_t)plan->settings->body;
    return head->body == BODY_NONE ||
           (head->body == BODY_STREAM ? room > 0 : head->body_length <= room);
}

static bool take_place(const struct mirror_plan *plan)
{
    atomic_uint *active = &counts_of(plan)->active;
    unsigned before = atomic_load(active);
    do {
        if (before >= plan->settings->calls)
            return false;
    } while (!atomic_compare_exchange_weak(active, &before, before + 1));
    return true;
}

static bool is_chosen(struct exchange *exchange, const struct mirror_plan *plan)
{
    return loop_chance(exchange->context->loop) % SPLIT_WHOLE < plan->settings->share;
}

/* An upgrade is no request that can be answered to nobody. */
void mirror_begin(struct exchange *exchange)
{
    const struct mirror_plan *plan = exchange->plan->mirror;
    ASSERT(plan && !exchange->mirror);
    if (exchange->request.wants_upgrade || exchange->context->draining ||
        !is_chosen(exchange, plan))
        return;
    if (!may_fit(exchange, plan) || !take_place(plan)) {
        count(plan, MIRROR_DROPPED);
        return;
    }
    struct mirror *mirror = mirror_new(exchange, plan);
    if (!mirror) {
        leave(plan);
        count(plan, MIRROR_DROPPED);
        return;
    }
    if (exchange->request.body == BODY_NONE) {
        start(mirror);
        return;
    }
    mirror->exchange = exchange;
    exchange->mirror = mirror;
}

/* ---- the body */

void mirror_keep(struct exchange *exchange, const struct span *piece)
{
    struct mirror *mirror = exchange->mirror;
    const struct request_head *head = &exchange->request;
    check(mirror);
    size_t room = head->body == BODY_COUNTED ? (size_t)head->body_length
                                             : (size_t)mirror->plan->settings->body;
    if (!kept_body_add(&mirror->body, loop_buffers(mirror->context->loop), piece, room))
        end(mirror, MIRROR_DROPPED);
}

void mirror_end_body(struct exchange *exchange)
{
    struct mirror *mirror = exchange->mirror;
    check(mirror);
    exchange->mirror = NULL;
    mirror->exchange = NULL;
    mirror->head.body_length = mirror->body.length;
    mirror->head.body = mirror->body.length > 0 ? BODY_COUNTED : BODY_NONE;
    start(mirror);
}

void mirror_let_go(struct exchange *exchange)
{
    end(exchange->mirror, MIRROR_DROPPED);
}
