/* The life of a client's connection:
 *
 *     PROXY_HEADER → HANDSHAKE → IDLE               where the listener asks for one, or for both
 *                    HANDSHAKE → H2                 the same, and the client chose HTTP/2
 *                    PREFACE → H2 or IDLE           where the listener takes both without TLS
 *     IDLE ⇄ HEAD → EXCHANGE → IDLE …
 *                      ├─────→ DISCARD → IDLE      a small rest of the request is still to come
 *                      ├─────→ LINGER → CLOSED     the client may still send: a close now could
 *                      │                           destroy the response on its way (RFC 9112 9.6)
 *                      └─────→ TUNNEL → CLOSED
 *     H2 → LINGER or CLOSED                         client_h2.c */
#include "base/cold.h"
#include "exchange/client_int.h"

#include "base/assert.h"
#include "base/pool.h"
#include "exchange/client_table.h"
#include "exchange/exchange.h"
#include "exchange/listener_settings.h"
#include "obs/log.h"
#include "wire/proxy_protocol.h"

enum {
    LINGER_MS = 2000,
    FIRST_REQUEST_MS = 500, /* while the loop drains */
    /* More than may be under way when the client sees our answer and stops: both ends' queues. */
    LINGER_BYTES_MAX = 16 * 1024 * 1024,
    DISCARD_BYTES_MAX = 64 * 1024,
};

size_t client_size(void)
{
    return sizeof(struct client);
}

const struct listener_plan *client_listener(const struct client *client)
{
    return client->listener->plan;
}

bool client_shall_leave(const struct client *client)
{
    return client->context->draining || client->listener->is_closed;
}

void client_count_limit(struct client *client, enum client_limit limit)
{
    counter_add(&client->context->counts.connections_limited[limit], 1);
}

static void set_timer(struct client *client, int64_t after_ms)
{
    ASSERT(after_ms > 0);
    timer_set(client->context->loop, &client->timer, (uint64_t)after_ms);
}

/* ---- the end */

static void bury(struct grave *grave)
{
    struct client *client = CONTAINER_OF(grave, struct client, grave);
    pool_put(client->context->clients, client);
}

void client_close(struct client *client, bool reset)
{
    ASSERT(client->state != CLIENT_CLOSED && client->state != CLIENT_EXCHANGE);
    client->state = CLIENT_CLOSED;
    if (client->counted)
        client_table_leave(client->context->client_table, &client->peer, client->limit_per_client);
    task_cancel(&client->task);
    timer_fini(&client->timer);
    h1_reader_fini(&client->reader);
    transport_close(&client->transport, reset);
    list_remove(&client->link);
    loop_listener_unref(client->listener);
    atomic_fetch_sub_explicit(&client->context->open_clients, 1, memory_order_relaxed);
    loop_bury(client->context->loop, &client->grave, bury);
}

/* Reads and drops; the connection goes when the client has ended, or has sent too much. */
COLD static void linger(struct client *client)
{
    ASSERT(client->state == CLIENT_LINGER);
    for (;;) {
        struct span bytes = {0};
        enum io io = transport_receive(&client->transport, BUFFER_MEDIUM, &bytes);
        if (io == IO_PENDING)
            return;
        client->discarded += bytes.length;
        span_clear(&bytes);
        if (io != IO_DONE || client->discarded > LINGER_BYTES_MAX) {
            client_close(client, false);
            return;
        }
    }
}

COLD void client_linger(struct client *client)
{
    client->state = CLIENT_LINGER;
    client->discarded = 0;
    h1_reader_fini(&client->reader);
    transport_shutdown_send(&client->transport);
    set_timer(client, LINGER_MS);
    linger(client);
}

/* ---- between requests */

static void become_idle(struct client *client)
{
    client->state = CLIENT_IDLE;
    client->reader.receive_size = BUFFER_SMALL;
    if (client_shall_leave(client) && !client->context->is_patient) {
        client_linger(client); /* it may have sent more: a close could destroy our answer */
        return;
    }
    set_timer(client, client_listener(client)->timeouts->keep_alive);
    bool more =
        h1_reader_has_leftover(&client->reader) || transport_is_readable(&client->transport);
    if (more)
        loop_defer(client->context->loop, &client->task);
    else if (!socket_watch(&client->transport.socket))
        client_close(client, false);
}

