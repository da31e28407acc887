/* The call over HTTP/1; where the server speaks HTTP/2, call_h2.c has the other half. */
#include "upstream/call.h"

#include "base/assert.h"
#include "base/cold.h"
#include "tls/tls_to_server.h"
#include "upstream/call_breaker.h"
#include "upstream/call_h2.h"
#include "upstream/call_members.h"
#include "upstream/call_queue.h"
#include "upstream/call_time.h"
#include "upstream/call_wait.h"
#include "upstream/call_websocket.h"
#include "upstream/commons.h"
#include "upstream/edition.h"
#include "upstream/ejection.h"
#include "upstream/reaching.h"

#include <string.h>

/* What is true between any two calls of this interface. */
static void check(const struct call *call)
{
    const struct server_connection *connection = call->connection;
    ASSERT(call->tried_count <= CALL_TRIES_MAX && call->address_next <= SERVER_ADDRESSES_MAX);
    ASSERT(!connection || !call->h2);
    ASSERT(!connection || (connection->user == &call->user && connection->server == call->server));
}

static void on_connection_news(struct connection_user *user)
{
    struct call *call = CONTAINER_OF(user, struct call, user);
    call->on_news(call);
}

/* What was under way to the server is given up for it. */
COLD static void on_loan(struct connection_user *user, struct server_connection *connection)
{
    struct call *call = CONTAINER_OF(user, struct call, user);
    ASSERT(call->connection != connection && call->server == connection->server);
    upstreams_drop(call->connection, false);
    call->connection = connection;
    call->reused = true;
    call->on_news(call);
}

/* All that belongs to one attempt on one connection. */
static void begin_attempt(struct call *call)
{
    call->connection = NULL;
    call->h2 = NULL;
    call->address_next = call->address_count = 0;
    call->reused = call->response_begun = call->keep_alive = false;
    call->request_ended = call->response_ended = false;
    call->waiting = CALL_WAIT_NOTHING;
    call->progress = false;
    call->unsent = UINT64_MAX;
    call->asked = 0;
    call->head_sent = false;
    call->error = ERROR_NONE;
    call->response_bytes = (struct span){0};
    call->sending = H1_FRAMING_NONE;
    h1_reader_init(&call->reader);
    call->reader.receive_size = BUFFER_MEDIUM;
    output_init(&call->output, loop_buffers(upstreams_loop(call->home)));
}

void call_init(struct call *call, struct upstreams *home, const struct upstream *upstream,
               const struct timeouts *timeouts, const struct h1_limits *limits, struct arena *arena,
               const struct proxy_header *announcement, void (*on_news)(struct call *call))
{
    ASSERT(arena && on_news);
    ASSERT(!announcement == !upstream->proxy_protocol);
    call->announcement = announcement;
    call->user = (struct connection_user){on_connection_news, call_timed_out, on_loan};
    call->on_news = on_news;
    call->home = home;
    call->upstream = upstream;
    call->timeouts = timeouts;
    call->limits = limits;
    call->arena = arena;
    call->key = 0;
    call->has_key = call->has_wish = false;
    call->server = NULL;
    call->tried_count = call->asked_count = 0;
    call->fresh = call->may_ask_again = call->was_queued = call->never_queues = false;
    call->waiter = NULL;
    call->websocket = NULL;
    call->queue_priority = QUEUE_PRIORITY_NORMAL;
    call->pass = BREAKER_NO_PASS;
    call->went_well = call->has_failed = call->has_edition = call->is_tied = false;
    call->wants_upgrade = call->found_h1 = false;
    call->queued_ms = 0;
    call->last_error = ERROR_NONE;
    call->bytes_sent = call->bytes_received = 0;
    begin_attempt(call);
    if (upstream_is_swapped(upstream))
        call_take_edition(call);
}

/* ---- getting a connection */

static void drop_connection(struct call *call, bool reset)
{
    if (call->h2)
        call_h2_leave(call);
    if (!call->connection)
        return;
    upstreams_drop(call->connection, reset);
    call->connection = NULL;
}

static enum call_progress await_connection(struct call *call)
{
    call->progress = true;
    call_await(call, CALL_WAIT_CONNECT);
    return CALL_WAIT;
}

