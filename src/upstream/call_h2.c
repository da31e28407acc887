#include "upstream/call_h2.h"

#include "base/assert.h"
#include "tls/tls_server_context.h"
#include "upstream/call_breaker.h"
#include "upstream/call_wait.h"
#include "upstream/call_websocket.h"
#include "upstream/upstreams_int.h"

static struct slice scheme_of(const struct server *server)
{
    return server->is_tls ? SLICE("https") : SLICE("http");
}

static enum read_event fail(struct call *call, enum read_event event, enum error_code error)
{
    if (!call->error)
        call->error = error;
    return event;
}

/* ---- a place on a connection */

static void on_news(struct server_h2_user *user)
{
    struct call *call = CONTAINER_OF(user, struct call_h2, user)->call;
    call->on_news(call);
}

/* Whether the server has taken something of what was queued. Of the last of it that is no news, for
 * it makes no room for more. */
static bool has_gone_on(const struct call_h2 *self)
{
    return self->call->waiting == CALL_WAIT_TAKE && self->user.stream &&
           h2_written(self->user.stream) > self->written;
}

/* Where the socket has no room, all calls wait for that but those whose own window is shut. Others
 * wait for it only as long as the system may hold something of theirs: the server cannot open the
 * window, or answer, before it has that. */
static bool is_taken_from_system(const struct call_h2 *self)
{
    struct call *call = self->call;
    const struct server_h2 *connection = self->connection;
    bool is_asked = call->waiting == CALL_WAIT_TAKE || call->waiting == CALL_WAIT_HEAD;
    uint64_t held = call->unsent;
    if (!is_asked || !self->user.stream || !connection->connection ||
        !call_is_taken_slowly(call, &connection->connection->transport))
        return false;
    if (held == UINT64_MAX)
        held = call->unsent;
    bool has_room = output_is_empty(&connection->output);
    return (!has_room && !h2_is_held_up(self->user.stream)) ||
           h2_written_in_all(connection->codec) - self->written_in_all <= held;
}

/* A connection on which nobody is answered is not given to others. */
static void on_timer(struct timer *timer)
{
    struct call_h2 *self = CONTAINER_OF(timer, struct call_h2, timer);
    if (has_gone_on(self)) {
        self->call->on_news(self->call); /* sets the deadline anew */
        return;
    }
    if (is_taken_from_system(self)) {
        call_wait_again(self->call);
        return;
    }
    server_h2_doubt(self->connection, self->set_at);
    self->call->user.on_timeout(&self->call->user);
}

static enum call_progress no_place(struct call *call, enum error_code error)
{
    call->error = call->last_error = error;
    return CALL_FAILED;
}

/* Others were quicker: the server was not asked, and so not tried (note_full of call.c). */
static enum call_progress is_full(struct call *call, enum error_code error)
{
    ASSERT(call->tried_count > 0 && call->asked_count > 0);
    call->error = error;
    call->tried_count--;
    call->asked_count--;
    return CALL_FAILED;
}

bool call_h2_is_wanted(const struct call *call, const struct server *server)
{
    ASSERT(!server->is_plain);
    if (server->is_h2)
        return true;
    enum tls_offer offer = tls_server_context_offer(call->upstream->tls);
    if (!tls_offer_is_choice(offer))
        return offer == TLS_OFFER_H2;
    if (call->found_h1)
        return false;
    if (call->wants_upgrade)
        return server_refuses_h1(server, loop_now(upstreams_loop(call->home)));
    return server_chosen(server) != SERVER_CHOSE_H1;
}

/* NULL: no memory. */
static struct call_h2 *new_place(struct call *call)
{
    struct call_h2 *self = ARENA_NEW(call->arena, struct call_h2);
    if (!self)
        return NULL;
    *self = (struct call_h2){.user = {.on_news = on_news}, .call = call};
    timer_init(&self->timer, on_timer);
    return self;
}

static struct server_h2_terms terms_of(const struct call *call,
                                       const struct server_question *question,
                                       struct connection_account *account)
{
    return (struct server_h2_terms){
        .question = question,
        .account = account,
        .timeouts = call->timeouts,
        .window = call->upstream->stream_window,
        .blocks = {.size = call->limits->header_size, .count = call->limits->header_count},
    };
}