COLD static void discard(struct client *client)
{
    ASSERT(client->state == CLIENT_DISCARD);
    for (;;) {
        struct span piece = {0};
        struct fields trailers = {0};
        struct arena arena;
        enum error_code error = ERROR_NONE;
        arena_init(&arena, client->context->arena_chunks, DISCARD_BYTES_MAX);
        enum read_event event = h1_reader_read_body(&client->reader, &client->transport,
                                                    &client_listener(client)->h1_limits, H1_REQUEST,
                                                    &arena, &trailers, &piece, &error);
        client->discarded += piece.length;
        span_clear(&piece);
        arena_fini(&arena);
        if (event == READ_WAIT)
            return;
        if (event == READ_END) {
            become_idle(client);
            return;
        }
        if (event != READ_PIECE || client->discarded > DISCARD_BYTES_MAX) {
            client_linger(client);
            return;
        }
    }
}

void client_next(struct client *client, bool keep, enum client_rest rest)
{
    ASSERT(client->state == CLIENT_EXCHANGE);
    client->state = CLIENT_DISCARD;
    client->discarded = 0;
    bool loud =
        h1_reader_has_leftover(&client->reader) || transport_is_readable(&client->transport);
    if (keep && rest == REST_NONE) {
        become_idle(client);
    } else if (keep && rest == REST_SMALL) {
        set_timer(client, client_listener(client)->timeouts->request_header);
        loop_defer(client->context->loop, &client->task);
    } else if (rest != REST_NONE || loud || client_is_early(client)) {
        client_linger(client);
    } else {
        client_close(client, false);
    }
}

/* ---- a request */

void client_introduce(struct client *client, struct exchange *exchange)
{
    exchange->listener = client_listener(client);
    exchange->peer = exchange->client = client->peer;
    if (client->peer_text.length == 0)
        client->peer_text = ip_text_of(&client->peer);
    exchange->peer_text = ip_text_slice(&client->peer_text);
    exchange->tls = client->transport.tls;
    if (exchange->tls && tls_is_early(exchange->tls))
        exchange->early = EARLY_CAME;
    exchange->scheme = exchange->tls ? SCHEME_HTTPS : SCHEME_HTTP;
}

/* The source is whom the connection speaks for, which a header may have told. */
void client_tell_ends(const struct client *client, struct proxy_header *ret_ends)
{
    struct sys_ends ends;
    transport_ends(&client->transport, &ends);
    bool is_peer = ip_equal(&client->peer, &ends.peer);
    *ret_ends = (struct proxy_header){
        .source = client->peer,
        .destination = ends.local,
        .source_port = is_peer ? ends.peer_port : client->announced_port,
        .destination_port = ends.local_port,
    };
}

static void begin_exchange(struct client *client, enum error_code error)
{
    ASSERT(client->state == CLIENT_IDLE || client->state == CLIENT_HEAD);
    struct loop_context *context = client->context;
    struct exchange *exchange = exchange_new(context);
    struct client_stream *stream = exchange ? client_stream_new(client, exchange) : NULL;
    if (!stream) {
        /* Nothing can be said without memory. */
        if (exchange)
            exchange_drop(exchange);
        client_close(client, true);
        return;
    }
    client->requests++;
    client->state = CLIENT_EXCHANGE;
    client->exchange = exchange;
    timer_unset(&client->timer);
    client_introduce(client, exchange);
    if (!error) {
        struct h1_scan scan = client->reader.scan;
        exchange->request_bytes = h1_reader_take_head(&client->reader);
        error = h1_parse_request(span_slice(&exchange->request_bytes), &scan,
                                 &exchange->listener->h1_limits, &exchange->arena,
                                 &exchange->request, &client->reader.body, &stream->keep_alive);
    }
    client_stream_begin(stream, exchange, error);
    if (error)
        exchange_refuse_request(exchange, error);
    else
        exchange_run(exchange);
}

static void read_head(struct client *client)
{
    ASSERT(client->state == CLIENT_IDLE || client->state == CLIENT_HEAD);
    enum error_code error = ERROR_NONE;
    const struct listener_plan *listener = client_listener(client);
    switch (h1_reader_find_head(&client->reader, &client->transport, &listener->h1_limits,
                                H1_REQUEST, &error)) {
    case READ_HEAD:
        begin_exchange(client, ERROR_NONE);
        return;
    case READ_FAILED:
        begin_exchange(client, error);
        return;
    case READ_WAIT:
        if (client->state == CLIENT_IDLE && h1_reader_has_leftover(&client->reader)) {
            client->state = CLIENT_HEAD;
            if (client->requests > 0)
                set_timer(client, listener->timeouts->request_header);
        }
        return;
    default:
        client_close(client, false);
        return;
    }
}

