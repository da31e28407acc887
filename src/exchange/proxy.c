/* The action `proxy`: the head that goes to the server, and the call that carries it. */
#include "exchange/proxy.h"
#include "base/assert.h"
#include "base/cold.h"
#include "exchange/exchange.h"
#include "exchange/page.h"
#include "exchange/sticking.h"
#include "http/field_syntax.h"
#include "http/uri.h"
#include "upstream/call_websocket.h"
#include "upstream/commons.h"

static void on_call_news(struct call *call)
{
    exchange_run(CONTAINER_OF(call, struct exchange, call));
}

static bool set_host(struct request_head *head, struct arena *arena, struct slice host)
{
    return host.data && field_value_is_valid(host) &&
           fields_set(&head->fields, arena, FIELD_HOST, SLICE("Host"), host);
}

/* What comes of variables may be no host, such as `a/b`: a server may then take another one for it
 * than whoever wrote the text meant. */
static enum error_code prepare_host(struct exchange *exchange, const struct plan *plan)
{
    if (plan->host_kind != UPSTREAM_HOST_TEXT)
        return ERROR_NONE;
    struct slice host = exchange_expand(exchange, plan->host_text), name;
    uint16_t port = 0;
    if (host.data && !authority_parse(host, &name, &port))
        return ERROR_BAD_UPSTREAM_HOST;
    return set_host(&exchange->request, &exchange->arena, host) ? ERROR_NONE : ERROR_OUT_OF_MEMORY;
}

static bool is_too_large(const struct exchange *exchange, const struct plan *plan)
{
    uint64_t limit = (uint64_t)plan->limits->body_size;
    return limit > 0 && exchange->request.body == BODY_COUNTED &&
           exchange->request.body_length > limit;
}

/* The end of the way for TRACE and OPTIONS (RFC 9110 7.6.2). What TRACE would have us send back may
 * hold secrets of the client. */
COLD static void answer_as_last(struct exchange *exchange)
{
    if (exchange->request.method == METHOD_TRACE) {
        exchange_refuse(exchange, ERROR_METHOD_REFUSED);
        return;
    }
    exchange_answer(exchange, 204, SLICE(""), SLICE(""));
    (void)fields_add(&exchange->response.fields, &exchange->arena, FIELD_ALLOW, SLICE("Allow"),
                     page_allowed_methods());
}

/* False: the request goes no further, and is answered. */
static bool count_forward(struct exchange *exchange)
{
    enum { DIGITS_MAX = 20 };
    struct fields *fields = &exchange->request.fields;
    enum method method = exchange->request.method;
    const struct field *field = fields_find(fields, FIELD_MAX_FORWARDS);
    uint64_t left = 0;
    if (!field || (method != METHOD_TRACE && method != METHOD_OPTIONS) ||
        !slice_to_number(field->value, UINT64_MAX, &left))
        return true;
    if (left == 0) {
        answer_as_last(exchange);
        return false;
    }
    char *memory = arena_alloc(&exchange->arena, DIGITS_MAX);
    struct text text = text_over(memory, memory ? DIGITS_MAX : 0);
    text_add_number(&text, left - 1);
    if (memory && fields_set(fields, &exchange->arena, FIELD_MAX_FORWARDS, SLICE("Max-Forwards"),
                             text_slice(&text)))
        return true;
    exchange_refuse(exchange, ERROR_OUT_OF_MEMORY);
    return false;
}

void exchange_announce(const struct exchange *exchange, struct proxy_header *ret_header)
{
    exchange->stream->class->tell_ends(exchange->stream, ret_header);
    if (ip_equal(&ret_header->source, &exchange->client))
        return;
    ret_header->source = exchange->client;
    ret_header->source_port = 0; /* a trusted proxy tells no port */
}

