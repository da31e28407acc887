/* The stream of a client that speaks HTTP/1. */
#include "base/assert.h"
#include "exchange/client_int.h"
#include "exchange/exchange.h"

enum { REST_SMALL_MAX = 64 * 1024 };

static struct client_stream *of(struct stream *stream)
{
    ASSERT(stream->class == &client_stream_class);
    return (struct client_stream *)stream;
}

struct client_stream *client_stream_new(struct client *client, struct exchange *exchange)
{
    struct client_stream *stream = arena_alloc(&exchange->arena, sizeof(*stream));
    if (!stream)
        return NULL;
    stream->stream.class = &client_stream_class;
    stream->client = client;
    stream->sending = H1_FRAMING_NONE;
    stream->keep_alive = stream->old = stream->stalled = stream->is_head = false;
    stream->is_last = stream->withholds = stream->is_tunnel = stream->shuts = false;
    stream->moved = stream->patience = 0;
    stream->unsent = UINT64_MAX;
    stream->waiting = STREAM_WAIT_NOTHING;
    output_init(&stream->output, loop_buffers(client->context->loop));
    exchange->stream = &stream->stream;
    return stream;
}

void client_stream_begin(struct client_stream *stream, const struct exchange *exchange,
                         enum error_code error)
{
    struct client *client = stream->client;
    bool is_full =
        client->requests >= (uint64_t)exchange->listener->limits->requests_per_connection;
    stream->is_last = !stream->keep_alive && !error;
    if (is_full && stream->keep_alive && !error)
        client_count_limit(client, CLIENT_LIMIT_REQUESTS_PER_CONNECTION);
    stream->keep_alive = stream->keep_alive && !is_full && !client_shall_leave(client) && !error;
    if (error)
        return;
    stream->old = exchange->request.minor_version == 0;
    stream->is_head = exchange->request.method == METHOD_HEAD;
    stream->withholds = exchange->request.expects_continue;
}

void client_stream_end(struct client_stream *stream)
{
    output_fini(&stream->output);
}

/* ---- the response */

static enum client_rest rest_of(const struct client *client, bool request_read)
{
    const struct h1_body *body = &client->reader.body;
    if (request_read || body->framing == H1_FRAMING_NONE)
        return REST_NONE;
    if (body->framing == H1_FRAMING_COUNTED && body->remaining <= REST_SMALL_MAX &&
        !client->reader.ended)
        return REST_SMALL;
    return REST_UNKNOWN;
}

bool client_announces_length(const struct response_head *head, bool is_head)
{
    ASSERT(head->status >= 200);
    if (head->body != BODY_NONE)
        return head->body == BODY_COUNTED;
    if (head->status == 204) /* never has a length (RFC 9110 8.6) */
        return false;
    bool speaks_of_another = is_head || head->status == 304;
    return !speaks_of_another || head->body_length > 0 ||
           fields_find(&head->fields, FIELD_CONTENT_LENGTH);
}

/* How the body of a final response goes to this client (RFC 9112 6). */
static void choose_framing(const struct client_stream *stream, const struct response_head *head,
                           struct h1_write *how)
{
    how->length = head->body_length;
    switch (head->body) {
    case BODY_COUNTED:
        how->framing = H1_FRAMING_COUNTED;
        return;
    case BODY_STREAM:
        how->framing = stream->old ? H1_FRAMING_CLOSE : H1_FRAMING_CHUNKED;
        return;
    case BODY_NONE:
        break;
    }
    how->framing = H1_FRAMING_NONE;
    how->announce_length = client_announces_length(head, stream->is_head);
}

static struct h1_write final_framing(struct client_stream *stream, const struct response_head *head)
{
    ASSERT(head->status >= 200);
    struct h1_write how = {.peer_minor_version = stream->old ? 0 : 1};
    choose_framing(stream, head, &how);
    /* What will be closed is told to be (RFC 9112 9.6). */
    if (how.framing == H1_FRAMING_CLOSE || client_shall_leave(stream->client))
        stream->keep_alive = false;
    how.connection = stream->keep_alive ? H1_KEEP_ALIVE : H1_CLOSE;
    return how;
}

