/* The relay: both directions at once. Each flow pulls a piece from one side and hands it to the
 * other as long as there is room there, so a slow side slows the other and nothing piles up.
 * `outcome` alone decides from both flows when the exchange is over. */
#include "base/assert.h"
#include "base/cold.h"
#include "exchange/exchange.h"
#include "exchange/reveal.h"

enum {
    PIECES_PER_RUN = 32,     /* each way; then other exchanges have their turn */
    INTERIM_MAX = 32,        /* 1xx heads before a final one */
    PUMP_LEAST = 128 * 1024, /* bytes from which a pump is worth its pipe */
};

/* ---- request: client to server */

static bool is_open(enum flow flow)
{
    return flow == FLOW_OPEN || flow == FLOW_PUMP;
}

COLD static void request_failed(struct exchange *exchange, enum error_code error)
{
    ASSERT(error != ERROR_NONE);
    exchange_fail(exchange, error);
    exchange->request_flow = FLOW_CUT;
}

static bool exceeds_limit(const struct exchange *exchange)
{
    uint64_t limit = (uint64_t)exchange->plan->limits->body_size;
    return limit > 0 && exchange->request_body_bytes > limit && !exchange->is_tunnel;
}

static void end_request(struct exchange *exchange)
{
    exchange->request_flow = FLOW_ENDED;
    if (exchange->mirror)
        mirror_end_body(exchange);
    if (exchange->request_trailers.count > 0)
        exchange_run_trailer_stages(exchange);
    if (!call_send_end(&exchange->call, &exchange->request_trailers))
        request_failed(exchange, ERROR_OUT_OF_MEMORY);
}

/* One piece onwards. False: nothing more for now. */
static bool relay_request_piece(struct exchange *exchange)
{
    ASSERT(exchange->request_flow == FLOW_OPEN);
    struct span piece = {0};
    enum error_code error = ERROR_NONE;
    switch (exchange->stream->class->receive_body(exchange->stream, &exchange->arena,
                                                  &exchange->request_trailers, &piece, &error)) {
    case READ_PIECE:
        exchange->request_body_bytes += piece.length;
        if (exceeds_limit(exchange)) {
            span_clear(&piece);
            request_failed(exchange, ERROR_BODY_TOO_LARGE);
            return true;
        }
        if (exchange->retry)
            exchange_retry_keep(exchange, &piece);
        if (exchange->mirror)
            mirror_keep(exchange, &piece);
        if (!call_send_body(&exchange->call, piece))
            request_failed(exchange, ERROR_OUT_OF_MEMORY);
        return true;
    case READ_END:
        end_request(exchange);
        return false;
    case READ_CUT:
        request_failed(exchange, ERROR_REQUEST_CUT);
        return false;
    case READ_FAILED:
        request_failed(exchange, error);
        return false;
    case READ_WAIT:
    case READ_HEAD:
        return false;
    }
    UNREACHABLE();
}

/* The server takes nothing more. What it answered may still be on its way to us: the response
 * decides. */
COLD static void server_is_full(struct exchange *exchange)
{
    if (is_open(exchange->request_flow))
        exchange->request_flow = FLOW_CUT;
}

/* Whether what is left of the request could go by a pump; what is limited has to be counted. */
static bool is_long_request(struct exchange *exchange)
{
    uint64_t remaining = 0;
    return exchange->request_flow == FLOW_OPEN && !pump_is_in_use(&exchange->pump) &&
           exchange->plan->limits->body_size == 0 &&
           exchange->stream->class->pump_from(exchange->stream, &remaining) &&
           remaining >= PUMP_LEAST && !retry_keeps_body(exchange->retry) && !exchange->mirror;
}

/* Stops where a pump could go on, unless `all`. */
static enum io relay_request(struct exchange *exchange, unsigned *pieces, bool all)
{
    enum io io = IO_DONE;
    while (exchange->request_flow == FLOW_OPEN && io == IO_DONE && *pieces > 0) {
        if (!all && is_long_request(exchange))
            break;
        if (!call_has_room(&exchange->call))
            io = call_flush(&exchange->call);
        else if (!relay_request_piece(exchange))
            break;
        (*pieces)--;
    }
    /* Of a request that turned out to be malformed as little as can be goes on. */
    if (io == IO_DONE && !exchange->error)
        io = call_flush(&exchange->call);
    if (io == IO_FAILED)
        server_is_full(exchange);
    return io;
}

