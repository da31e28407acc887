/* Answers of our own: fixed ones, redirects, and the pages for errors, which reveal nothing but the
 * status and its standard words. */
#include "base/assert.h"
#include "exchange/error_pages.h"
#include "exchange/exchange.h"
#include "exchange/page.h"
#include "http/grpc.h"

static bool add_field(struct exchange *exchange, enum field_name id, struct slice value)
{
    return fields_add(&exchange->response.fields, &exchange->arena, id, field_name_text(id), value);
}

/* RFC 9110 15.3.5, 15.3.6, 15.4.5: what followed such a head would be taken for the next one. */
static bool status_has_no_body(unsigned status)
{
    return status == 204 || status == 205 || status == 304;
}

/* The text that was written for people, where there is one; else what the status says. */
static struct slice grpc_words(struct exchange *exchange, unsigned status,
                               struct slice content_type, struct slice body)
{
    const struct slice plain = SLICE("text/plain");
    struct slice reason = status_reason(status);
    char memory[64];
    struct text text = text_over(memory, sizeof(memory));
    if (!slice_is_empty(body) && slice_starts_with(content_type, plain))
        return grpc_message(body, &exchange->arena);
    text_add_number(&text, status);
    text_add_byte(&text, ' ');
    text_add(&text, reason);
    return grpc_message(text_slice(&text), &exchange->arena);
}

static bool add_grpc_field(struct exchange *exchange, struct slice name, struct slice value)
{
    return value.data &&
           fields_add(&exchange->response.fields, &exchange->arena, FIELD_OTHER, name, value);
}

/* gRPC has 200 for all answers and tells the rest by its own status, without a body in the head
 * (Trailers-Only). A deadline of ours that passed means what one of the client's does. */
COLD static void answer_grpc(struct exchange *exchange, unsigned status, struct slice content_type,
                             struct slice body)
{
    enum grpc_code code =
        exchange->error == ERROR_EXCHANGE_TIMEOUT ? GRPC_DEADLINE_EXCEEDED : grpc_code_for(status);
    char memory[4];
    struct text text = text_over(memory, sizeof(memory));
    text_add_number(&text, code);
    exchange_answer(exchange, 200, SLICE(""), SLICE(""));
    /* Without memory for fields the answer goes without them. */
    (void)(add_field(exchange, FIELD_CONTENT_TYPE, SLICE("application/grpc")) &&
           add_grpc_field(exchange, SLICE("grpc-status"),
                          arena_copy(&exchange->arena, text_slice(&text))) &&
           add_grpc_field(exchange, SLICE("grpc-message"),
                          grpc_words(exchange, status, content_type, body)));
}

void exchange_answer(struct exchange *exchange, unsigned status, struct slice content_type,
                     struct slice body)
{
    ASSERT(status >= 200 && status <= 599);
    ASSERT(!exchange->response_sent);
    if (status < 300 && exchange_is_connect(exchange)) {
        exchange_refuse(exchange, ERROR_NO_WEBSOCKET);
        return;
    }
    if (status >= 400 && grpc_is_asked(&exchange->request) && !exchange_is_connect(exchange)) {
        answer_grpc(exchange, status, content_type, body);
        return;
    }
    struct response_head *response = &exchange->response;
    if (status_has_no_body(status))
        body = SLICE("");
    *response = (struct response_head){
        .status = (uint16_t)status,
        .reason = status_reason(status),
        .minor_version = 1,
        .body = slice_is_empty(body) ? BODY_NONE : BODY_COUNTED,
        .body_length = body.length,
    };
    exchange->reply_body = body;
    /* Without memory for fields the answer goes without them. */
    (void)(fields_init(&response->fields, &exchange->arena, 8) &&
           add_field(exchange, FIELD_DATE, loop_context_date(exchange->context)));
    if (!slice_is_empty(body))
        (void)add_field(exchange, FIELD_CONTENT_TYPE, content_type);
    if (exchange->state != EXCHANGE_REPLY)
        exchange_go(exchange, EXCHANGE_REPLY);
}