/* Who has only just come has its first request on the way to us; who has been served knows that an
 * idle connection may close at any time (RFC 9112 9.5). */
static void drain_idle(struct client *client)
{
    if (client->context->is_patient)
        return;
    if (client->requests == 0)
        set_timer(client, FIRST_REQUEST_MS);
    else if (client_is_early(client))
        client_linger(client); /* the end of its handshake is on its way */
    else
        client_close(client, false);
}

void client_begin_requests(struct client *client)
{
    ASSERT(client->state == CLIENT_HANDSHAKE);
    client->state = CLIENT_IDLE;
    set_timer(client, client_listener(client)->timeouts->request_header);
    if (client_shall_leave(client))
        drain_idle(client);
    read_head(client);
}

/* A client that knows that HTTP/2 is spoken here begins with its preface (RFC 9113 3.3, 3.4); no
 * request of HTTP/1 does. */
COLD static void read_preface(struct client *client)
{
    const struct slice preface = SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    enum read_event event = READ_PIECE;
    enum error_code error = ERROR_NONE;
    ASSERT(client->state == CLIENT_PREFACE);
    while (event == READ_PIECE) {
        struct slice bytes = span_slice(&client->reader.inbound);
        if (bytes.length >= preface.length && slice_starts_with(bytes, preface)) {
            client_begin_h2(client);
            return;
        }
        if (!slice_starts_with(preface, bytes)) {
            client->state = CLIENT_IDLE;
            read_head(client);
            return;
        }
        event = h1_reader_receive(&client->reader, &client->transport, &error);
    }
    if (event != READ_WAIT)
        client_close(client, false);
}

COLD static void begin_with_preface(struct client *client)
{
    client->state = CLIENT_PREFACE;
    read_preface(client);
}

/* What comes first on a connection that is counted. */
static void begin(struct client *client)
{
    ASSERT(client->state == CLIENT_IDLE && client->counted);
    if (client_listener(client)->speaks_tls)
        client_begin_handshake(client);
    else if (client_listener(client)->takes_h2c)
        begin_with_preface(client);
    else
        read_head(client);
}

/* ---- the header of the PROXY protocol */

/* Above a limit the client is told so and its request is not read; in TLS that would take a
 * handshake, which nobody shall have for nothing. */
COLD static void refuse(struct client *client, enum client_entry entry)
{
    ASSERT(client->state == CLIENT_IDLE && !client->counted && entry != CLIENT_ENTRY_GRANTED);
    client_count_limit(client, entry == CLIENT_ENTRY_ABOVE_ALL
                                   ? CLIENT_LIMIT_CONNECTIONS
                                   : CLIENT_LIMIT_CONNECTIONS_PER_CLIENT);
    if (client_listener(client)->speaks_tls) {
        client_close(client, true);
        return;
    }
    struct slice busy = SLICE("HTTP/1.1 503 Service Unavailable\r\n"
                              "Content-Length: 0\r\nConnection: close\r\n\r\n");
    size_t sent = 0;
    (void)transport_send(&client->transport, &busy, 1, &sent);
    client_linger(client);
}

COLD static void close_unannounced(struct client *client, const char *sentence)
{
    log_event(LOG_WARNING, sentence, LOG_IP("peer", &client->peer));
    client_close(client, true);
}

/* From here on the client is who the header says; limits per client are its own. */
COLD static enum client_entry become_announced(struct client *client,
                                               const struct proxy_header *header)
{
    ASSERT(client->state == CLIENT_PROXY_HEADER && client->limit_per_client == 0);
    const struct limits *limits = client_listener(client)->limits;
    client_table_leave(client->context->client_table, &client->peer, 0);
    if (header->source.kind != ADDRESS_NONE) {
        client->peer = header->source;
        client->announced_port = header->source_port;
    }
    client->limit_per_client = (uint32_t)limits->connections_per_client;
    enum client_entry entry =
        client_table_enter(client->context->client_table, &client->peer,
                           (uint64_t)limits->connections, client->limit_per_client);
    client->counted = entry == CLIENT_ENTRY_GRANTED;
    client->state = CLIENT_IDLE;
    return entry;
}