/* ---- response: server to client */

static bool send_final_head(struct exchange *exchange)
{
    ASSERT(exchange->response.status >= 200 && !exchange->response_sent);
    struct response_head *head = &exchange->response;
    exchange->answered = loop_now(exchange->context->loop);
    fields_remove_hop_by_hop(&head->fields);
    if (!fields_find(&head->fields, FIELD_DATE) &&
        !fields_add(&head->fields, &exchange->arena, FIELD_DATE, SLICE("Date"),
                    loop_context_date(exchange->context)))
        return false;
    if (!reveal_clean(exchange))
        return false;
    exchange_run_response_stages(exchange);
    /* The response may end before the request does. */
    if (exchange->request_flow != FLOW_ENDED)
        exchange->stream->class->answer_early(exchange->stream);
    exchange->response_sent = true;
    exchange->response_flow = FLOW_OPEN;
    if (exchange->retry)
        exchange_retry_forget(exchange);
    return exchange->stream->class->send_head(exchange->stream, head);
}

/* RFC 9110 7.8: a server changes only to what the client named. */
static bool is_asked_for(const struct exchange *exchange, const struct field *upgrade)
{
    return exchange->request.wants_upgrade &&
           fields_list_has(&exchange->request.fields, FIELD_UPGRADE, upgrade->value);
}

/* 101 that was asked for: the head goes on, then the connections become a tunnel. */
COLD static bool send_upgrade(struct exchange *exchange)
{
    ASSERT(exchange->response.status == 101 && !exchange->response_sent);
    struct response_head *head = &exchange->response;
    const struct field *upgrade = fields_find(&head->fields, FIELD_UPGRADE);
    bool keeps = exchange_keeps_tunnel(exchange);
    if (!upgrade || exchange->request_flow != FLOW_ENDED || !is_asked_for(exchange, upgrade) ||
        (keeps && !exchange->call.websocket)) {
        exchange_fail(exchange, ERROR_UNASKED_UPGRADE);
        return true;
    }
    struct slice protocol = upgrade->value;
    exchange->answered = loop_now(exchange->context->loop);
    fields_remove_hop_by_hop(&head->fields);
    if (exchange->assigned)
        exchange_tell_assignments(exchange);
    exchange->response_sent = true;
    exchange->response_flow = FLOW_ENDED;
    bool good =
        fields_add(&head->fields, &exchange->arena, FIELD_UPGRADE, SLICE("Upgrade"), protocol) &&
        exchange->stream->class->send_head(exchange->stream, head);
    if (good && keeps)
        exchange_open_tunnel(exchange);
    return good;
}

COLD static bool send_interim(struct exchange *exchange)
{
    ASSERT(exchange->response.status >= 100 && !exchange->response_sent);
    if (++exchange->interim_count > INTERIM_MAX) {
        exchange_fail(exchange, ERROR_BAD_RESPONSE_LINE);
        return true;
    }
    fields_remove_hop_by_hop(&exchange->response.fields);
    return exchange->stream->class->send_head(exchange->stream, &exchange->response);
}

static bool is_unwanted(struct exchange *exchange)
{
    if (exchange->early && early_data_asks_again(exchange))
        return true;
    return exchange->plan->retries && exchange_retry_wants(exchange);
}

static void relay_head(struct exchange *exchange)
{
    bool good = true;
    if (exchange->response.status == 101)
        good = send_upgrade(exchange);
    else if (exchange->response.status < 200)
        good = send_interim(exchange);
    else if (is_unwanted(exchange))
        exchange->response_flow = FLOW_UNWANTED;
    else
        good = send_final_head(exchange);
    if (!good)
        exchange_fail(exchange, ERROR_OUT_OF_MEMORY);
}

COLD static void response_failed(struct exchange *exchange, enum error_code error)
{
    exchange_fail(exchange, error);
    exchange->response_flow = FLOW_CUT;
}

