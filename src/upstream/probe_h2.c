#include "upstream/probe_h2.h"

#include "base/assert.h"
#include "http/grpc.h"
#include "loop/loop.h"
#include "net/h2_output.h"
#include "tls/tls_server_context.h"
#include "wire/grpc_health.h"

enum {
    RECEIVES_PER_STEP = 8, /* then others have their turn */
    CONTROLS_MAX = 100,    /* frames without content within 10 seconds */
};

static bool is_grpc(const struct probe *probe)
{
    return probe->order.settings->type == HEALTH_GRPC;
}

bool probe_h2_is_wanted(const struct probe_order *order)
{
    const struct health_settings *settings = order->settings;
    bool is_h2 = order->server->is_h2 ||
                 (order->server->is_tls && tls_server_context_offer(order->tls) == TLS_OFFER_H2);
    return settings->type == HEALTH_GRPC ||
           (settings->type == HEALTH_HTTP && is_h2 && settings->port == 0);
}

/* ---- asking */

static bool open_session(struct probe *probe)
{
    const struct h2_settings settings = {
        .streams = 1,
        .window = H2_WINDOW_LEAST,
        .blocks = {.size = (uint32_t)probe_limits.header_size,
                   .count = (uint32_t)probe_limits.header_count},
        .gate = {.resets = UINT32_MAX, .controls = CONTROLS_MAX},
    };
    probe->codec = h2_new_to_server(&settings, loop_buffers(probe->loop));
    return probe->codec != NULL;
}

static bool make_head(struct probe *probe, struct request_head *head)
{
    const struct health_settings *settings = probe->order.settings;
    bool grpc = is_grpc(probe);
    *head = (struct request_head){
        .method_text = grpc ? SLICE("POST") : slice_from_text(health_methods[settings->method]),
        .target = grpc ? SLICE(GRPC_HEALTH_PATH) : settings->path,
        .major_version = 2,
        .minor_version = 1,
        .body = grpc ? BODY_STREAM : BODY_NONE,
        .wants_trailers = grpc, /* it is how gRPC tells that nobody in between drops them */
    };
    head->method = method_find(head->method_text);
    return probe_add_fields(probe, &head->fields) &&
           (!grpc || fields_set(&head->fields, &probe->arena, FIELD_CONTENT_TYPE,
                                field_name_text(FIELD_CONTENT_TYPE), SLICE("application/grpc")));
}

static bool send_question(struct probe *probe)
{
    struct slice service = probe->order.settings->service;
    struct buffer *buffer =
        buffer_new(loop_buffers(probe->loop), (uint32_t)grpc_health_room(service));
    if (!buffer)
        return false;
    struct text text = text_over(buffer->data, buffer->capacity);
    grpc_health_ask(&text, service);
    h2_send_body(probe->stream, span_take_buffer(buffer, text.length));
    return h2_send_end(probe->stream, NULL, &probe->arena);
}

enum probe_verdict probe_h2_ask(struct probe *probe)
{
    struct request_head head;
    struct slice scheme = probe->order.server->is_tls ? SLICE("https") : SLICE("http");
    ASSERT(!probe->codec);
    if (!open_session(probe) || !make_head(probe, &head))
        return PROBE_UNKNOWN;
    probe->stream = h2_ask(probe->codec, &head, scheme, probe, &probe->arena);
    if (!probe->stream || (is_grpc(probe) && !send_question(probe)))
        return PROBE_UNKNOWN;
    return PROBE_WAIT;
}

void probe_h2_end(struct probe *probe)
{
    if (probe->stream)
        h2_release(probe->stream, H2_CANCEL);
    if (probe->codec)
        h2_free(probe->codec);
}

/* ---- moving bytes */

/* Sends what is there to be sent; what cannot be sent, the answer may tell of all the same. False:
 * no memory. */
static bool send_out(struct probe *probe)
{
    size_t sent;
    if (!h2_output_frame(probe->codec, &probe->output))
        return false;
    (void)output_flush(&probe->output, &probe->transport, &sent);
    return true;
}

/* The server may tell why it breaks off; what answers in something else breaks HTTP/2 at once. */
static enum probe_verdict take_in(struct probe *probe, struct span *bytes)
{
    enum h2_error error = h2_receive(probe->codec, span_slice(bytes), loop_now(probe->loop));
    span_clear(bytes);
    if (!error)
        return PROBE_WAIT;
    return probe_fail(probe, h2_has_settings(probe->codec) ? PROBE_MALFORMED : PROBE_NOT_H2);
}

/* PROBE_WAIT: as far as there was something, or this turn goes. */
static enum probe_verdict receive(struct probe *probe)
{
    for (unsigned i = 0; i < RECEIVES_PER_STEP && !probe->has_ended; i++) {
        struct span bytes = {0};
        enum io io = transport_receive(&probe->transport, BUFFER_SMALL, &bytes);
        if (io == IO_PENDING)
            return PROBE_WAIT;
        probe->has_ended = io != IO_DONE;
        enum probe_verdict verdict = probe->has_ended ? PROBE_WAIT : take_in(probe, &bytes);
        if (verdict != PROBE_WAIT)
            return verdict;
    }
    if (!probe->has_ended)
        loop_defer(probe->loop, &probe->task); /* nobody tells of what is there already */
    return PROBE_WAIT;
}