/* Where connections are limited and one has to be opened, its room is taken. Who wants a fresh one
 * makes do with what is there then. False: there is none. */
static bool find_room(struct call *call, const struct server_h2_terms *terms)
{
    struct connection_account *account = terms->account;
    if (account->limit == 0 || account->has_room ||
        server_h2_is_there(call->home, terms, call->fresh))
        return true;
    account->has_room = room_take(call->home, account);
    if (account->has_room || !call->fresh)
        return account->has_room;
    call->fresh = !server_h2_is_there(call->home, terms, false);
    return !call->fresh;
}

static void give_room_back(struct connection_account *account)
{
    if (account->has_room)
        room_give_back(account->breaker);
    account->has_room = false;
}

/* Room goes before the place among the server's calls: one that is given back is news to all who
 * wait for it, and where this call is among them it would look again and again. */
static enum error_code take_place(struct call *call, const struct server_h2_terms *terms)
{
    if (!find_room(call, terms))
        return ERROR_CONNECTIONS_FULL;
    if (upstreams_admit(terms->question->server, terms->question->limit))
        return ERROR_NONE;
    give_room_back(terms->account);
    return ERROR_SERVERS_FULL;
}

enum call_progress call_h2_start(struct call *call, const struct server_question *question)
{
    ASSERT(!call->h2 && !call->connection);
    struct connection_account account = call_account(call);
    const struct server_h2_terms terms = terms_of(call, question, &account);
    enum error_code error = take_place(call, &terms);
    if (error)
        return is_full(call, error);
    struct call_h2 *self = new_place(call);
    error = ERROR_OUT_OF_MEMORY;
    if (self)
        self->connection = server_h2_join(call->home, &terms, call->fresh, &self->user, &error);
    give_room_back(&account); /* one was there, or it is not to be had */
    if (!self || !self->connection) {
        upstreams_discharge(question->server);
        return error == ERROR_CONNECTIONS_FULL ? is_full(call, error) : no_place(call, error);
    }
    call->h2 = self;
    return call_h2_go_on(call);
}

enum call_progress call_h2_adopt(struct call *call)
{
    struct server_connection *connection = call->connection;
    struct connection_account account = {.breaker = connection->breaker}; /* it has its room */
    const struct server_question question = {.server = call->server,
                                             .tls = connection->tls_context};
    const struct server_h2_terms terms = terms_of(call, &question, &account);
    struct call_h2 *self = new_place(call);
    call->connection = NULL;
    if (!self) {
        upstreams_drop(connection, false);
        return no_place(call, ERROR_OUT_OF_MEMORY);
    }
    self->connection = server_h2_adopt(call->home, &terms, connection, &self->user);
    if (!self->connection) {
        upstreams_discharge(call->server);
        return no_place(call, ERROR_OUT_OF_MEMORY);
    }
    call->h2 = self;
    return call_h2_go_on(call);
}

static struct server_h2 *leave_place(struct call *call)
{
    struct call_h2 *self = call->h2;
    call->h2 = NULL;
    timer_fini(&self->timer);
    return self->connection;
}

/* A call that is not first is counted anew with its own connection. Where others have its place
 * among the server's calls by then, it is as if they had come before. */
static enum call_progress go_on_in_h1(struct call *call)
{
    struct call_h2 *self = call->h2;
    call->connection = server_h2_take(self->connection, &call->user);
    call->found_h1 = true;
    if (!call->connection) {
        call_h2_leave(call);
        return CALL_FAILED;
    }
    counter_add(&self->connection->tally->lent, 1);
    server_h2_leave(leave_place(call), &self->user);
    return CALL_READY;
}

/* Whether the server takes a WebSocket is in its SETTINGS, which are the first that it says. */
static enum call_progress await_settings(struct call *call)
{
    call_await(call, CALL_WAIT_HEAD);
    return CALL_WAIT;
}