/* The server that is asked, with what this upstream says of it. */
static struct server_question question_of(const struct call *call)
{
    const struct upstream *upstream = call->upstream;
    struct server_question question = {.server = call->server, .tls = upstream->tls};
    if (!upstream->is_limited)
        return question;
    ASSERT(call->tried_count > 0);
    question.limit = upstream->members[call->tried[call->tried_count - 1]].max_connections;
    return question;
}

/* Others were quicker, or there is no room. Who was not asked at all was not tried. */
COLD static void note_full(struct call *call)
{
    ASSERT(call->tried_count > 0 && call->asked_count > 0);
    if (call->address_next > 1) {
        call->last_error = ERROR_SERVERS_FULL;
        return;
    }
    call->tried_count--;
    call->asked_count--;
}

/* A server that may choose may have chosen HTTP/2. */
static enum call_progress begin_on_connection(struct call *call)
{
    const struct tls *tls = call->connection->transport.tls;
    return tls && tls_speaks_h2(tls) ? call_h2_adopt(call) : CALL_READY;
}

/* A server that may choose, and refuses HTTP/1.1, is asked for an upgrade in HTTP/2. */
COLD static enum call_progress ask_in_h2_instead(struct call *call,
                                                 const struct server_question *question)
{
    enum error_code refused = call->error;
    call->error = ERROR_NONE;
    enum call_progress progress = call_h2_start(call, question);
    if (progress == CALL_FAILED && !call->error)
        call->error = call->last_error = refused;
    return progress;
}

/* Tries the addresses of the server that are left. */
static enum call_progress connect_server(struct call *call)
{
    ASSERT(call->server && !call->connection);
    struct address addresses[SERVER_ADDRESSES_MAX];
    struct server_registry *registry = upstreams_registry(call->home);
    struct server_question question = question_of(call);
    question.h1_alone = call->wants_upgrade;
    enum error_code error = ERROR_NONE;
    uint32_t count = server_addresses(registry, call->server, addresses);
    if (count == 0)
        call->error = ERROR_UNRESOLVED;
    while (call->address_next < count) {
        const struct address *address = &addresses[call->address_next++];
        struct connection_account account = call_account(call);
        enum io io = upstreams_connect(call->home, &question, &account, address, &call->user,
                                       &call->connection, &error);
        bool is_full = io == IO_DONE && !call->connection;
        if (is_full || (io == IO_FAILED && error == ERROR_CONNECTIONS_FULL)) {
            call->error = is_full ? ERROR_SERVERS_FULL : error;
            note_full(call);
            return CALL_FAILED;
        }
        if (io != IO_FAILED)
            call->error = ERROR_NONE;
        if (io == IO_DONE)
            return begin_on_connection(call);
        if (io == IO_PENDING)
            return await_connection(call);
        call->error = error;
    }
    if (question.h1_alone && call->error == ERROR_SERVER_TLS_REFUSED &&
        call_h2_is_wanted(call, call->server))
        return ask_in_h2_instead(call, &question);
    call->last_error = call->error;
    server_unreached(registry, call->server, call->error, loop_now(upstreams_loop(call->home)));
    return CALL_FAILED;
}

static int pick_untried(const struct call *call)
{
    struct balancer_question question = {.tried = call->tried,
                                         .tried_count = call->tried_count,
                                         .key = call->key,
                                         .has_key = call->has_key,
                                         .has_wish = call->has_wish,
                                         .wished = call->wished};
    return upstreams_pick(call->home, call->upstream, &question);
}

static bool choose_untried(struct call *call)
{
    ASSERT(!call->connection && call->tried_count <= CALL_TRIES_MAX);
    if (call->tried_count > 0 && !call_may_try_more(call))
        return false;
    bool is_plain = call->tried_count == 0 && upstream_has_no_choice(call->upstream);
    int picked = is_plain ? 0 : pick_untried(call);
    if (picked < 0)
        return false;
    ASSERT((uint32_t)picked < call->upstream->count && picked <= UINT16_MAX);
    call->tried[call->tried_count++] = (uint16_t)picked;
    call->asked_count++;
    call->error = ERROR_NONE;
    call->server = call->upstream->members[picked].server;
    call->address_next = 0;
    return true;
}

/* A server that was not tried and is merely full is better than one that has failed. */
COLD static bool is_to_wait(const struct call *call)
{
    return call->upstream->queue && call->tried_count < CALL_TRIES_MAX &&
           balancer_has_full(call->upstream, call->tried, call->tried_count);
}