COLD static void read_proxy_header(struct client *client)
{
    ASSERT(client->state == CLIENT_PROXY_HEADER);
    for (;;) {
        struct proxy_header header;
        size_t length = 0;
        enum client_entry entry;
        enum error_code error = ERROR_NONE;
        switch (proxy_header_read(span_slice(&client->reader.inbound), &header, &length)) {
        case PROXY_HEADER_COMPLETE:
            span_skip(&client->reader.inbound, length);
            entry = become_announced(client, &header);
            if (entry == CLIENT_ENTRY_GRANTED)
                begin(client);
            else
                refuse(client, entry);
            return;
        case PROXY_HEADER_BAD:
            close_unannounced(client, "a connection does not begin with a PROXY protocol header; "
                                      "it was closed");
            return;
        case PROXY_HEADER_MORE:
            break;
        }
        enum read_event event = h1_reader_receive(&client->reader, &client->transport, &error);
        if (event == READ_WAIT)
            return;
        if (event != READ_PIECE) {
            client_close(client, false);
            return;
        }
    }
}

/* ---- news */

/* What is true whenever there is news for a client. */
static void check(const struct client *client)
{
    ASSERT(client->state != CLIENT_CLOSED && !list_is_empty(&client->link));
    ASSERT(socket_is_open(&client->transport.socket) && client->context->current);
    ASSERT(client->counted || client->state == CLIENT_LINGER);
    ASSERT(client->state != CLIENT_EXCHANGE || client->exchange->stream);
    ASSERT(client->state != CLIENT_TUNNEL || client->tunnel);
    ASSERT(client->state != CLIENT_H2 || client->h2);
}

static void on_news(struct socket *socket)
{
    struct client *client = CONTAINER_OF(socket, struct client, transport.socket);
    check(client);
    switch (client->state) {
    case CLIENT_PROXY_HEADER:
        read_proxy_header(client);
        return;
    case CLIENT_HANDSHAKE:
        client_shake_hands(client);
        return;
    case CLIENT_PREFACE:
        read_preface(client);
        return;
    case CLIENT_H2:
        client_h2_run(client);
        return;
    case CLIENT_IDLE:
    case CLIENT_HEAD:
        read_head(client);
        return;
    case CLIENT_EXCHANGE:
        if (client_is_early(client))
            client_go_on_early(client);
        exchange_run(client->exchange);
        return;
    case CLIENT_DISCARD:
        discard(client);
        return;
    case CLIENT_LINGER:
        linger(client);
        return;
    case CLIENT_TUNNEL:
        client->tunnel->on_news(client->tunnel);
        return;
    case CLIENT_CLOSED:
        break;
    }
    UNREACHABLE();
}

static void on_task(struct task *task)
{
    struct client *client = CONTAINER_OF(task, struct client, task);
    on_news(&client->transport.socket);
}

bool client_takes_slowly(const struct client *client, uint64_t *unsent, uint64_t after_ms)
{
    uint64_t before = *unsent;
    if (!transport_unsent(&client->transport, unsent))
        return false;
    return before == UINT64_MAX ||
           (*unsent < before && client_has_progressed(before - *unsent, after_ms));
}

COLD static void exchange_timed_out(struct client *client)
{
    ASSERT(client->exchange->stream);
    struct client_stream *stream = (struct client_stream *)client->exchange->stream;
    bool is_response = stream->waiting == STREAM_WAIT_TAKE;
    if (is_response && client_takes_slowly(client, &stream->unsent, stream->patience)) {
        set_timer(client, (int64_t)stream->patience);
        return;
    }
    stream->stalled |= is_response;
    exchange_fail(client->exchange, stream->stalled ? ERROR_CLIENT_STALLED : ERROR_REQUEST_TIMEOUT);
    exchange_run(client->exchange);
}

/* Whoever is to leave had less time. */
COLD static void close_silent(struct client *client)
{
    if (!client_shall_leave(client))
        client_count_limit(client, client->requests == 0 ? CLIENT_LIMIT_REQUEST_HEADER
                                                         : CLIENT_LIMIT_KEEP_ALIVE);
    client_close(client, false);
}

static void on_timer(struct timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, timer);
    check(client);
    switch (client->state) {
    case CLIENT_HANDSHAKE:
        client_give_up_handshake(client);
        return;
    case CLIENT_HEAD:
        begin_exchange(client, ERROR_REQUEST_TIMEOUT);
        return;
    case CLIENT_EXCHANGE:
        exchange_timed_out(client);
        return;
    case CLIENT_TUNNEL:
        client->tunnel->on_timeout(client->tunnel);
        return;
    case CLIENT_H2:
        client_h2_timed_out(client);
        return;
    case CLIENT_PROXY_HEADER:
    case CLIENT_PREFACE:
    case CLIENT_IDLE:
        close_silent(client);
        return;
    case CLIENT_DISCARD:
    case CLIENT_LINGER:
        client_close(client, false);
        return;
    case CLIENT_CLOSED:
        break;
    }
    UNREACHABLE();
}