enum call_progress call_h2_go_on(struct call *call)
{
    struct server_h2 *connection = call->h2->connection;
    switch (call->error ? SERVER_H2_LEAVES : connection->state) {
    case SERVER_H2_CONNECTS:
        return CALL_WAIT;
    case SERVER_H2_OPEN:
        if (call->websocket && !h2_has_settings(connection->codec))
            return await_settings(call);
        if (h2_may_ask(connection->codec)) {
            call->reused = connection->asked++ > 0;
            counter_add(&connection->tally->lent, 1);
            return CALL_READY;
        }
        break;
    case SERVER_H2_IS_H1:
        return go_on_in_h1(call);
    case SERVER_H2_LEAVES:
    case SERVER_H2_CLOSED:
        break;
    }
    enum error_code error = call->error         ? call->error
                            : connection->error ? connection->error
                                                : ERROR_SERVER_CLOSED;
    call_h2_leave(call);
    return no_place(call, error);
}

void call_h2_leave(struct call *call)
{
    struct call_h2 *self = call->h2;
    struct server_h2 *connection = leave_place(call);
    upstreams_discharge(call->server);
    server_h2_leave(connection, &self->user);
}

struct timer *call_h2_timer(struct call *call)
{
    struct call_h2 *self = call->h2;
    self->set_at = loop_now(upstreams_loop(call->home));
    if (call->unsent == UINT64_MAX && self->user.stream)
        self->written_in_all = h2_written_in_all(self->connection->codec);
    return &self->timer;
}

/* ---- the request */

/* An upgrade that is no WebSocket is refused here, and so is one that this server does not offer.
 */
bool call_h2_send_head(struct call *call, const struct request_head *head)
{
    struct call_h2 *self = call->h2;
    struct h2 *codec = self->connection->codec;
    ASSERT(!self->user.stream);
    call->method = head->method;
    if (head->wants_upgrade && !(call->websocket && h2_takes_connect(codec))) {
        call->error = ERROR_UPGRADE_OVER_H2;
        return true;
    }
    self->user.stream = h2_ask(codec, head, scheme_of(call->server), &self->user, call->arena);
    call->head_sent = self->user.stream != NULL;
    if (!call->head_sent && !h2_may_ask(codec))
        call->error = ERROR_SERVER_STREAM_REFUSED;
    return call->head_sent || call->error;
}

static void print_line(struct text *text, struct slice name, struct slice value)
{
    text_add(text, name);
    text_add(text, SLICE(": "));
    text_add(text, value);
    text_add(text, SLICE("\r\n"));
}

static bool is_printed(const struct field *field)
{
    const uint64_t bits = FIELD_BITS_HOP_BY_HOP | FIELD_BIT(FIELD_HOST);
    return field->name.length > 0 && (field->id == FIELD_OTHER || !(bits & FIELD_BIT(field->id)));
}

static void print_name(struct text *text, struct slice name)
{
    for (size_t i = 0; i < name.length; i++)
        text_add_byte(text, ascii_lower(name.data[i]));
}

static void print_head(struct text *text, const struct server *server,
                       const struct request_head *head)
{
    const struct field *host = fields_find(&head->fields, FIELD_HOST);
    print_line(text, SLICE(":method"), head->method_text);
    print_line(text, SLICE(":scheme"), scheme_of(server));
    if (host)
        print_line(text, SLICE(":authority"), host->value);
    print_line(text, SLICE(":path"), head->target);
    for (uint32_t i = 0; i < head->fields.count; i++) {
        const struct field *field = &head->fields.items[i];
        if (!is_printed(field))
            continue;
        print_name(text, field->name);
        print_line(text, SLICE(""), field->value); /* `: value` */
    }
    if (head->wants_trailers)
        print_line(text, SLICE("te"), SLICE("trailers"));
    text_add(text, SLICE("\r\n"));
}

struct slice call_h2_print_head(const struct call *call, const struct server *server,
                                const struct request_head *head)
{
    enum { ROOM_BESIDE = 256, ROOM_OF_FIELD = 8 };
    size_t room = ROOM_BESIDE + head->method_text.length + head->target.length;
    for (uint32_t i = 0; i < head->fields.count; i++)
        room +=
            head->fields.items[i].name.length + head->fields.items[i].value.length + ROOM_OF_FIELD;
    char *memory = arena_alloc(call->arena, room);
    struct text text = text_over(memory, memory ? room : 0);
    if (memory)
        print_head(&text, server, head);
    return text_slice(&text);
}