static bool choose_server(struct call *call)
{
    if (choose_untried(call))
        return true;
    if (!call->may_ask_again || is_to_wait(call))
        return false;
    call->may_ask_again = false;
    call->tried_count = 0;
    return choose_untried(call);
}

/* The server that was chosen. `alone`: over no connection that was used before. */
static enum call_progress reach_server(struct call *call, bool alone)
{
    const struct server_question question = question_of(call);
    if (!call->server->is_plain && call_h2_is_wanted(call, call->server)) {
        enum call_progress progress = call_h2_start(call, &question);
        if (progress != CALL_FAILED || call->error)
            return progress;
    }
    if (!alone)
        call->connection = upstreams_take_idle(call->home, &question, &call->user);
    if (!call->connection)
        return connect_server(call);
    call->reused = true;
    return CALL_READY;
}

enum call_progress call_next_server(struct call *call, bool alone)
{
    while (choose_server(call)) {
        enum call_progress progress = reach_server(call, alone);
        if (progress != CALL_FAILED)
            return progress;
        if (call->error == ERROR_CONNECTIONS_FULL)
            return call_search_room(call);
        if (error_side(call->error) == ERROR_SIDE_SELF)
            return CALL_FAILED; /* no other server would help */
    }
    call->error = call->last_error             ? call->last_error
                  : call->upstream->is_limited ? ERROR_SERVERS_FULL
                                               : ERROR_NO_SERVER;
    if (call->pass)
        call_note_unreached(call);
    return CALL_FAILED;
}

/* What became of the connection that was under way. */
static enum call_progress finish_connecting(struct call *call)
{
    ASSERT(call->connection);
    enum error_code error = call->error;
    enum io io = call->error ? IO_FAILED : upstreams_go_on_connecting(call->connection, &error);
    if (io == IO_PENDING)
        return CALL_WAIT;
    if (io == IO_DONE)
        return begin_on_connection(call);
    call->error = error;
    drop_connection(call, false);
    return connect_server(call);
}

COLD static enum call_progress go_on_in_h2(struct call *call, bool alone)
{
    enum call_progress progress = call_h2_go_on(call);
    return progress != CALL_FAILED || call->error ? progress : reach_server(call, alone);
}

enum call_progress call_start(struct call *call)
{
    check(call);
    ASSERT(!call->fresh || call->server);
    if (call->upstream->breaker && !call->pass && !call_enter_breaker(call))
        return CALL_FAILED;
    bool alone = call->fresh || call->announcement;
    call->user.on_loan = alone ? NULL : on_loan;
    if (call_is_placed(call)) {
        enum call_progress progress = call->h2 ? go_on_in_h2(call, alone) : finish_connecting(call);
        if (progress != CALL_FAILED)
            return progress;
    } else if (call->fresh && !call->waiter && !call_searches_room(call)) {
        enum call_progress progress = reach_server(call, true);
        if (progress != CALL_FAILED)
            return progress;
    }
    bool queues = call->upstream->queue && !call->never_queues;
    enum call_progress progress =
        queues ? call_start_in_turn(call, alone) : call_next_server(call, alone);
    if (call_searches_room(call) && call_is_placed(call))
        call_end_search(call);
    if (progress == CALL_FAILED && call->error == ERROR_CONNECTIONS_FULL)
        breaker_refuse(&call->upstream->commons->breaker); /* who waits in a queue is not refused */
    return progress;
}

/* ---- the request */

static inline struct h1_write request_framing(const struct request_head *head, bool alone)
{
    static const enum h1_framing framings[] = {
        [BODY_NONE] = H1_FRAMING_NONE,
        [BODY_COUNTED] = H1_FRAMING_COUNTED,
        [BODY_STREAM] = H1_FRAMING_CHUNKED,
    };
    struct h1_write how = {
        .framing = framings[head->body],
        .length = head->body_length,
        /* Methods that are expected to have a body say that it is empty (RFC 9110 8.6). */
        .announce_length =
            head->body == BODY_NONE && (head->method == METHOD_POST || head->method == METHOD_PUT ||
                                        head->method == METHOD_PATCH),
        .connection = alone ? H1_CLOSE : H1_KEEP_ALIVE,
        .peer_minor_version = 1,
    };
    const struct field *upgrade =
        head->wants_upgrade ? fields_find(&head->fields, FIELD_UPGRADE) : NULL;
    if (upgrade) {
        how.connection = H1_UPGRADE;
        how.upgrade = upgrade->value;
    }
    return how;
}