static enum probe_verdict move(struct probe *probe)
{
    if (!send_out(probe))
        return PROBE_UNKNOWN;
    enum probe_verdict verdict = receive(probe);
    if (verdict != PROBE_WAIT)
        return verdict;
    while (h2_next_news(probe->codec)) /* of our stream, at which we look anyway */
        continue;
    return send_out(probe) ? PROBE_WAIT : PROBE_UNKNOWN;
}

/* ---- the answer */

/* Nothing more comes of it. */
static enum probe_verdict fail_as_gone(struct probe *probe)
{
    bool is_malformed =
        h2_is_gone(probe->stream) && h2_stream_error(probe->stream) == H2_PROTOCOL_ERROR;
    return probe_fail(probe, is_malformed ? PROBE_MALFORMED : PROBE_CLOSED);
}

static enum probe_verdict wait_or_fail(struct probe *probe)
{
    return probe->has_ended ? fail_as_gone(probe) : PROBE_WAIT;
}

static void note_grpc_status(struct probe *probe, const struct fields *fields)
{
    const struct field *field = fields_find_text(fields, SLICE("grpc-status"));
    if (field)
        probe->grpc_status = grpc_code_read(field->value);
}

/* An answer without message has its status in the head. */
static enum probe_verdict judge_grpc_head(struct probe *probe, const struct response_head *head)
{
    const struct field *type = fields_find(&head->fields, FIELD_CONTENT_TYPE);
    probe->failure.status = head->status;
    if (head->status != 200 || !type || !slice_starts_with(type->value, SLICE("application/grpc")))
        return probe_fail(probe, PROBE_NOT_GRPC);
    note_grpc_status(probe, &head->fields);
    return probe_begin_body(probe);
}

static enum probe_verdict take_head(struct probe *probe, const struct response_head *head)
{
    if (head->status < 200)
        return probe_count_interim(probe);
    return is_grpc(probe) ? judge_grpc_head(probe, head) : probe_judge_head(probe, head);
}

enum probe_verdict probe_h2_read_head(struct probe *probe, bool *ret_progress)
{
    enum error_code error = ERROR_NONE;
    struct response_head head;
    struct span bytes = {0};
    enum probe_verdict verdict = move(probe);
    if (verdict != PROBE_WAIT)
        return verdict;
    enum method method =
        is_grpc(probe)
            ? METHOD_POST
            : method_find(slice_from_text(health_methods[probe->order.settings->method]));
    switch (h2_take_response(probe->stream, method, &probe->arena, &bytes, &head, &error)) {
    case H2_HEAD_WAIT:
        return wait_or_fail(probe);
    case H2_HEAD_GONE:
        return fail_as_gone(probe);
    case H2_HEAD_BAD:
        span_clear(&bytes);
        return error == ERROR_OUT_OF_MEMORY ? PROBE_UNKNOWN : probe_fail(probe, PROBE_MALFORMED);
    case H2_HEAD_READY:
        break;
    }
    span_clear(&probe->head);
    probe->head = bytes;
    *ret_progress = true;
    return take_head(probe, &head);
}

static enum probe_verdict judge_grpc(struct probe *probe, const struct fields *trailers)
{
    uint64_t health = 0;
    note_grpc_status(probe, trailers);
    if (probe->grpc_status == GRPC_NO_CODE)
        return probe_fail(probe, PROBE_NOT_GRPC);
    probe->failure.status = probe->grpc_status;
    if (probe->grpc_status != GRPC_OK)
        return probe_fail(probe, PROBE_GRPC_STATUS);
    if (!grpc_health_read(slice_of(probe->body, probe->body_length), &health))
        return probe_fail(probe, PROBE_MALFORMED);
    return health == GRPC_HEALTH_SERVING ? PROBE_PASSED : probe_fail(probe, PROBE_NOT_SERVING);
}

enum probe_verdict probe_h2_read_body(struct probe *probe, bool *ret_progress)
{
    struct fields trailers = {0};
    struct span piece = {0};
    enum probe_verdict verdict = move(probe);
    if (verdict != PROBE_WAIT)
        return verdict;
    switch (h2_take_body(probe->stream, &probe->arena, &trailers, &piece)) {
    case H2_BODY_WAIT:
        return wait_or_fail(probe);
    case H2_BODY_PIECE:
        *ret_progress = true;
        if (!probe_keep_piece(probe, &piece))
            return PROBE_WAIT;
        return is_grpc(probe) ? probe_fail(probe, PROBE_MALFORMED) : probe_judge_body(probe);
    case H2_BODY_END:
        return is_grpc(probe) ? judge_grpc(probe, &trailers) : probe_judge_body(probe);
    case H2_BODY_GONE:
        return fail_as_gone(probe);
    case H2_BODY_NO_MEMORY:
        return PROBE_UNKNOWN;
    }
    UNREACHABLE();
}