static void end_response(struct exchange *exchange)
{
    struct stream *stream = exchange->stream;
    exchange->response_flow = FLOW_ENDED;
    if (exchange->response_trailers.count > 0)
        exchange_run_response_trailer_stages(exchange);
    if (!stream->class->send_end(stream, &exchange->response_trailers))
        response_failed(exchange, ERROR_OUT_OF_MEMORY);
}

/* One piece onwards. False: nothing more for now. */
static bool relay_response_piece(struct exchange *exchange)
{
    ASSERT(exchange->response_flow == FLOW_OPEN && exchange->response_sent);
    struct span piece = {0};
    struct stream *stream = exchange->stream;
    switch (call_receive_body(&exchange->call, &exchange->response_trailers, &piece)) {
    case READ_PIECE:
        exchange->response_body_bytes += piece.length;
        if (!stream->class->send_body(stream, piece))
            response_failed(exchange, ERROR_OUT_OF_MEMORY);
        else if (exchange->call.response_ended)
            end_response(exchange);
        return true;
    case READ_END:
        end_response(exchange);
        return false;
    case READ_CUT:
    case READ_FAILED:
        response_failed(exchange, exchange->call.error);
        return false;
    case READ_WAIT:
    case READ_HEAD:
        return false;
    }
    UNREACHABLE();
}

static enum read_event receive_head(struct exchange *exchange)
{
    if (exchange->retry && exchange->retry->hedge)
        return hedge_receive_head(exchange->retry->hedge);
    return call_receive_head(&exchange->call, &exchange->response);
}

/* One step of the response. False: nothing more for now. */
static bool relay_response_step(struct exchange *exchange)
{
    if (exchange->response_flow == FLOW_OPEN)
        return relay_response_piece(exchange);
    switch (receive_head(exchange)) {
    case READ_HEAD:
        relay_head(exchange);
        return true;
    case READ_FAILED:
        exchange_fail(exchange, exchange->call.error);
        return false;
    default:
        return false;
    }
}

static bool response_goes_on(const struct exchange *exchange)
{
    return (exchange->response_flow == FLOW_HEAD || exchange->response_flow == FLOW_OPEN) &&
           exchange->error == ERROR_NONE;
}

static enum io flush_client(struct exchange *exchange)
{
    size_t sent = 0;
    return exchange->stream->class->flush(exchange->stream, &sent);
}

/* Whether what is left of the response could go by a pump. */
static bool is_long_response(struct exchange *exchange)
{
    uint64_t remaining = 0;
    return exchange->response_flow == FLOW_OPEN && !pump_is_in_use(&exchange->pump) &&
           call_pump_from(&exchange->call, &remaining) && remaining >= PUMP_LEAST;
}

/* Stops where a pump could go on, unless `all`. */
static enum io relay_response(struct exchange *exchange, unsigned *pieces, bool all)
{
    enum io io = IO_DONE;
    while (response_goes_on(exchange) && io == IO_DONE && *pieces > 0) {
        if (!all && is_long_response(exchange))
            break;
        if (!exchange->stream->class->has_room(exchange->stream))
            io = flush_client(exchange);
        else if (!relay_response_step(exchange))
            break;
        (*pieces)--;
    }
    if (io == IO_DONE)
        io = flush_client(exchange);
    if (io == IO_FAILED)
        response_failed(exchange, ERROR_CLIENT_GONE);
    return io;
}

/* ---- pumping: long bodies between plain sockets; one way at a time, the other one copies */

static bool may_pump(const struct exchange *exchange, const struct transport *from,
                     const struct transport *to, uint64_t remaining)
{
    return from && to && remaining >= PUMP_LEAST && transports_can_pump(from, to) &&
           !pump_is_in_use(&exchange->pump);
}

static void begin_response_pump(struct exchange *exchange)
{
    ASSERT(exchange->response_flow == FLOW_OPEN);
    uint64_t remaining = 0;
    struct transport *sink = exchange->stream->class->pump_to(exchange->stream);
    struct transport *source = call_pump_from(&exchange->call, &remaining);
    if (may_pump(exchange, source, sink, remaining) &&
        pump_init(&exchange->pump, exchange->context->pipes, remaining))
        exchange->response_flow = FLOW_PUMP;
}