static struct h1_write interim_framing(const struct response_head *head)
{
    ASSERT(head->status >= 100 && head->status < 200);
    struct h1_write how = {.connection = H1_KEEP_ALIVE, .peer_minor_version = 1};
    const struct field *upgrade =
        head->status == 101 ? fields_find(&head->fields, FIELD_UPGRADE) : NULL;
    if (upgrade && upgrade->value.length > 0) {
        how.connection = H1_UPGRADE;
        how.upgrade = upgrade->value;
    }
    return how;
}

static bool send_head(struct stream *stream, const struct response_head *head)
{
    struct client_stream *self = of(stream);
    bool is_interim = head->status < 200;
    if (is_interim && self->old)
        return true; /* HTTP/1.0 knows no interim responses (RFC 9110 15.2) */
    struct h1_write how = is_interim ? interim_framing(head) : final_framing(self, head);
    if (!h1_output_response_head(&self->output, &self->client->transport, head, &how))
        return false;
    self->sending = how.framing;
    if (head->status == 100)
        self->withholds = false;
    return true;
}

/* Whether the rest of the request may be more than we read only to keep the connection. */
static bool has_long_rest(const struct client_stream *stream)
{
    const struct h1_body *body = &stream->client->reader.body;
    return body->framing == H1_FRAMING_CHUNKED ||
           (body->framing == H1_FRAMING_COUNTED && body->remaining > REST_SMALL_MAX);
}

static void close_after(struct stream *stream)
{
    of(stream)->keep_alive = false;
}

/* Who was not told to continue may send the body all the same, or go on with the next request (RFC
 * 9110 10.1.1): what comes could be read as either. */
static void answer_early(struct stream *stream)
{
    if (of(stream)->withholds || has_long_rest(of(stream)))
        of(stream)->keep_alive = false;
}

/* Behind 101 of a server that speaks HTTP/2; what comes has no framing. */
COLD static void open_tunnel(struct stream *stream)
{
    struct client_stream *self = of(stream);
    self->is_tunnel = true;
    self->keep_alive = false;
    self->sending = H1_FRAMING_CLOSE;
    self->client->reader.body = (struct h1_body){.framing = H1_FRAMING_CLOSE};
}

static bool send_body(struct stream *stream, struct span piece)
{
    ASSERT(piece.length > 0);
    return h1_output_piece(&of(stream)->output, of(stream)->sending, piece);
}

static bool send_end(struct stream *stream, const struct fields *trailers)
{
    of(stream)->shuts = of(stream)->is_tunnel;
    return h1_output_end(&of(stream)->output, of(stream)->sending, trailers);
}

static bool has_room(const struct stream *stream)
{
    return output_has_room(&((const struct client_stream *)stream)->output);
}

/* The server has ended its direction of the tunnel, and the client has all of it. */
COLD static void shut(struct client_stream *self)
{
    self->shuts = false;
    transport_shutdown_send(&self->client->transport);
}

static enum io flush(struct stream *stream, size_t *ret_sent)
{
    struct client_stream *self = of(stream);
    enum io io = output_flush(&self->output, &self->client->transport, ret_sent);
    self->moved += *ret_sent;
    if (self->shuts && io == IO_DONE)
        shut(self);
    /* While its server takes nothing, nobody would receive the news. */
    bool is_lost = self->is_tunnel && socket_was_reset(&self->client->transport.socket);
    return is_lost ? IO_FAILED : io;
}

/* ---- the request */

static enum read_event receive_body(struct stream *stream, struct arena *arena,
                                    struct fields *trailers, struct span *ret_piece,
                                    enum error_code *ret_error)
{
    struct client *client = of(stream)->client;
    enum read_event event = h1_reader_read_body(&client->reader, &client->transport,
                                                &client_listener(client)->h1_limits, H1_REQUEST,
                                                arena, trailers, ret_piece, ret_error);
    if (event == READ_PIECE) {
        of(stream)->moved += ret_piece->length;
        of(stream)->withholds = false;
    }
    return event;
}

