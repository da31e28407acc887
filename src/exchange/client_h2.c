/* A client's connection that speaks HTTP/2. Each run of it is the same four steps: what came goes
 * into the codec; streams that have news have their exchanges run; what is to be sent is framed and
 * sent; and then it is decided what is waited for, or that the connection is over. Nothing else
 * ends it, so that no exchange sees it vanish. */
#include "exchange/client_h2.h"

#include "base/assert.h"
#include "exchange/exchange.h"
#include "net/h2_output.h"
#include "obs/log.h"

#include <stdlib.h>

enum {
    RECEIVES_PER_RUN = 8, /* then other clients have their turn */
    SENDS_PER_RUN = 8,
    /* Requests that were sent before the client heard that it should leave are on their way. */
    LEAVE_MS = 500,
};

/* ---- beginning */

static struct h2_settings settings_of(const struct listener_plan *listener)
{
    const struct limits *limits = listener->limits;
    return (struct h2_settings){
        .streams = (uint32_t)limits->streams,
        .window = (uint32_t)limits->stream_window,
        .blocks = {.size = (uint32_t)limits->header_size, .count = (uint32_t)limits->header_count},
        .gate = {.resets = (uint32_t)limits->stream_resets,
                 .controls = (uint32_t)limits->control_frames},
    };
}

static struct client_h2 *new_connection(struct client *client)
{
    struct h2_settings settings = settings_of(client_listener(client));
    struct buffer_pools *pools = loop_buffers(client->context->loop);
    struct client_h2 *self = calloc(1, sizeof(*self));
    if (!self)
        return NULL;
    self->codec = h2_new(&settings, pools);
    if (!self->codec) {
        free(self);
        return NULL;
    }
    self->client = client;
    self->is_early = client_is_early(client);
    list_init(&self->streams);
    output_init(&self->output, pools);
    return self;
}

void client_begin_h2(struct client *client)
{
    struct client_h2 *self = new_connection(client);
    if (!self) {
        client_close(client, true);
        return;
    }
    counter_add(&client->context->counts.h2_connections, 1);
    client->state = CLIENT_H2;
    client->h2 = self;
    timer_unset(&client->timer);
    if (client_shall_leave(client))
        client_h2_leave(client);
    client_h2_run(client);
}

/* ---- the end */

static void abort_streams(struct client_h2 *self, bool client_left)
{
    LIST_EACH_SAFE (link, &self->streams) {
        struct exchange *exchange = CONTAINER_OF(link, struct client_h2_stream, link)->exchange;
        if (client_left)
            exchange_fail(exchange, ERROR_CLIENT_GONE);
        exchange_abort(exchange);
    }
    ASSERT(list_is_empty(&self->streams));
}

/* The client is HTTP/1's again, for what is left of its life. */
static void dismantle(struct client_h2 *self, bool client_left)
{
    ASSERT(self->client->state == CLIENT_H2);
    self->is_dead = true;
    abort_streams(self, client_left);
    output_fini(&self->output);
    h2_free(self->codec);
    self->client->state = CLIENT_LINGER;
    free(self);
}

COLD void client_h2_abort(struct client *client)
{
    dismantle(client->h2, false);
    client_close(client, true);
}

COLD static void tell_error(const struct client *client, enum h2_error error)
{
    if (error == H2_ENHANCE_YOUR_CALM) {
        counter_add(&client->context->counts.h2_floods, 1);
        log_event(LOG_WARNING, "a client floods its HTTP/2 connection; it was closed",
                  LOG_IP("client", &client->peer));
        return;
    }
    log_event(LOG_DEBUG, "a client breaks the rules of HTTP/2; its connection was closed",
              LOG_IP("client", &client->peer));
}

/* ---- receiving */

/* False: the session is at its end. */
static bool take_in(struct client_h2 *self, struct span *bytes)
{
    uint64_t now = loop_now(self->client->context->loop);
    enum h2_error error = h2_receive(self->codec, span_slice(bytes), now);
    span_clear(bytes);
    return !error;
}