/* What connections to a server shall begin with. False: no memory. */
static bool announce(struct exchange *exchange, const struct plan *plan,
                     const struct proxy_header **ret_announcement)
{
    *ret_announcement = NULL;
    if (plan->upstream->proxy_protocol == 0)
        return true;
    struct proxy_header *header = ARENA_NEW(&exchange->arena, struct proxy_header);
    if (!header)
        return false;
    exchange_announce(exchange, header);
    *ret_announcement = header;
    return true;
}

/* What is no priority is the normal one. */
COLD static void set_queue_priority(struct exchange *exchange, const struct plan *plan)
{
    const struct queue_priority_setting *own = plan->queue_priority;
    uint64_t priority = own->priority;
    if (own->text &&
        (!slice_to_number(exchange_expand(exchange, own->text), QUEUE_PRIORITIES, &priority) ||
         priority == 0))
        priority = QUEUE_PRIORITY_NORMAL;
    exchange->call.queue_priority = (uint8_t)priority;
}

/* False: it is refused. What a stage has made of the wish is no longer what the client asked for.
 */
COLD static bool begin_websocket(struct exchange *exchange)
{
    bool good = call_websocket_begin(&exchange->call, &exchange->request);
    if (good && (exchange->call.websocket || !exchange_is_connect(exchange)))
        return true;
    exchange_refuse(exchange, good ? ERROR_NO_WEBSOCKET : ERROR_OUT_OF_MEMORY);
    return false;
}

static void start_proxy(struct exchange *exchange, const struct plan *plan)
{
    ASSERT(plan->upstream && !exchange->has_call);
    if (!count_forward(exchange))
        return;
    if (is_too_large(exchange, plan)) {
        exchange_refuse(exchange, ERROR_BODY_TOO_LARGE);
        return;
    }
    const struct proxy_header *announcement;
    enum error_code error = prepare_host(exchange, plan);
    if (error || !announce(exchange, plan, &announcement)) {
        exchange_refuse(exchange, error ? error : ERROR_OUT_OF_MEMORY);
        return;
    }
    call_init(&exchange->call, exchange->context->upstreams, plan->upstream, plan->timeouts,
              &exchange->listener->h1_limits, &exchange->arena, announcement, on_call_news);
    if (plan->upstream->is_led)
        sticking_lead(exchange);
    if (plan->queue_priority && plan->upstream->queue)
        set_queue_priority(exchange, plan);
    if (plan->retries)
        exchange_retry_begin(exchange);
    exchange->has_call = true;
    if (exchange->request.wants_upgrade && !begin_websocket(exchange))
        return;
    exchange->called = loop_now(exchange->context->loop);
    exchange_go(exchange, EXCHANGE_CONNECT);
}

const struct action proxy_action = {.name = "proxy", .start = start_proxy};

enum error_code exchange_obstacle(struct exchange *exchange)
{
    if (exchange->stream->class->is_gone(exchange->stream))
        exchange_fail(exchange, ERROR_CLIENT_GONE);
    return exchange->error;
}

/* Who is turned away by the circuit breaker hears when it makes sense to come again (RFC 9110
 * 10.2.3). */
static void tell_when(struct exchange *exchange, enum error_code error)
{
    enum { DIGITS_MAX = 20 };
    const struct upstream *upstream = exchange->plan->upstream;
    if (error != ERROR_CIRCUIT_OPEN && error != ERROR_UPSTREAM_FULL &&
        error != ERROR_CONNECTIONS_FULL)
        return;
    uint64_t seconds =
        error != ERROR_CIRCUIT_OPEN
            ? 1
            : breaker_seconds_left(&upstream->commons->breaker, loop_now(exchange->context->loop));
    char *memory = arena_alloc(&exchange->arena, DIGITS_MAX);
    struct text text = text_over(memory, memory ? DIGITS_MAX : 0);
    text_add_number(&text, seconds);
    if (memory)
        (void)fields_add(&exchange->response.fields, &exchange->arena, FIELD_RETRY_AFTER,
                         SLICE("Retry-After"), text_slice(&text));
}