static void begin_request_pump(struct exchange *exchange)
{
    ASSERT(exchange->request_flow == FLOW_OPEN);
    uint64_t remaining = 0;
    struct transport *source = exchange->stream->class->pump_from(exchange->stream, &remaining);
    struct transport *sink = call_pump_to(&exchange->call);
    if (may_pump(exchange, source, sink, remaining) &&
        pump_init(&exchange->pump, exchange->context->pipes, remaining))
        exchange->request_flow = FLOW_PUMP;
}

/* IO_PENDING: the sink has no room; IO_DONE: the source has nothing, or it goes on by copying. */
static enum io pump_response(struct exchange *exchange)
{
    uint64_t moved = 0, remaining = 0;
    struct transport *sink = exchange->stream->class->pump_to(exchange->stream);
    struct transport *source = call_pump_from(&exchange->call, &remaining);
    ASSERT(exchange->response_flow == FLOW_PUMP && source && sink);
    enum pump_event event = pump_run(&exchange->pump, source, sink, &moved);
    ASSERT(exchange->pump.remaining <= remaining);
    exchange->response_body_bytes += moved;
    call_pumped_from(&exchange->call, remaining - exchange->pump.remaining);
    exchange->stream->class->pumped_to(exchange->stream, moved);
    if (event == PUMP_WAIT_SOURCE)
        return IO_DONE;
    if (event == PUMP_WAIT_SINK)
        return IO_PENDING;
    if (event == PUMP_TURN_OVER) {
        exchange_resume(exchange);
        return IO_PENDING;
    }
    pump_fini(&exchange->pump);
    exchange->response_flow = FLOW_OPEN;
    if (event == PUMP_SINK_FAILED)
        response_failed(exchange, ERROR_CLIENT_GONE);
    /* PUMP_END and PUMP_CUT: the reader finds the same end, or the same cut. */
    return IO_DONE;
}

static enum io pump_request(struct exchange *exchange)
{
    uint64_t moved = 0, remaining = 0;
    struct stream *stream = exchange->stream;
    struct transport *source = stream->class->pump_from(stream, &remaining);
    struct transport *sink = call_pump_to(&exchange->call);
    ASSERT(exchange->request_flow == FLOW_PUMP && source && sink);
    enum pump_event event = pump_run(&exchange->pump, source, sink, &moved);
    ASSERT(exchange->pump.remaining <= remaining);
    uint64_t taken = remaining - exchange->pump.remaining; /* the pipe may hold some of it */
    exchange->request_body_bytes += taken;
    stream->class->pumped_from(stream, taken);
    call_pumped_to(&exchange->call, moved);
    if (event == PUMP_WAIT_SOURCE)
        return IO_DONE;
    if (event == PUMP_WAIT_SINK)
        return IO_PENDING;
    if (event == PUMP_TURN_OVER) {
        exchange_resume(exchange);
        return IO_PENDING;
    }
    pump_fini(&exchange->pump);
    exchange->request_flow = FLOW_OPEN;
    if (event == PUMP_SINK_FAILED)
        server_is_full(exchange);
    return IO_DONE;
}

/* Copies up to where a pump can take over, pumps, and copies what a pump left: the end, the cut, or
 * all where there was none to be had. */
static enum io run_request(struct exchange *exchange, unsigned *pieces)
{
    if (exchange->request_flow == FLOW_ENDED)
        return call_flush(&exchange->call); /* what failed by now the response tells */
    if (exchange->request_flow != FLOW_PUMP) {
        enum io io = relay_request(exchange, pieces, false);
        if (io != IO_DONE || !is_long_request(exchange))
            return io;
        begin_request_pump(exchange);
    }
    if (exchange->request_flow == FLOW_PUMP) {
        enum io io = pump_request(exchange);
        if (exchange->request_flow == FLOW_PUMP)
            return io;
    }
    return relay_request(exchange, pieces, true);
}

static enum io run_response(struct exchange *exchange, unsigned *pieces)
{
    if (exchange->response_flow != FLOW_PUMP) {
        enum io io = relay_response(exchange, pieces, false);
        if (io != IO_DONE || !is_long_response(exchange))
            return io;
        begin_response_pump(exchange);
    }
    if (exchange->response_flow == FLOW_PUMP) {
        enum io io = pump_response(exchange);
        if (exchange->response_flow == FLOW_PUMP)
            return io;
    }
    return relay_response(exchange, pieces, true);
}