static void receive(struct client_h2 *self)
{
    struct client *client = self->client;
    struct span bytes = span_take(&client->reader.inbound); /* what came before this was HTTP/2 */
    if (bytes.length > 0 && !take_in(self, &bytes))
        return;
    for (unsigned i = 0; i < RECEIVES_PER_RUN; i++) {
        enum io io = transport_receive(&client->transport, BUFFER_MEDIUM, &bytes);
        if (io == IO_PENDING)
            return;
        self->is_dead = io != IO_DONE;
        if (self->is_dead || !take_in(self, &bytes))
            return;
    }
    client_h2_defer(self);
}

/* ---- exchanges */

static bool is_last_request(const struct client *client)
{
    const struct limits *limits = client_listener(client)->limits;
    return client->requests >= (uint64_t)limits->requests_per_connection;
}

static void begin_exchange(struct client_h2 *self, struct h2_stream *codec)
{
    struct client *client = self->client;
    struct exchange *exchange = exchange_new(client->context);
    if (!exchange || !client_h2_stream_new(self, codec, exchange)) {
        if (exchange)
            exchange_drop(exchange);
        h2_release(codec, H2_REFUSED_STREAM); /* it may be sent again (RFC 9113 8.7) */
        return;
    }
    client->requests++;
    client_introduce(client, exchange);
    enum error_code error = h2_read_request(codec, &exchange->listener->h1_limits, &exchange->arena,
                                            &exchange->request_bytes, &exchange->request);
    struct client_h2_stream *stream = (struct client_h2_stream *)exchange->stream;
    stream->is_head = exchange->request.method == METHOD_HEAD;
    stream->is_connect = !error && exchange->request.wants_upgrade;
    if (is_last_request(client) && !self->is_leaving) {
        client_count_limit(client, CLIENT_LIMIT_REQUESTS_PER_CONNECTION);
        client_h2_leave(client);
    }
    if (error)
        exchange_refuse_request(exchange, error);
    else
        exchange_run(exchange);
}

/* The handshake has ended, which some may be waiting for. */
COLD static void end_early(struct client_h2 *self)
{
    self->is_early = false;
    LIST_EACH_SAFE (link, &self->streams)
        exchange_resume(CONTAINER_OF(link, struct client_h2_stream, link)->exchange);
}

static void serve(struct client_h2 *self)
{
    for (;;) {
        struct h2_stream *codec = h2_next_news(self->codec);
        if (!codec)
            return;
        struct client_h2_stream *stream = h2_owner(codec);
        if (stream)
            exchange_run(stream->exchange);
        else
            begin_exchange(self, codec);
    }
}

/* ---- sending */

void client_h2_frame(struct client_h2 *self)
{
    if (!self->is_dead)
        self->is_dead = !h2_output_frame(self->codec, &self->output);
}

void client_h2_defer(struct client_h2 *self)
{
    loop_defer(self->client->context->loop, &self->client->task);
}

static void send_out(struct client_h2 *self)
{
    for (unsigned i = 0; i < SENDS_PER_RUN && !self->is_dead; i++) {
        size_t sent = 0;
        client_h2_frame(self);
        enum io io = output_flush(&self->output, &self->client->transport, &sent);
        self->moved += sent;
        self->is_dead |= io == IO_FAILED;
        serve(self);
        if (io == IO_PENDING || sent == 0)
            return;
    }
    client_h2_defer(self);
}

/* ---- what is waited for */

static enum h2_wait wait_of(const struct client_h2 *self)
{
    if (h2_reason(self->codec) || self->is_cut)
        return H2_WAIT_TAKE;
    if (h2_is_in_block(self->codec))
        return H2_WAIT_BLOCK;
    if (self->is_leaving && !self->has_left)
        return H2_WAIT_LEAVE;
    if (!list_is_empty(&self->streams))
        return H2_WAIT_NOTHING;
    if (!output_is_empty(&self->output))
        return H2_WAIT_TAKE;
    return h2_has_begun(self->codec) ? H2_WAIT_REQUEST : H2_WAIT_FIRST;
}