/* ---- the beginning */

static struct client *new_client(struct loop_context *context, struct loop_listener *listener,
                                 int fd)
{
    struct client *client = pool_get(context->clients);
    if (!client)
        return NULL;
    socket_init(&client->transport.socket, context->loop, fd, on_news);
    timer_init(&client->timer, on_timer);
    task_init(&client->task, on_task);
    h1_reader_init(&client->reader);
    list_push_back(&context->client_list, &client->link);
    atomic_fetch_add_explicit(&context->open_clients, 1, memory_order_relaxed);
    loop_listener_ref(listener);
    client->context = context;
    client->transport.tls = NULL;
    client->listener = listener;
    client->requests = 0;
    client->announced_port = 0;
    client->state = CLIENT_IDLE;
    return client;
}

static void await_announcement(struct client *client, const struct ip_ranges *from)
{
    bool from_anybody = from->count == 0 && !from->unix_peers;
    client->state = CLIENT_PROXY_HEADER;
    if (from_anybody || ip_ranges_contain(from, &client->peer))
        read_proxy_header(client);
    else
        close_unannounced(client, "a connection does not come from whom proxy_protocol names; it "
                                  "was closed");
}

void client_accept(struct loop_context *context, struct loop_listener *listener, int fd,
                   const struct ip *peer)
{
    ASSERT(fd >= 0 && context->current);
    struct client *client = new_client(context, listener, fd);
    if (!client) {
        struct socket socket;
        socket_init(&socket, context->loop, fd, on_news);
        socket_close(&socket, true);
        return;
    }
    client->peer = *peer;
    client->peer_text.length = 0;
    counter_add(&context->counts.connections_accepted, 1);
    const struct listener_plan *plan = client_listener(client);
    bool announced = plan->proxy_protocol->required;
    client->limit_per_client = announced ? 0 : (uint32_t)plan->limits->connections_per_client;
    enum client_entry entry = client_table_enter(
        context->client_table, peer, (uint64_t)plan->limits->connections, client->limit_per_client);
    client->counted = entry == CLIENT_ENTRY_GRANTED;
    if (!client->counted) {
        refuse(client, entry);
        return;
    }
    set_timer(client,
              plan->speaks_tls ? plan->timeouts->tls_handshake : plan->timeouts->request_header);
    if (announced)
        await_announcement(client, &plan->proxy_protocol->from);
    else
        begin(client);
    if (client->state <= CLIENT_IDLE && client_shall_leave(client))
        drain_idle(client);
}

/* ---- for tunnels and the end of the loop */

struct transport *client_transport(struct client *client)
{
    return &client->transport;
}

struct client *client_take(struct stream *stream, struct connection_user *tunnel,
                           struct span *ret_leftover)
{
    ASSERT(stream->class == &client_stream_class);
    struct client *client = ((struct client_stream *)stream)->client;
    ASSERT(client->state == CLIENT_EXCHANGE && tunnel);
    client_stream_end((struct client_stream *)stream);
    client->state = CLIENT_TUNNEL;
    client->tunnel = tunnel;
    timer_unset(&client->timer);
    *ret_leftover = span_take(&client->reader.inbound);
    return client;
}

void clients_leave(struct loop_context *context)
{
    LIST_EACH_SAFE (link, &context->client_list) {
        struct client *client = CONTAINER_OF(link, struct client, link);
        if (client->state <= CLIENT_IDLE && client_shall_leave(client))
            drain_idle(client);
        else if (client->state == CLIENT_H2 && client_shall_leave(client))
            client_h2_leave(client);
    }
}

void clients_drain(struct loop_context *context)
{
    context->draining = true;
    clients_leave(context);
}

void clients_abort(struct loop_context *context)
{
    LIST_EACH_SAFE (link, &context->client_list) {
        struct client *client = CONTAINER_OF(link, struct client, link);
        if (client->state == CLIENT_EXCHANGE)
            exchange_abort(client->exchange);
        else if (client->state == CLIENT_H2)
            client_h2_abort(client);
        else if (client->state != CLIENT_TUNNEL)
            client_close(client, true);
    }
}