/* ---- the end */

/* A connection that was kept may have been closed by the server while our request was on its way.
 * What is safe to repeat (RFC 9110 9.2.2) and can be sent again is, once, over a fresh one. */
static bool may_repeat(const struct exchange *exchange)
{
    return call_was_dead(&exchange->call) && !exchange->repeated && exchange->interim_count == 0 &&
           exchange->request.body == BODY_NONE && method_is_idempotent(exchange->request.method);
}

/* What a server of HTTP/2 has not taken up is repeated as well (RFC 9113 6.8, 8.7): nothing can
 * have come of it. More than once: a server that says goodbye after so many requests may say it to
 * those that have just come to the next connection, too. */
COLD static bool was_refused(const struct exchange *exchange)
{
    enum { REFUSALS_MAX = 3 };
    const struct call *call = &exchange->call;
    return call->error == ERROR_SERVER_STREAM_REFUSED && !call->response_begun &&
           exchange->refusals < REFUSALS_MAX && exchange->interim_count == 0 &&
           exchange->request_body_bytes == 0;
}

/* Whether the call to a second server, where one was asked as well, goes on in the place of this
 * one. */
COLD static bool second_takes_over(struct exchange *exchange)
{
    struct hedge *hedge = exchange->retry ? exchange->retry->hedge : NULL;
    return hedge && hedge_takes_over(hedge);
}

COLD static enum verdict fail_exchange(struct exchange *exchange)
{
    ASSERT(exchange->error != ERROR_NONE);
    if (second_takes_over(exchange))
        return GO_ON;
    bool refused = was_refused(exchange);
    if (refused || may_repeat(exchange)) {
        exchange->error = ERROR_NONE;
        exchange->repeated = true;
        exchange->refusals = (uint8_t)(exchange->refusals + refused);
        exchange->request_flow = FLOW_OPEN;
        call_restart(&exchange->call);
        exchange_go(exchange, EXCHANGE_CONNECT);
        return GO_ON;
    }
    if (exchange->plan->retries && exchange_retry_failure(exchange, exchange->error))
        return GO_ON;
    bool gone = exchange->error == ERROR_CLIENT_GONE;
    if (!exchange->response_sent && !gone) {
        exchange_refuse(exchange, exchange->error);
        return GO_ON;
    }
    exchange->response_flow = FLOW_CUT;
    exchange_go(exchange, EXCHANGE_END);
    return GO_ON;
}

/* Until the server said 100, the client may be right to send nothing (RFC 9110 10.1.1). */
static bool awaits_continue(const struct exchange *exchange)
{
    return exchange->request.expects_continue && exchange->interim_count == 0 &&
           exchange->request_body_bytes == 0 && exchange->response_flow == FLOW_HEAD;
}

/* While the client takes nothing, the server cannot be blamed for standing still. */
static enum call_wait server_wait(const struct exchange *exchange, enum io to_server,
                                  enum io to_client)
{
    if (to_client == IO_PENDING)
        return CALL_WAIT_NOTHING;
    if (to_server == IO_PENDING)
        return CALL_WAIT_TAKE;
    if (exchange->response_flow == FLOW_HEAD)
        return is_open(exchange->request_flow) && !awaits_continue(exchange) ? CALL_WAIT_NOTHING
                                                                             : CALL_WAIT_HEAD;
    return CALL_WAIT_BODY;
}

static enum stream_wait client_wait(const struct exchange *exchange, enum io to_server,
                                    enum io to_client)
{
    if (to_client == IO_PENDING)
        return STREAM_WAIT_TAKE;
    bool wants_body =
        is_open(exchange->request_flow) && to_server == IO_DONE && !awaits_continue(exchange);
    return wants_body ? STREAM_WAIT_BODY : STREAM_WAIT_NOTHING;
}

/* The response is whole and with the client: the exchange is over, whether or not the rest of the
 * request was wanted. A server may switch protocols before it took all of the request, which then
 * has to go before the bytes of the tunnel. */