static int64_t patience(const struct client_h2 *self, enum h2_wait wait)
{
    const struct timeouts *timeouts = client_listener(self->client)->timeouts;
    switch (wait) {
    case H2_WAIT_FIRST:
    case H2_WAIT_BLOCK:
        return timeouts->request_header;
    case H2_WAIT_REQUEST:
        return timeouts->keep_alive;
    case H2_WAIT_TAKE:
        return timeouts->request_body;
    case H2_WAIT_LEAVE:
        return LEAVE_MS;
    case H2_WAIT_NOTHING:
        break;
    }
    return 0;
}

/* A request that was answered at once leaves no other trace. Who was told to leave does not stay by
 * asking on. Who takes what was written, however slowly, has his time anew. */
static bool has_gone_on(const struct client_h2 *self, enum h2_wait wait)
{
    if (wait == H2_WAIT_TAKE && client_has_progressed(self->moved, (uint64_t)patience(self, wait)))
        return true;
    return self->client->requests != self->requests && wait != H2_WAIT_LEAVE;
}

static void await(struct client_h2 *self)
{
    enum h2_wait wait = wait_of(self);
    (void)socket_watch(&self->client->transport.socket); /* a refusal shows as broken */
    if (wait == self->waiting && !has_gone_on(self, wait))
        return;
    self->waiting = wait;
    self->requests = self->client->requests;
    self->moved = 0;
    self->unsent = UINT64_MAX;
    if (wait == H2_WAIT_NOTHING)
        timer_unset(&self->client->timer);
    else
        timer_set(self->client->context->loop, &self->client->timer,
                  (uint64_t)patience(self, wait));
}

/* The client may still be sending: a close now could destroy what is on its way to it. What
 * somebody does not take the kernel would go on offering for minutes. */
static void settle(struct client_h2 *self)
{
    struct client *client = self->client;
    bool broken = self->is_dead || transport_is_broken(&client->transport);
    bool over = h2_is_over(self->codec) && output_is_empty(&self->output);
    uint32_t malformed = h2_take_malformed(self->codec);
    if (malformed > 0)
        counter_add(&client->context->counts.h2_malformed, malformed);
    if (!broken && !over) {
        await(self);
        return;
    }
    if (h2_reason(self->codec))
        tell_error(client, h2_reason(self->codec));
    bool reset = self->has_stalled;
    dismantle(self, true);
    if (broken)
        client_close(client, reset);
    else
        client_linger(client);
}

void client_h2_run(struct client *client)
{
    struct client_h2 *self = client->h2;
    ASSERT(client->state == CLIENT_H2 && self->client == client);
    receive(self);
    if (self->is_early && !client_is_early(client))
        end_early(self);
    serve(self);
    send_out(self);
    settle(self);
}

/* ---- leaving */

COLD void client_h2_leave(struct client *client)
{
    struct client_h2 *self = client->h2;
    if (self->is_leaving)
        return;
    self->is_leaving = true;
    h2_announce_end(self->codec);
    client_h2_defer(self);
}

/* Even a block that was to go on is waited for no more. */
COLD static void cut(struct client_h2 *self)
{
    h2_terminate(self->codec, H2_NO_ERROR);
    self->is_cut = true;
}

COLD void client_h2_timed_out(struct client *client)
{
    struct client_h2 *self = client->h2;
    enum h2_wait waited = self->waiting;
    uint64_t after_ms = (uint64_t)patience(self, waited);
    ASSERT(waited != H2_WAIT_NOTHING);
    if (waited == H2_WAIT_TAKE && client_takes_slowly(client, &self->unsent, after_ms)) {
        timer_set(client->context->loop, &client->timer, after_ms);
        return;
    }
    if (waited == H2_WAIT_FIRST)
        client_count_limit(client, CLIENT_LIMIT_REQUEST_HEADER);
    else if (waited == H2_WAIT_REQUEST)
        client_count_limit(client, CLIENT_LIMIT_KEEP_ALIVE);
    if (waited == H2_WAIT_TAKE)
        self->is_dead = self->has_stalled = true;
    else if (waited == H2_WAIT_BLOCK || self->has_left)
        cut(self);
    else
        h2_end(self->codec);
    self->is_leaving = self->has_left = true;
    self->waiting = H2_WAIT_NOTHING;
    client_h2_run(client);
}