struct slice page_for_status(struct exchange *exchange, unsigned status)
{
    enum { PAGE_MAX = 256 };
    char *memory = arena_alloc(&exchange->arena, PAGE_MAX);
    if (!memory)
        return SLICE("");
    struct text page = text_over(memory, PAGE_MAX);
    struct slice reason = status_reason(status);
    text_add(&page, SLICE("<!doctype html>\n<title>"));
    text_add_number(&page, status);
    text_add_byte(&page, ' ');
    text_add(&page, reason);
    text_add(&page, SLICE("</title>\n<h1>"));
    text_add_number(&page, status);
    text_add_byte(&page, ' ');
    text_add(&page, reason);
    text_add(&page, SLICE("</h1>\n"));
    return text_slice(&page);
}

struct slice page_allowed_methods(void)
{
    return SLICE("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
}

void exchange_refuse(struct exchange *exchange, enum error_code error)
{
    exchange_fail(exchange, error);
    unsigned status = error_status(error);
    struct slice content_type, page = error_page_make(exchange, status, &content_type);
    exchange_answer(exchange, status, content_type, page);
    if (status == 405)
        (void)fields_add(&exchange->response.fields, &exchange->arena, FIELD_ALLOW, SLICE("Allow"),
                         page_allowed_methods());
}

/* The body goes into a buffer of the loop: what is sent must outlive the exchange's arena. */
static bool queue_body(struct exchange *exchange)
{
    ASSERT(exchange->response_sent);
    struct slice body = exchange->reply_body;
    bool is_head = exchange->request.method == METHOD_HEAD;
    if (slice_is_empty(body) || is_head)
        return true;
    struct buffer *buffer = buffer_new(loop_buffers(exchange->context->loop), body.length);
    if (!buffer)
        return false;
    memcpy(buffer->data, body.data, body.length);
    exchange->response_body_bytes = body.length;
    return exchange->stream->class->send_body(exchange->stream,
                                              span_take_buffer(buffer, body.length));
}

/* A request that could not be read, or not in time, leaves the connection at an unknown place; what
 * only has no site, route or method here does not. */
static bool ends_connection(const struct exchange *exchange)
{
    return exchange->error && error_side(exchange->error) == ERROR_SIDE_CLIENT &&
           exchange->error != ERROR_NO_SITE && exchange->error != ERROR_NO_ROUTE &&
           exchange->error != ERROR_METHOD_REFUSED && exchange->error != ERROR_MISDIRECTED &&
           exchange->error != ERROR_TLS_REQUIRED && exchange->error != ERROR_HTTPS_WITHOUT_TLS;
}

/* Stages see our own answers too: their fields belong on every response. */
static bool queue_reply(struct exchange *exchange)
{
    ASSERT(!exchange->response_sent && exchange->response.status >= 200);
    struct stream *stream = exchange->stream;
    if (ends_connection(exchange))
        stream->class->close_after(stream);
    else if (exchange->request_flow != FLOW_ENDED)
        stream->class->answer_early(stream);
    exchange->response_sent = true;
    if (exchange->request.method == METHOD_HEAD)
        exchange->response.body = BODY_NONE;
    exchange_run_response_stages(exchange);
    return stream->class->send_head(stream, &exchange->response) && queue_body(exchange) &&
           stream->class->send_end(stream, NULL);
}

enum verdict exchange_reply(struct exchange *exchange)
{
    ASSERT(exchange->response.status >= 200);
    /* A call that failed is over before its page is sent, so that its server is free again. */
    if (exchange->has_call)
        call_stop(&exchange->call);
    struct stream *stream = exchange->stream;
    bool good = exchange->response_sent || queue_reply(exchange);
    size_t sent = 0;
    enum io io = good ? stream->class->flush(stream, &sent) : IO_FAILED;
    if (io == IO_PENDING && !stream->class->is_gone(stream)) {
        uint64_t patience = 30 * 1000;
        if (exchange->plan)
            patience = (uint64_t)exchange->plan->timeouts->request_body;
        stream->class->await(stream, STREAM_WAIT_TAKE, patience);
        return WAIT;
    }
    exchange->response_flow = io == IO_DONE ? FLOW_ENDED : FLOW_CUT;
    exchange_go(exchange, EXCHANGE_END);
    return GO_ON;
}

void exchange_refuse_request(struct exchange *exchange, enum error_code error)
{
    exchange->request_flow = FLOW_CUT; /* nobody can tell where its body would begin */
    exchange_refuse(exchange, error);
    exchange_run(exchange);
}