static bool is_over(const struct exchange *exchange, enum io to_server, enum io to_client)
{
    bool answered = exchange->response_flow == FLOW_ENDED && to_client == IO_DONE;
    return answered && (exchange->response.status != 101 || to_server == IO_DONE);
}

/* Only what moves counts, and both ways count for both. */
COLD static enum verdict tunnel_outcome(struct exchange *exchange, enum io to_server,
                                        enum io to_client, bool turn_over)
{
    enum tunnel_outcome outcome = exchange_tunnel_outcome(exchange, to_server, to_client);
    if (outcome == TUNNEL_GOES_ON) {
        if (turn_over)
            exchange_resume(exchange);
        exchange_await(exchange, CALL_WAIT_TUNNEL, STREAM_WAIT_NOTHING);
        return WAIT;
    }
    if (outcome == TUNNEL_IS_CUT)
        exchange->response_flow = FLOW_CUT;
    exchange_go(exchange, EXCHANGE_END);
    return GO_ON;
}

static enum verdict outcome(struct exchange *exchange, enum io to_server, enum io to_client,
                            bool turn_over)
{
    if (exchange->is_tunnel)
        return tunnel_outcome(exchange, to_server, to_client, turn_over);
    bool switches = exchange->response_flow == FLOW_ENDED && exchange->response.status == 101;
    if (switches && to_server == IO_FAILED)
        exchange_fail(exchange, ERROR_SERVER_RESET);
    if (exchange->error)
        return fail_exchange(exchange);
    if (is_over(exchange, to_server, to_client)) {
        exchange_go(exchange, exchange->response.status == 101 ? EXCHANGE_TUNNEL : EXCHANGE_END);
        return GO_ON;
    }
    if (exchange->response_flow == FLOW_UNWANTED) {
        if (!second_takes_over(exchange))
            exchange_retry_answer(exchange);
        return GO_ON;
    }
    if (turn_over)
        exchange_resume(exchange);
    exchange_await(exchange, server_wait(exchange, to_server, to_client),
                   client_wait(exchange, to_server, to_client));
    return WAIT;
}

/* What has no body has ended with its head: nobody has to be asked for more. On a stream that
 * shares its connection the end is told by itself. */
static bool ends_with_head(const struct exchange *exchange)
{
    return exchange->request_flow == FLOW_OPEN && exchange->request.body == BODY_NONE &&
           !exchange->is_tunnel && !exchange->stream->class->shares_connection;
}

/* Whether all of it is with the server. */
static bool request_has_gone(const struct exchange *exchange)
{
    return exchange->request_flow == FLOW_ENDED && call_is_flushed(&exchange->call);
}

/* Whether neither has the server said anything, nor is there anything to tell the client. */
static bool awaits_answer(const struct exchange *exchange)
{
    return exchange->response_flow == FLOW_HEAD && exchange->interim_count == 0 &&
           !exchange->retry && call_awaits_news(&exchange->call);
}

enum verdict exchange_relay(struct exchange *exchange)
{
    ASSERT(exchange->has_call && call_is_placed(&exchange->call));
    ASSERT(exchange->request_flow != FLOW_HEAD && exchange->response_flow != FLOW_CUT);
    ASSERT(pump_is_in_use(&exchange->pump) ==
           (exchange->request_flow == FLOW_PUMP || exchange->response_flow == FLOW_PUMP));
    if (!exchange->is_tunnel && exchange->stream->class->is_gone(exchange->stream))
        exchange_fail(exchange, ERROR_CLIENT_GONE);
    if (exchange->call.error)
        exchange_fail(exchange, exchange->call.error);
    if (exchange->error)
        return fail_exchange(exchange);
    /* Each way has a share of its own: a client that never stops sending must not keep the server's
     * answer from being heard. */
    unsigned up = PIECES_PER_RUN, down = PIECES_PER_RUN;
    enum io to_server = IO_DONE, to_client = IO_DONE;
    if (ends_with_head(exchange))
        end_request(exchange);
    if (!request_has_gone(exchange))
        to_server = run_request(exchange, &up);
    if (!exchange->error && !awaits_answer(exchange))
        to_client = run_response(exchange, &down);
    return outcome(exchange, to_server, to_client, up == 0 || down == 0);
}