static bool is_gone(const struct stream *stream)
{
    const struct client_stream *self = (const struct client_stream *)stream;
    return self->stalled || transport_is_broken(&self->client->transport);
}

static void await(struct stream *stream, enum stream_wait wait, uint64_t after_ms)
{
    ASSERT(wait == STREAM_WAIT_NOTHING || after_ms > 0);
    struct client_stream *self = of(stream);
    struct client *client = self->client;
    /* Without a watch we would not learn that the client is gone. A refusal shows as broken. */
    (void)socket_watch(&client->transport.socket);
    if (wait == self->waiting && !client_has_progressed(self->moved, after_ms))
        return;
    self->waiting = wait;
    self->patience = after_ms;
    self->moved = 0;
    self->unsent = UINT64_MAX;
    if (wait == STREAM_WAIT_HANDSHAKE)
        loop_defer(client->context->loop, &client->task); /* its end may have been received */
    if (wait == STREAM_WAIT_NOTHING)
        timer_unset(&client->timer);
    else
        timer_set(client->context->loop, &client->timer, after_ms);
}

/* ---- pumping */

static struct transport *pump_to(struct stream *stream)
{
    struct client_stream *self = of(stream);
    bool plain = self->sending == H1_FRAMING_COUNTED && output_is_empty(&self->output);
    return plain ? &self->client->transport : NULL;
}

static struct transport *pump_from(struct stream *stream, uint64_t *ret_remaining)
{
    struct client *client = of(stream)->client;
    const struct h1_reader *reader = &client->reader;
    *ret_remaining = reader->body.remaining;
    bool plain = reader->body.framing == H1_FRAMING_COUNTED && !h1_reader_has_leftover(reader) &&
                 !reader->ended;
    return plain ? &client->transport : NULL;
}

static void pumped_to(struct stream *stream, uint64_t count)
{
    of(stream)->moved += count;
}

static void pumped_from(struct stream *stream, uint64_t count)
{
    struct h1_body *body = &of(stream)->client->reader.body;
    ASSERT(count <= body->remaining);
    body->remaining -= count;
    of(stream)->moved += count;
}

/* ---- who */

static void tell_ends(const struct stream *stream, struct proxy_header *ret_ends)
{
    ASSERT(stream->class == &client_stream_class);
    client_tell_ends(((const struct client_stream *)stream)->client, ret_ends);
}

/* ---- the end */

/* A body that ends with its connection looks whole when the connection is closed in order: when it
 * was cut, the client has to see a reset. What somebody does not take the kernel would go on
 * offering for minutes. */
static void finish(struct stream *stream, enum stream_end end, bool request_read)
{
    struct client_stream *self = of(stream);
    struct client *client = self->client;
    ASSERT(client->state == CLIENT_EXCHANGE);
    client_stream_end(self);
    if (end == STREAM_COMPLETE) {
        enum client_rest rest = rest_of(client, request_read);
        /* Who was not the first to speak of closing may have sent more meanwhile. */
        if (rest == REST_NONE && !self->keep_alive && !self->is_last)
            rest = REST_UNKNOWN;
        client_next(client, self->keep_alive, rest);
        return;
    }
    client->state = CLIENT_LINGER;
    client_close(client, self->stalled || self->sending == H1_FRAMING_CLOSE);
}

const struct stream_class client_stream_class = {
    .send_head = send_head,
    .close_after = close_after,
    .open_tunnel = open_tunnel,
    .answer_early = answer_early,
    .send_body = send_body,
    .send_end = send_end,
    .has_room = has_room,
    .flush = flush,
    .receive_body = receive_body,
    .tell_ends = tell_ends,
    .is_gone = is_gone,
    .await = await,
    .pump_to = pump_to,
    .pump_from = pump_from,
    .pumped_to = pumped_to,
    .pumped_from = pumped_from,
    .finish = finish,
};
