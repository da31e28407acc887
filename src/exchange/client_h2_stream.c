/* The stream of a client that speaks HTTP/2: one of many on its connection, with deadlines of its
 * own. What is sent is framed at once and leaves with the connection's next send, together with
 * what other streams have; so *sent* means here that it is framed. */
#include "base/assert.h"
#include "exchange/client_h2.h"
#include "exchange/exchange.h"

static struct client_h2_stream *of(struct stream *stream)
{
    ASSERT(stream->class == &client_h2_stream_class);
    return (struct client_h2_stream *)stream;
}

/* ---- deadlines */

static size_t count_written(struct client_h2_stream *self)
{
    uint64_t written = h2_written(self->codec);
    size_t count = (size_t)(written - self->written);
    self->moved += count;
    self->written = written;
    return count;
}

static void set_deadline(struct client_h2_stream *self)
{
    self->moved = 0;
    self->unsent = UINT64_MAX;
    self->moved_in_all = h2_written_in_all(self->connection->codec);
    timer_set(self->exchange->context->loop, &self->timer, self->patience);
}

/* Who takes what other streams have keeps this one waiting for its turn, and does not pause; but so
 * much has to move that it would do for each of them. What moved of this one was no news before as
 * long as it made no room for more. */
static bool is_taken(struct client_h2_stream *self)
{
    ASSERT(self->connection->open > 0);
    count_written(self);
    if (client_has_progressed(self->moved, self->patience))
        return true;
    uint64_t of_all = h2_written_in_all(self->connection->codec) - self->moved_in_all;
    return !h2_is_held_up(self->codec) &&
           client_has_progressed(of_all / self->connection->open, self->patience);
}

/* Where the socket has no room, all streams wait for the same. One whose own window is shut as well
 * waits with them only as long as the system may hold something of it: the client cannot open the
 * window before it has that. */
static bool is_taken_from_system(struct client_h2_stream *self)
{
    const struct client_h2 *connection = self->connection;
    if (output_is_empty(&connection->output) ||
        !client_takes_slowly(connection->client, &self->unsent, self->patience * connection->open))
        return false;
    uint64_t since = h2_written_in_all(connection->codec) - self->moved_in_all;
    return !h2_is_held_up(self->codec) || since < self->unsent;
}

static void on_timer(struct timer *timer)
{
    struct client_h2_stream *self = CONTAINER_OF(timer, struct client_h2_stream, timer);
    bool is_response = self->waiting == STREAM_WAIT_TAKE;
    if (is_response && is_taken(self)) {
        set_deadline(self);
        return;
    }
    if (is_response && is_taken_from_system(self)) {
        timer_set(self->exchange->context->loop, &self->timer, self->patience);
        return;
    }
    self->stalled = is_response;
    exchange_fail(self->exchange, self->stalled ? ERROR_CLIENT_STALLED : ERROR_REQUEST_TIMEOUT);
    exchange_run(self->exchange);
}

struct client_h2_stream *client_h2_stream_new(struct client_h2 *connection, struct h2_stream *codec,
                                              struct exchange *exchange)
{
    struct client_h2_stream *self = arena_alloc(&exchange->arena, sizeof(*self));
    if (!self)
        return NULL;
    *self = (struct client_h2_stream){
        .stream = {.class = &client_h2_stream_class},
        .connection = connection,
        .codec = codec,
        .exchange = exchange,
        .waiting = STREAM_WAIT_NOTHING,
    };
    timer_init(&self->timer, on_timer);
    list_push_back(&connection->streams, &self->link);
    connection->open++;
    h2_own(codec, self);
    exchange->stream = &self->stream;
    return self;
}

/* ---- the response */

/* Here 101 is 200: the stream is a tunnel from now on (RFC 8441 5). */
COLD static bool send_switch(struct client_h2_stream *self, const struct response_head *head)
{
    struct response_head success = *head;
    const struct h2_write_head how = {0};
    ASSERT(self->is_connect && !self->is_tunnel);
    success.status = 200;
    return h2_send_head(self->codec, &success, &how, &self->exchange->arena);
}

static void open_tunnel(struct stream *stream)
{
    ASSERT(of(stream)->is_connect);
    of(stream)->is_tunnel = true;
}

static bool send_head(struct stream *stream, const struct response_head *head)
{
    struct client_h2_stream *self = of(stream);
    if (head->status == 101)
        return send_switch(self, head);
    bool is_final = head->status >= 200;
    bool ends_by_length = is_final && head->body == BODY_COUNTED && !head->may_have_trailers;
    struct h2_write_head how = {
        .announce_length = is_final && client_announces_length(head, self->is_head),
        .ends_stream = is_final && head->body == BODY_NONE,
        .length = ends_by_length ? head->body_length : 0,
    };
    return h2_send_head(self->codec, head, &how, &self->exchange->arena);
}