enum verdict exchange_give_up(struct exchange *exchange, enum error_code error)
{
    ASSERT(error != ERROR_NONE && !exchange->response_sent);
    if (error != ERROR_CLIENT_GONE) {
        exchange_refuse(exchange, error);
        tell_when(exchange, error);
        return GO_ON;
    }
    exchange->response_flow = FLOW_CUT;
    exchange_go(exchange, EXCHANGE_END);
    return GO_ON;
}

/* What a server is called in Host; the path of a socket is no host. */
static struct slice server_host(const struct server *server)
{
    struct slice authority = server_authority(server);
    bool local = slice_starts_with(authority, SLICE("unix:/")) ||
                 slice_starts_with(authority, SLICE("unix:@"));
    return local ? SLICE("localhost") : authority;
}

/* HTTP/1.1 needs a Host (RFC 9112 3.2), which a client of HTTP/1.0 may have left away. */
bool proxy_name_server(struct request_head *head, struct arena *arena, bool *is_wanted,
                       const struct server *server)
{
    *is_wanted |= !fields_find(&head->fields, FIELD_HOST);
    return !*is_wanted || set_host(head, arena, server_host(server));
}

bool exchange_name_server(struct exchange *exchange, const struct server *server)
{
    exchange->names_server |= exchange->plan->host_kind == UPSTREAM_HOST_SERVER;
    return proxy_name_server(&exchange->request, &exchange->arena, &exchange->names_server, server);
}

static bool send_head(struct exchange *exchange)
{
    ASSERT(exchange->call.server && call_is_placed(&exchange->call));
    return exchange_name_server(exchange, exchange->call.server) &&
           call_send_head(&exchange->call, &exchange->request) &&
           (!exchange->retry || exchange_retry_resend(exchange));
}

/* A copy is made when a server is first looked for: a rehearsal does not come so far. Whoever waits
 * for a place, room or a stream, and whoever tries again, looks more than once. */
COLD static void begin_mirror(struct exchange *exchange)
{
    if (exchange->is_mirror_settled)
        return;
    exchange->is_mirror_settled = true;
    mirror_begin(exchange);
}

enum verdict exchange_connect(struct exchange *exchange)
{
    ASSERT(exchange->has_call && !exchange->response_sent);
    struct call *call = &exchange->call;
    enum error_code error = exchange_obstacle(exchange);
    if (error)
        return exchange_give_up(exchange, error);
    if (exchange->plan->mirrors)
        begin_mirror(exchange);
    switch (call_start(call)) {
    case CALL_WAIT:
        exchange->stream->class->await(exchange->stream, STREAM_WAIT_NOTHING, 0);
        return WAIT;
    case CALL_FAILED:
        if (exchange->plan->retries && exchange_retry_failure(exchange, call->error))
            return GO_ON;
        return exchange_give_up(exchange, call->error);
    case CALL_READY:
        exchange->connected = loop_now(exchange->context->loop);
        break;
    }
    if (!send_head(exchange))
        return exchange_give_up(exchange, ERROR_OUT_OF_MEMORY);
    exchange_go(exchange, EXCHANGE_RELAY);
    return GO_ON;
}

/* The client may leave, and timeouts.request may pass. */
enum verdict exchange_pause(struct exchange *exchange)
{
    ASSERT(exchange->has_call && !exchange->response_sent && !call_is_placed(&exchange->call));
    ASSERT(exchange->retry && exchange->response_flow == FLOW_HEAD);
    bool waits = exchange->early && early_data_waits_again(exchange);
    enum error_code error = exchange_obstacle(exchange);
    if (error)
        return exchange_give_up(exchange, error);
    if (timer_is_set(&exchange->retry->pause)) {
        exchange->stream->class->await(exchange->stream, STREAM_WAIT_NOTHING, 0);
        return WAIT;
    }
    if (waits)
        return WAIT;
    exchange_go(exchange, EXCHANGE_CONNECT);
    return GO_ON;
}