/* What begins the connection. */
COLD static bool announce(struct call *call)
{
    struct text text;
    if (!output_reserve(&call->output, PROXY_HEADER_WRITTEN_MAX, &text))
        return false;
    proxy_header_write(&text, call->upstream->proxy_protocol, call->announcement);
    output_add_text(&call->output, &text);
    return true;
}

bool call_send_head(struct call *call, const struct request_head *head)
{
    ASSERT(call_is_placed(call) && !call->request_ended && output_is_empty(&call->output));
    if (call->h2)
        return call_h2_send_head(call, head);
    ASSERT(head->method_text.length > 0 && head->target.length > 0);
    struct h1_write how = request_framing(head, call->announcement);
    if (call->announcement && !announce(call))
        return false;
    if (!h1_output_request_head(&call->output, &call->connection->transport, head, &how))
        return false;
    call->sending = how.framing;
    call->head_sent = true;
    call->method = head->method;
    return true;
}

struct slice call_print_head(const struct call *call, const struct server *server,
                             const struct request_head *head)
{
    if (!server->is_plain && call_h2_is_wanted(call, server))
        return call_h2_print_head(call, server, head);
    struct h1_write how = request_framing(head, call->announcement);
    size_t room = h1_request_head_room(head, &how);
    char *memory = arena_alloc(call->arena, room);
    struct text text = text_over(memory, memory ? room : 0);
    if (memory)
        h1_write_request_head(&text, head, &how);
    return text_slice(&text);
}

bool call_send_body(struct call *call, struct span piece)
{
    ASSERT(!call->request_ended && piece.length > 0);
    if (call->h2)
        return call_h2_send_body(call, piece);
    return h1_output_piece(&call->output, call->sending, piece);
}

bool call_send_end(struct call *call, const struct fields *trailers)
{
    ASSERT(!call->request_ended);
    call->request_ended = true;
    call->progress = true;
    if (call_is_timed(call))
        call_note_asked(call);
    if (call->h2)
        return call_h2_send_end(call, trailers);
    return h1_output_end(&call->output, call->sending, trailers);
}

enum io call_flush(struct call *call)
{
    if (call->h2)
        return call_h2_flush(call);
    ASSERT(call->connection);
    size_t sent = 0;
    enum io io = output_flush(&call->output, &call->connection->transport, &sent);
    call->bytes_sent += sent;
    call->progress |= sent > 0;
    if (call->sending == H1_FRAMING_CLOSE && io == IO_DONE)
        call_websocket_sent(call);
    return io;
}

/* ---- the response */

COLD static enum error_code cut_error(const struct call *call)
{
    ASSERT(call->connection);
    const struct transport *transport = &call->connection->transport;
    if (transport->tls && tls_alert(transport->tls))
        return ERROR_SERVER_TLS_REFUSED;
    if (transport->socket.error)
        return ERROR_SERVER_RESET;
    return call->response_begun ? ERROR_RESPONSE_CUT : ERROR_SERVER_CLOSED;
}

COLD static enum read_event fail(struct call *call, enum read_event event, enum error_code error)
{
    if (!call->error)
        call->error = error;
    return event;
}

COLD static void note_failure(struct call *call)
{
    enum failure_rate_outcome outcome = call->went_well ? FAILURE_RATE_TURNED : FAILURE_RATE_FAILED;
    call->went_well = false;
    call->has_failed = true;
    if (call->pass)
        call_note_breaker(call, outcome);
    ejection_note_failure(upstreams_registry(call->home), call->upstream, call->server, outcome,
                          loop_now(upstreams_loop(call->home)));
}

/* For upstreams that are judged by the share of failures. */
COLD static void count_success(struct call *call)
{
    call->went_well = true;
    if (call->pass)
        call_note_breaker(call, FAILURE_RATE_WELL);
    ejection_count_success(call->upstream, call->server, loop_now(upstreams_loop(call->home)));
}

static void note_answer(struct call *call, unsigned status)
{
    if (status < 200 && status != 101)
        return;
    if (status >= 502 && status <= 504)
        note_failure(call);
    else if (call->upstream->is_judged)
        count_success(call);
    else
        ejection_note_success(call->server);
    if (call->asked)
        call_note_time(call, status >= 500 && status != 501 && status != 505);
}

bool call_was_dead(const struct call *call)
{
    return call->reused && !call->response_begun &&
           (call->error == ERROR_SERVER_CLOSED || call->error == ERROR_SERVER_RESET);
}

