#include "exchange/rehearsal.h"

#include "base/assert.h"
#include "upstream/commons.h"

/* ---- a client who only listens */

static bool take_head(struct stream *stream, const struct response_head *head)
{
    (void)stream;
    (void)head;
    return true;
}

static bool take_body(struct stream *stream, struct span piece)
{
    (void)stream;
    span_clear(&piece);
    return true;
}

static bool take_end(struct stream *stream, const struct fields *trailers)
{
    (void)stream;
    (void)trailers;
    return true;
}

static void note_nothing(struct stream *stream)
{
    (void)stream;
}

static enum io flush(struct stream *stream, size_t *ret_sent)
{
    (void)stream;
    *ret_sent = 0;
    return IO_DONE;
}

static void tell_ends(const struct stream *stream, struct proxy_header *ret_ends)
{
    const struct rehearsal *rehearsal = (const struct rehearsal *)stream;
    const struct address *address = &rehearsal->exchange->listener->address;
    *ret_ends = (struct proxy_header){.source = rehearsal->exchange->peer,
                                      .destination = address->ip,
                                      .destination_port = address->port};
}

/* What belongs to the relay is not there: no rehearsal comes so far. */
static const struct stream_class listener_class = {
    .send_head = take_head,
    .close_after = note_nothing,
    .answer_early = note_nothing,
    .send_body = take_body,
    .send_end = take_end,
    .flush = flush,
    .tell_ends = tell_ends,
};

/* ---- the play */

static enum error_code breaker_obstacle(const struct exchange *exchange,
                                        const struct upstream *upstream)
{
    if (!upstream->breaker)
        return ERROR_NONE;
    return breaker_look(&upstream->commons->breaker, upstream->breaker,
                        loop_now(exchange->context->loop));
}

/* The server whose turn it is first in a Weir that has just begun. */
static bool ask_server(struct rehearsal *rehearsal)
{
    struct exchange *exchange = rehearsal->exchange;
    const struct upstream *upstream = exchange->call.upstream;
    struct balancer_question question = {.key = exchange->call.key,
                                         .has_key = exchange->call.has_key,
                                         .has_wish = exchange->call.has_wish,
                                         .wished = exchange->call.wished};
    enum error_code obstacle = breaker_obstacle(exchange, upstream);
    if (obstacle) {
        exchange_refuse(exchange, obstacle);
        rehearsal->outcome = REHEARSAL_ANSWERS;
        return exchange_rehearse(exchange) == EXCHANGE_END;
    }
    int member = upstreams_pick(exchange->context->upstreams, upstream, &question);
    if (member < 0 && upstream->queue && balancer_has_full(upstream, NULL, 0)) {
        rehearsal->outcome = REHEARSAL_QUEUES;
        return true;
    }
    if (member < 0) {
        exchange_refuse(exchange, upstream->is_limited ? ERROR_SERVERS_FULL : ERROR_NO_SERVER);
        rehearsal->outcome = REHEARSAL_ANSWERS;
        return exchange_rehearse(exchange) == EXCHANGE_END;
    }
    rehearsal->outcome = REHEARSAL_ASKS;
    rehearsal->is_fallback = upstream->members[member].priority > upstream->first_priority;
    rehearsal->server = upstream->members[member].server;
    rehearsal->sticking = sticking_outcome(exchange, rehearsal->server);
    rehearsal->member = (uint32_t)member;
    if (!exchange_name_server(exchange, rehearsal->server))
        return false;
    rehearsal->head = call_print_head(&exchange->call, rehearsal->server, &exchange->request);
    return rehearsal->head.data != NULL;
}

static bool play(struct rehearsal *rehearsal)
{
    switch (exchange_rehearse(rehearsal->exchange)) {
    case EXCHANGE_CONNECT:
        return ask_server(rehearsal);
    case EXCHANGE_END:
        rehearsal->outcome = REHEARSAL_ANSWERS;
        return true;
    default:
        rehearsal->outcome = REHEARSAL_WAITS;
        return true;
    }
}

static enum error_code parse(struct exchange *exchange, struct slice bytes)
{
    const struct h1_limits *limits = &exchange->listener->h1_limits;
    struct h1_scan scan = {0};
    struct h1_body body;
    bool keep_alive;
    enum h1_progress progress = h1_scan_head(bytes, limits, H1_REQUEST, &scan);
    if (progress != H1_COMPLETE)
        return progress == H1_BAD ? scan.error : ERROR_BAD_FIELD;
    return h1_parse_request(bytes, &scan, limits, &exchange->arena, &exchange->request, &body,
                            &keep_alive);
}

static struct exchange *begin(struct rehearsal *rehearsal, struct loop_context *context,
                              const struct rehearsal_request *request)
{
    ASSERT(context->current && request->listener);
    struct exchange *exchange = exchange_new(context);
    if (!exchange)
        return NULL;
    exchange->stream = &rehearsal->stream;
    exchange->listener = request->listener;
    exchange->peer = exchange->client = request->peer;
    rehearsal->peer_text = ip_text_of(&request->peer);
    exchange->peer_text = ip_text_slice(&rehearsal->peer_text);
    exchange->scheme = request->listener->speaks_tls ? SCHEME_HTTPS : SCHEME_HTTP;
    enum error_code error = parse(exchange, request->bytes);
    if (error)
        exchange_refuse(exchange, error);
    return exchange;
}

/* Asked once more, of a head to which no stage has done anything yet. */
static bool survey(struct rehearsal *rehearsal, struct loop_context *context,
                   const struct rehearsal_request *request)
{
    struct exchange *asking = rehearsal->asking = begin(rehearsal, context, request);
    if (!asking)
        return false;
    struct route_question question;
    struct route_answer answer;
    if (asking->error || !exchange_normalize(asking))
        return true;
    if (!exchange_question(asking, &question))
        return false;
    const struct route_table *table = asking->hold->plans->routes;
    if (route_find(table, &question, &answer) == ROUTE_NO_SITE)
        return true;
    rehearsal->reasons = route_reasons(table, &question, &answer, &rehearsal->reason_count);
    return rehearsal->reasons != NULL;
}

bool rehearsal_init(struct rehearsal *rehearsal, struct loop_context *context,
                    const struct rehearsal_request *request)
{
    *rehearsal = (struct rehearsal){.stream.class = &listener_class, .bytes = request->bytes};
    rehearsal->exchange = begin(rehearsal, context, request);
    if (rehearsal->exchange && survey(rehearsal, context, request) && play(rehearsal))
        return true;
    rehearsal_fini(rehearsal);
    return false;
}

void rehearsal_fini(struct rehearsal *rehearsal)
{
    struct exchange *exchange = rehearsal->exchange;
    if (exchange && exchange->has_call) {
        call_finish(&exchange->call);
        exchange->has_call = false;
    }
    if (exchange)
        exchange_drop(exchange);
    if (rehearsal->asking)
        exchange_drop(rehearsal->asking);
    rehearsal->exchange = rehearsal->asking = NULL;
}

bool rehearsal_made_id(const struct rehearsal *rehearsal)
{
    struct slice id = rehearsal->exchange->id, bytes = rehearsal->bytes;
    return id.data && (id.data < bytes.data || id.data >= bytes.data + bytes.length);
}