bool call_h2_has_room(const struct call *call)
{
    const struct h2_stream *stream = call->h2->user.stream;
    return stream && h2_has_room(stream);
}

bool call_h2_send_body(struct call *call, struct span piece)
{
    if (call->h2->user.stream)
        h2_send_body(call->h2->user.stream, piece);
    else
        span_clear(&piece);
    return true;
}

/* The request for a WebSocket ends with its head; what its stream carries is the tunnel. */
bool call_h2_send_end(struct call *call, const struct fields *trailers)
{
    struct h2_stream *stream = call->h2->user.stream;
    if (call->websocket && !call->websocket->is_open)
        return true;
    return !stream || h2_send_end(stream, trailers, call->arena);
}

enum io call_h2_flush(struct call *call)
{
    struct call_h2 *self = call->h2;
    struct h2_stream *stream = self->user.stream;
    if (!stream || server_h2_is_closed(self->connection))
        return IO_FAILED;
    server_h2_push(self->connection);
    uint64_t written = h2_written(stream);
    call->bytes_sent += written - self->written;
    call->progress |= written > self->written;
    self->written = written;
    if (h2_is_written(stream))
        return IO_DONE;
    if (h2_is_gone(stream))
        return IO_FAILED;
    h2_want_room(stream);
    return IO_PENDING;
}

/* ---- the response */

/* Why there is nothing more on the stream. */
static enum error_code cut_error(const struct call *call)
{
    const struct call_h2 *self = call->h2;
    if (h2_is_gone(self->user.stream)) {
        switch (h2_stream_error(self->user.stream)) {
        case H2_REFUSED_STREAM:
            return ERROR_SERVER_STREAM_REFUSED;
        case H2_PROTOCOL_ERROR:
        case H2_FLOW_CONTROL_ERROR:
            return ERROR_SERVER_H2_BROKEN;
        default:
            return ERROR_SERVER_STREAM_RESET;
        }
    }
    ASSERT(server_h2_is_closed(self->connection));
    return call->response_begun && self->connection->error == ERROR_SERVER_CLOSED
               ? ERROR_RESPONSE_CUT
               : self->connection->error;
}

enum read_event call_h2_receive_head(struct call *call, struct response_head *ret_head)
{
    struct call_h2 *self = call->h2;
    enum error_code error = ERROR_NONE;
    struct span bytes = {0};
    ASSERT(self->user.stream);
    enum h2_head event =
        h2_take_response(self->user.stream, call->method, call->arena, &bytes, ret_head, &error);
    if (event == H2_HEAD_WAIT && !server_h2_is_closed(self->connection))
        return READ_WAIT;
    if (event == H2_HEAD_WAIT || event == H2_HEAD_GONE)
        return fail(call, READ_FAILED, cut_error(call));
    call->response_begun = true;
    span_clear(&call->response_bytes);
    call->response_bytes = bytes;
    if (event == H2_HEAD_BAD)
        return fail(call, READ_FAILED, error);
    call->progress = true;
    call->bytes_received += bytes.length;
    return READ_HEAD;
}

enum read_event call_h2_receive_body(struct call *call, struct fields *trailers,
                                     struct span *ret_piece)
{
    struct call_h2 *self = call->h2;
    switch (h2_take_body(self->user.stream, call->arena, trailers, ret_piece)) {
    case H2_BODY_WAIT:
        if (server_h2_is_closed(self->connection))
            return fail(call, READ_CUT, cut_error(call));
        return READ_WAIT;
    case H2_BODY_PIECE:
        call->progress = true;
        call->bytes_received += ret_piece->length;
        server_h2_push(self->connection); /* the window has opened */
        return READ_PIECE;
    case H2_BODY_END:
        call->response_ended = true;
        return READ_END;
    case H2_BODY_GONE:
        return fail(call, READ_CUT, cut_error(call));
    case H2_BODY_NO_MEMORY:
        return fail(call, READ_FAILED, ERROR_OUT_OF_MEMORY);
    }
    UNREACHABLE();
}