/* `keep`, or a second less than the server says (Keep-Alive: timeout=5), so that a request does not
 * cross its close. */
COLD static uint64_t keep_as_told(uint64_t keep, struct slice rest)
{
    uint64_t seconds = 0;
    while (!slice_is_empty(rest)) {
        struct slice part = slice_trim(slice_cut(&rest, ','));
        if (!slice_starts_with(part, SLICE("timeout=")))
            continue;
        if (slice_to_number(slice_from(part, 8), 1000000, &seconds) && seconds * 1000 < keep + 1000)
            keep = seconds > 1 ? (seconds - 1) * 1000 : 500;
    }
    return keep;
}

/* How long the connection may be kept: as long as we want, and as the server says. */
static uint64_t keep_for(const struct call *call, const struct fields *fields)
{
    uint64_t keep = (uint64_t)call->timeouts->pool_idle;
    const struct field *field = fields_find(fields, FIELD_KEEP_ALIVE);
    return field ? keep_as_told(keep, field->value) : keep;
}

COLD static enum read_event receive_head_h2(struct call *call, struct response_head *ret_head)
{
    enum read_event event = call_h2_receive_head(call, ret_head);
    if (event == READ_HEAD && call->websocket && !call_websocket_read(call, ret_head))
        return READ_FAILED;
    if (event == READ_HEAD)
        note_answer(call, ret_head->status);
    return event;
}

enum read_event call_receive_head(struct call *call, struct response_head *ret_head)
{
    ASSERT(call_is_placed(call) && !call->response_ended);
    if (call->error)
        return READ_FAILED;
    if (call->h2)
        return receive_head_h2(call, ret_head);
    enum error_code error = ERROR_NONE;
    enum read_event event = h1_reader_find_head(&call->reader, &call->connection->transport,
                                                call->limits, H1_RESPONSE, &error);
    call->response_begun |= h1_reader_has_leftover(&call->reader);
    if (event == READ_WAIT)
        return event;
    if (event == READ_END || event == READ_CUT)
        return fail(call, READ_FAILED, cut_error(call));
    if (event == READ_FAILED)
        return fail(call, READ_FAILED, error);
    error = h1_parse_response(span_slice(&call->reader.inbound), &call->reader.scan, call->limits,
                              call->arena, call->method, ret_head, &call->reader.body,
                              &call->keep_alive);
    span_clear(&call->response_bytes);
    call->response_bytes = h1_reader_take_head(&call->reader);
    call->progress = true;
    call->bytes_received += call->response_bytes.length;
    if (error)
        return fail(call, READ_FAILED, error);
    if (call->websocket && !call_websocket_read(call, ret_head))
        return READ_FAILED;
    call->keep_ms = keep_for(call, &ret_head->fields);
    note_answer(call, ret_head->status);
    return READ_HEAD;
}

enum read_event call_receive_body(struct call *call, struct fields *trailers,
                                  struct span *ret_piece)
{
    ASSERT(call_is_placed(call) && call->response_begun);
    if (call->error)
        return READ_CUT;
    if (call->response_ended)
        return READ_END;
    if (call->h2)
        return call_h2_receive_body(call, trailers, ret_piece);
    enum error_code error = ERROR_NONE;
    enum read_event event =
        h1_reader_read_body(&call->reader, &call->connection->transport, call->limits, H1_RESPONSE,
                            call->arena, trailers, ret_piece, &error);
    if (event == READ_PIECE) {
        call->progress = true;
        call->bytes_received += ret_piece->length;
        call->response_ended = h1_body_is_read(&call->reader.body);
    }
    if (event == READ_END)
        call->response_ended = true;
    if (event == READ_CUT)
        return fail(call, event, cut_error(call));
    if (event == READ_FAILED)
        return fail(call, event, error);
    return event;
}

/* ---- pumping */

struct transport *call_pump_from(struct call *call, uint64_t *ret_remaining)
{
    ASSERT(call_is_placed(call));
    const struct h1_reader *reader = &call->reader;
    *ret_remaining = reader->body.remaining;
    bool plain = reader->body.framing == H1_FRAMING_COUNTED && !h1_reader_has_leftover(reader) &&
                 !reader->ended && !call->error && !call->h2;
    return plain ? &call->connection->transport : NULL;
}