/* A request that was not read to its end ends with its stream; others do not notice. */
static void close_after(struct stream *stream)
{
    ASSERT(stream->class == &client_h2_stream_class);
}

static bool send_body(struct stream *stream, struct span piece)
{
    h2_send_body(of(stream)->codec, piece);
    return true;
}

static bool send_end(struct stream *stream, const struct fields *trailers)
{
    return h2_send_end(of(stream)->codec, trailers, &of(stream)->exchange->arena);
}

static bool has_room(const struct stream *stream)
{
    return h2_has_room(((const struct client_h2_stream *)stream)->codec);
}

static enum io flush(struct stream *stream, size_t *ret_sent)
{
    struct client_h2_stream *self = of(stream);
    client_h2_frame(self->connection);
    client_h2_defer(self->connection);
    *ret_sent = count_written(self);
    if (self->connection->is_dead || h2_is_gone(self->codec))
        return IO_FAILED;
    if (h2_is_written(self->codec))
        return IO_DONE;
    h2_want_room(self->codec);
    return IO_PENDING;
}

/* ---- the request */

static enum read_event receive_body(struct stream *stream, struct arena *arena,
                                    struct fields *trailers, struct span *ret_piece,
                                    enum error_code *ret_error)
{
    struct client_h2_stream *self = of(stream);
    if (self->is_connect && !self->is_tunnel)
        return READ_END; /* what is there waits: no server has agreed to a tunnel */
    switch (h2_take_body(self->codec, arena, trailers, ret_piece)) {
    case H2_BODY_WAIT:
        return READ_WAIT;
    case H2_BODY_PIECE:
        self->moved += ret_piece->length;
        client_h2_defer(self->connection); /* the window has opened */
        return READ_PIECE;
    case H2_BODY_END:
        return READ_END;
    case H2_BODY_GONE:
        return READ_CUT;
    case H2_BODY_NO_MEMORY:
        *ret_error = ERROR_OUT_OF_MEMORY;
        return READ_FAILED;
    }
    UNREACHABLE();
}

static bool is_gone(const struct stream *stream)
{
    const struct client_h2_stream *self = (const struct client_h2_stream *)stream;
    return self->stalled || self->connection->is_dead || h2_is_gone(self->codec) ||
           transport_is_broken(&self->connection->client->transport);
}

static void await(struct stream *stream, enum stream_wait wait, uint64_t after_ms)
{
    ASSERT(wait == STREAM_WAIT_NOTHING || after_ms > 0);
    struct client_h2_stream *self = of(stream);
    if (wait == self->waiting && !client_has_progressed(self->moved, after_ms))
        return;
    self->waiting = wait;
    self->patience = after_ms;
    if (wait == STREAM_WAIT_NOTHING)
        timer_unset(&self->timer);
    else
        set_deadline(self);
}

/* ---- pumping: bodies are in frames */

static struct transport *pump_to(struct stream *stream)
{
    ASSERT(stream->class == &client_h2_stream_class);
    return NULL;
}

static struct transport *pump_from(struct stream *stream, uint64_t *ret_remaining)
{
    ASSERT(stream->class == &client_h2_stream_class);
    *ret_remaining = 0;
    return NULL;
}

static void pumped(struct stream *stream, uint64_t count)
{
    (void)stream, (void)count;
    UNREACHABLE();
}

/* ---- the end */

static void tell_ends(const struct stream *stream, struct proxy_header *ret_ends)
{
    client_tell_ends(((const struct client_h2_stream *)stream)->connection->client, ret_ends);
}

/* RFC 9113 8.1: after the whole response NO_ERROR says that the rest of the request is not wanted,
 * and takes nothing back. */
static void finish(struct stream *stream, enum stream_end end, bool request_read)
{
    struct client_h2_stream *self = of(stream);
    /* CANCEL stands for the reset of a connection where it is a tunnel (RFC 8441 5). */
    enum h2_error error = end == STREAM_COMPLETE             ? H2_NO_ERROR
                          : self->stalled || self->is_tunnel ? H2_CANCEL
                                                             : H2_INTERNAL_ERROR;
    (void)request_read;
    timer_fini(&self->timer);
    list_remove(&self->link);
    self->connection->open--;
    h2_release(self->codec, error);
    client_h2_defer(self->connection);
}

const struct stream_class client_h2_stream_class = {
    .shares_connection = true,
    .send_head = send_head,
    .close_after = close_after,
    .open_tunnel = open_tunnel,
    .answer_early = close_after,
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
    .pumped_to = pumped,
    .pumped_from = pumped,
    .finish = finish,
};