struct transport *call_pump_to(struct call *call)
{
    ASSERT(call_is_placed(call));
    bool plain = call->sending == H1_FRAMING_COUNTED && output_is_empty(&call->output);
    return plain ? &call->connection->transport : NULL;
}

void call_pumped_from(struct call *call, uint64_t count)
{
    ASSERT(count <= call->reader.body.remaining);
    call->reader.body.remaining -= count;
    call->bytes_received += count;
    call->progress |= count > 0;
}

void call_pumped_to(struct call *call, uint64_t count)
{
    ASSERT(!call->request_ended);
    call->bytes_sent += count;
    call->progress |= count > 0;
}

/* ---- the end */

static bool may_be_kept(const struct call *call)
{
    return !call->announcement && call->keep_alive && call->request_ended && call->response_ended &&
           !call->error && output_is_empty(&call->output) &&
           !h1_reader_has_leftover(&call->reader) && !call->reader.ended;
}

/* What it failed of, once it was asked; who could not be reached is noted where that is found out.
 */
static void note_end(struct call *call)
{
    bool is_refused = call->error == ERROR_SERVER_STREAM_REFUSED; /* it may stop in good order */
    if (call->error && call->head_sent && !call->has_failed && !call_was_dead(call) && !is_refused)
        note_failure(call);
}

static void end_attempt(struct call *call)
{
    if (call->asked)
        call_note_silence(call);
    h1_reader_fini(&call->reader);
    output_fini(&call->output);
    span_clear(&call->response_bytes);
}

void call_restart(struct call *call)
{
    check(call);
    ASSERT(call->server && !call->response_begun);
    note_end(call);
    drop_connection(call, false);
    end_attempt(call);
    begin_attempt(call);
    call->fresh = true;
    call->found_h1 = false;
    call->asked_count++;
}

static void give_back_connection(struct call *call)
{
    if (!call->connection || !may_be_kept(call)) {
        drop_connection(call, !call->response_ended);
        return;
    }
    upstreams_keep(call->connection, call->keep_ms);
    call->connection = NULL;
}

/* Where all of a response that nobody gets has come already, its connection lives. */
COLD static void drop_response(struct call *call)
{
    enum { PIECES_MAX = 4 };
    struct fields trailers = {0};
    struct span piece = {0};
    for (unsigned i = 0; i < PIECES_MAX; i++) {
        if (call_receive_body(call, &trailers, &piece) != READ_PIECE)
            return;
        span_clear(&piece);
    }
}

void call_retry(struct call *call)
{
    check(call);
    note_end(call);
    if (call_is_placed(call) && call->response_begun && !call->error)
        drop_response(call);
    give_back_connection(call);
    end_attempt(call);
    begin_attempt(call);
    ASSERT(!call->waiter);
    if (call->pass)
        call_leave_breaker(call);
    call->went_well = call->has_failed = false;
    call->fresh = call->found_h1 = false;
    call->may_ask_again = true;
    call->last_error = ERROR_NONE;
}

COLD static void untie(struct call *call)
{
    if (call->pass)
        call_leave_breaker(call);
    if (call->has_edition)
        call_let_go_edition(call);
}

void call_finish(struct call *call)
{
    check(call);
    if (call->waiter)
        call_leave_queue(call, false);
    note_end(call);
    give_back_connection(call);
    end_attempt(call);
    if (call->is_tied)
        untie(call);
}

/* Its edition stays until the end. */
void call_stop(struct call *call)
{
    bool has_edition = call->has_edition;
    call->has_edition = false;
    call_finish(call);
    begin_attempt(call);
    call->has_edition = call->is_tied = has_edition;
}

void call_replace(struct call *call, struct call *other)
{
    ASSERT(call->home == other->home && call->upstream->commons == other->upstream->commons);
    ASSERT(!other->waiter && !call_searches_room(other));
    const struct call before = *call;
    call_finish(call);
    *call = *other;
    call->on_news = before.on_news;
    call->asked_count += before.asked_count;
    call->queued_ms = before.queued_ms;
    call->was_queued = before.was_queued;
    call->never_queues = false;
    if (call->connection)
        call->connection->user = &call->user;
    if (call->h2)
        call->h2->call = call;
    check(call);
}

struct server_connection *call_take_connection(struct call *call, struct span *ret_leftover)
{
    struct server_connection *connection = call->connection;
    ASSERT(connection && output_is_empty(&call->output));
    *ret_leftover = span_take(&call->reader.inbound);
    call->connection = NULL;
    return connection;
}
