#include "upstream/server_h2.h"

#include "base/assert.h"
#include "base/cold.h"
#include "net/h2_output.h"
#include "obs/log.h"
#include "tls/tls_server_context.h"
#include "tls/tls_to_server.h"
#include "upstream/reaching.h"
#include "upstream/upstreams_int.h"

#include <stdlib.h>

enum {
    RECEIVES_PER_RUN = 8, /* then others have their turn */
    SENDS_PER_RUN = 8,
};

static void run(struct server_h2 *self);

/* ---- life */

static void bury(struct grave *grave)
{
    struct server_h2 *self = CONTAINER_OF(grave, struct server_h2, grave);
    output_fini(&self->output);
    if (self->codec)
        h2_free(self->codec);
    tls_server_context_unref(self->tls);
    free(self);
}

static void let_go(struct server_h2 *self)
{
    ASSERT(self->holds > 0);
    if (--self->holds > 0)
        return;
    ASSERT(list_is_empty(&self->users) && self->state == SERVER_H2_CLOSED);
    task_cancel(&self->task);
    loop_bury(self->home->loop, &self->grave, bury);
}

/* Each has news once; who leaves meanwhile is off the list. */
static void tell_users(struct server_h2 *self)
{
    LIST_EACH_SAFE (link, &self->users) {
        struct server_h2_user *user = CONTAINER_OF(link, struct server_h2_user, link);
        user->on_news(user);
    }
}

static void drop_connection(struct server_h2 *self)
{
    if (self->connection)
        upstreams_drop(self->connection, false);
    self->connection = NULL;
}

static void set_idle(struct server_h2 *self, bool is_idle)
{
    if (self->is_idle == is_idle)
        return;
    self->is_idle = is_idle;
    struct gauge *idle = &self->tally->idle;
    ASSERT(is_idle || gauge_read(idle) > 0);
    gauge_set(idle, is_idle ? gauge_read(idle) + 1 : gauge_read(idle) - 1);
}

static void close_it(struct server_h2 *self, enum error_code error)
{
    ASSERT(self->state != SERVER_H2_CLOSED);
    self->state = SERVER_H2_CLOSED;
    self->error = error;
    set_idle(self, false);
    list_remove(&self->link);
    drop_connection(self);
    if (self->account.has_room)
        room_give_back(self->account.breaker);
    self->account.has_room = false;
    tell_users(self);
    let_go(self);
}

/* ---- connecting */

static void on_news(struct connection_user *user)
{
    run(CONTAINER_OF(user, struct server_h2, user));
}

static void on_task(struct task *task)
{
    struct server_h2 *self = CONTAINER_OF(task, struct server_h2, task);
    if (self->state != SERVER_H2_CLOSED)
        run(self);
}

static bool has_choice(const struct server_h2 *self)
{
    return !self->server->is_h2 && tls_offer_is_choice(tls_server_context_offer(self->tls));
}

/* Those who wait are told by who calls; where nobody does, the task closes it. */
COLD static enum error_code note_other_choice(struct server_h2 *self)
{
    if (!has_choice(self))
        return ERROR_SERVER_NOT_H2;
    self->state = SERVER_H2_IS_H1;
    list_remove(&self->link);
    timer_unset(&self->connection->timer);
    loop_defer(self->home->loop, &self->task);
    return ERROR_NONE;
}

static enum error_code begin_session(struct server_h2 *self)
{
    if (self->connection->transport.tls && !tls_speaks_h2(self->connection->transport.tls))
        return note_other_choice(self);
    self->codec = h2_new_to_server(&self->settings, loop_buffers(self->home->loop));
    if (!self->codec)
        return ERROR_OUT_OF_MEMORY;
    self->state = SERVER_H2_OPEN;
    self->heard_at = loop_now(self->home->loop);
    timer_unset(&self->connection->timer);
    return ERROR_NONE;
}

/* Tries the addresses that are left. IO_PENDING: one is under way. */
static enum io try_addresses(struct server_h2 *self, enum error_code *error)
{
    struct address addresses[SERVER_ADDRESSES_MAX];
    struct server_question question = {.server = self->server, .tls = self->tls, .is_shared = true};
    uint32_t count = server_addresses(self->home->registry, self->server, addresses);
    if (count == 0)
        *error = ERROR_UNRESOLVED;
    while (self->address_next < count) {
        enum io io = upstreams_connect(self->home, &question, &self->account,
                                       &addresses[self->address_next++], &self->user,
                                       &self->connection, error);
        if (io == IO_PENDING)
            timer_set(self->home->loop, &self->connection->timer, (uint64_t)self->connect_ms);
        if (io == IO_DONE)
            *error = begin_session(self);
        if (io == IO_PENDING || (io == IO_DONE && !*error))
            return io;
        drop_connection(self);
    }
    return IO_FAILED;
}

COLD static void cannot_be_reached(struct server_h2 *self, enum error_code error)
{
    server_unreached(self->home->registry, self->server, error, loop_now(self->home->loop));
}

/* The address that is tried is not to be had. */
COLD static void go_to_next_address(struct server_h2 *self, enum error_code error)
{
    drop_connection(self);
    switch (try_addresses(self, &error)) {
    case IO_PENDING:
        return;
    case IO_DONE:
        tell_users(self);
        server_h2_push(self);
        return;
    default:
        cannot_be_reached(self, error);
        close_it(self, error);
    }
}

static void go_on_connecting(struct server_h2 *self)
{
    enum error_code error = ERROR_NONE;
    enum io io = upstreams_go_on_connecting(self->connection, &error);
    if (io == IO_PENDING)
        return;
    if (io == IO_DONE)
        error = begin_session(self);
    if (error) {
        go_to_next_address(self, error);
        return;
    }
    tell_users(self);
    server_h2_push(self);
}

/* ---- time */

static void on_timeout(struct connection_user *user)
{
    struct server_h2 *self = CONTAINER_OF(user, struct server_h2, user);
    if (self->state == SERVER_H2_CONNECTS) {
        go_to_next_address(self, upstreams_connect_timeout(self->connection));
    } else {
        server_h2_close_idle(self);
    }
}

/* ---- finding and joining */

/* A server that takes none at all does so for a moment (RFC 9113 5.1.2), and calls wait for its end
 * on the connection that there is: each would find the same on one of its own. */
static uint32_t room_of(const struct server_h2 *self)
{
    uint32_t peers = self->codec ? h2_peer_streams(self->codec) : SERVER_H2_STREAMS_MAX;
    uint32_t most = peers > 0 && peers < SERVER_H2_STREAMS_MAX ? peers : SERVER_H2_STREAMS_MAX;
    uint32_t users = self->holds - 1;
    return users < most ? most - users : 0;
}

/* Of its calls each comes to its end. */
COLD static void leave(struct server_h2 *self)
{
    self->state = SERVER_H2_LEAVES;
    list_remove(&self->link);
    server_h2_close_idle(self);
}

/* It leads to where the server was. */
static bool is_left_behind(const struct server_h2 *self)
{
    return self->state == SERVER_H2_OPEN && self->connection->moves != server_moves(self->server);
}

/* Whether a call gets there what it would on a connection of its own. */
static bool is_fit(const struct server_h2 *self, const struct server_h2_terms *terms)
{
    bool has_same_tls = !self->tls || tls_server_context_identity(self->tls) ==
                                          tls_server_context_identity(terms->question->tls);
    return has_same_tls && self->settings.window == terms->window;
}

static struct server_h2 *find(struct list *shared, const struct server_h2_terms *terms)
{
    LIST_EACH_SAFE (link, shared) {
        struct server_h2 *self = CONTAINER_OF(link, struct server_h2, link);
        if (is_left_behind(self)) {
            leave(self);
            continue;
        }
        bool takes = self->state == SERVER_H2_CONNECTS || h2_may_ask(self->codec);
        if (takes && is_fit(self, terms) && room_of(self) > 0)
            return self;
    }
    return NULL;
}

static struct server_h2 *new_one(struct upstreams *upstreams, struct list *shared,
                                 const struct server_h2_terms *terms)
{
    struct server_h2 *self = calloc(1, sizeof(*self));
    if (!self)
        return NULL;
    self->user = (struct connection_user){.on_news = on_news, .on_timeout = on_timeout};
    self->home = upstreams;
    self->server = terms->question->server;
    self->tally = server_tally_of(self->server, upstreams); /* its pool has made it */
    if (self->server->is_tls) {
        self->tls = terms->question->tls;
        tls_server_context_ref(self->tls);
    }
    self->account = *terms->account;
    terms->account->has_room = false;
    self->holds = 1;
    self->connect_ms = terms->timeouts->connect;
    self->settings = (struct h2_settings){
        .streams = SERVER_H2_STREAMS_MAX,
        .window = terms->window,
        .blocks = terms->blocks,
        /* Each reset is of a request of ours. */
        .gate = {.resets = UINT32_MAX, .controls = SERVER_H2_CONTROLS_MAX},
    };
    output_init(&self->output, loop_buffers(upstreams->loop));
    list_init(&self->users);
    list_push_back(shared, &self->link);
    task_init(&self->task, on_task);
    return self;
}

static struct server_h2 *open_one(struct upstreams *upstreams, struct list *shared,
                                  const struct server_h2_terms *terms, enum error_code *ret_error)
{
    struct server_h2 *self = new_one(upstreams, shared, terms);
    *ret_error = ERROR_OUT_OF_MEMORY;
    if (!self)
        return NULL;
    if (try_addresses(self, ret_error) != IO_FAILED)
        return self;
    cannot_be_reached(self, *ret_error);
    close_it(self, *ret_error);
    return NULL;
}

static void add_user(struct server_h2 *self, const struct server_h2_terms *terms,
                     struct server_h2_user *user)
{
    set_idle(self, false);
    self->holds++;
    self->idle_ms = terms->timeouts->pool_idle;
    list_push_back(&self->users, &user->link);
}

bool server_h2_is_there(struct upstreams *upstreams, const struct server_h2_terms *terms,
                        bool fresh)
{
    struct list *shared = upstreams_shared(upstreams, terms->question->server);
    return !fresh && shared && find(shared, terms);
}

struct server_h2 *server_h2_join(struct upstreams *upstreams, const struct server_h2_terms *terms,
                                 bool fresh, struct server_h2_user *user,
                                 enum error_code *ret_error)
{
    struct list *shared = upstreams_shared(upstreams, terms->question->server);
    *ret_error = ERROR_OUT_OF_MEMORY;
    if (!shared)
        return NULL;
    struct server_h2 *self = fresh ? NULL : find(shared, terms);
    if (!self)
        self = open_one(upstreams, shared, terms, ret_error);
    if (self)
        add_user(self, terms, user);
    return self;
}

struct server_connection *server_h2_take(struct server_h2 *self, struct connection_user *call)
{
    struct server_connection *connection = self->connection;
    ASSERT(self->state == SERVER_H2_IS_H1);
    self->connection = NULL;
    if (connection)
        upstreams_pass_on(connection, call, false);
    return connection;
}

struct server_h2 *server_h2_adopt(struct upstreams *upstreams, const struct server_h2_terms *terms,
                                  struct server_connection *connection, struct server_h2_user *user)
{
    struct list *shared = upstreams_shared(upstreams, connection->server);
    struct server_h2 *self = shared ? new_one(upstreams, shared, terms) : NULL;
    upstreams_pass_on(connection, self ? &self->user : connection->user, true);
    if (!self) {
        upstreams_drop(connection, false);
        return NULL;
    }
    self->connection = connection;
    enum error_code error = begin_session(self);
    if (error) {
        close_it(self, error);
        return NULL;
    }
    add_user(self, terms, user);
    server_h2_push(self);
    return self;
}

void server_h2_leave(struct server_h2 *self, struct server_h2_user *user)
{
    list_remove(&user->link);
    if (user->stream)
        h2_release(user->stream, H2_CANCEL);
    user->stream = NULL;
    if (self->state != SERVER_H2_CLOSED)
        loop_defer(self->home->loop, &self->task);
    let_go(self);
}

/* ---- running */

/* What the way to the server failed of. */
static enum error_code cause_of(const struct server_h2 *self)
{
    const struct transport *transport = &self->connection->transport;
    if (h2_reason(self->codec))
        return h2_has_settings(self->codec) ? ERROR_SERVER_H2_BROKEN : ERROR_SERVER_NOT_H2;
    if (transport->tls && tls_alert(transport->tls))
        return ERROR_SERVER_TLS_REFUSED;
    return transport->socket.error ? ERROR_SERVER_RESET : ERROR_SERVER_CLOSED;
}

/* IO_DONE: there is more, which the next run hears; IO_PENDING: nothing for now; else nothing more
 * will come. */
static enum io receive(struct server_h2 *self)
{
    uint64_t now = loop_now(self->home->loop);
    for (unsigned i = 0; i < RECEIVES_PER_RUN; i++) {
        struct span bytes = {0};
        enum io io = transport_receive(&self->connection->transport, BUFFER_MEDIUM, &bytes);
        if (io != IO_DONE)
            return io;
        self->heard_at = now;
        enum h2_error error = h2_receive(self->codec, span_slice(&bytes), now);
        span_clear(&bytes);
        if (error)
            return IO_PENDING; /* it shall hear why */
    }
    loop_defer(self->home->loop, &self->task);
    return IO_DONE;
}

/* Who has news may look for a connection anew, and by that close this one, where nobody else is on
 * it and its server has moved. */
static void serve(struct server_h2 *self)
{
    for (;;) {
        struct h2_stream *stream = h2_next_news(self->codec);
        if (!stream)
            return;
        struct server_h2_user *user = h2_owner(stream);
        if (user)
            user->on_news(user);
    }
}

/* False: nothing more can be sent. */
static bool send_out(struct server_h2 *self)
{
    for (unsigned i = 0; i < SENDS_PER_RUN && !server_h2_is_closed(self); i++) {
        size_t sent = 0;
        bool good = h2_output_frame(self->codec, &self->output);
        enum io io = output_flush(&self->output, &self->connection->transport, &sent);
        serve(self);
        if (!good || io == IO_FAILED)
            return false;
        if (io == IO_PENDING || sent == 0)
            return true;
    }
    if (server_h2_is_closed(self))
        return true;
    loop_defer(self->home->loop, &self->task);
    return true;
}

static void tell_error(const struct server_h2 *self, enum error_code error)
{
    if (error == ERROR_SERVER_H2_BROKEN || error == ERROR_SERVER_NOT_H2)
        log_event(LOG_WARNING, error_words(error), LOG_TEXT("server", self->server->key));
}

/* What becomes of it now. A connection that has broken down is alive as long as there is something
 * to be heard on it. */
static void settle(struct server_h2 *self, bool is_alive)
{
    bool over = h2_reason(self->codec) || h2_is_over(self->codec);
    bool unused = list_is_empty(&self->users);
    if (self->state == SERVER_H2_OPEN && !h2_may_ask(self->codec)) {
        self->state = SERVER_H2_LEAVES;
        list_remove(&self->link);
    }
    if (!is_alive || over || (unused && self->state == SERVER_H2_LEAVES)) {
        enum error_code error = cause_of(self);
        tell_error(self, error);
        close_it(self, error);
        return;
    }
    (void)socket_watch(&self->connection->transport.socket);
    if (unused && !self->is_idle) {
        set_idle(self, true);
        timer_set(self->home->loop, &self->connection->timer, (uint64_t)self->idle_ms);
    }
}

/* Who takes nothing more may have answered before. */
COLD static enum io hear_last(struct server_h2 *self)
{
    enum io heard = receive(self);
    serve(self);
    return heard;
}

static void run(struct server_h2 *self)
{
    if (self->state == SERVER_H2_CONNECTS) {
        if (self->connection)
            go_on_connecting(self);
        return;
    }
    if (self->state == SERVER_H2_IS_H1) {
        server_h2_close_idle(self);
        return;
    }
    ASSERT(self->state != SERVER_H2_CLOSED && self->connection);
    bool had_settings = h2_has_settings(self->codec);
    enum io heard = receive(self);
    serve(self);
    if (!had_settings && h2_has_settings(self->codec))
        tell_users(self); /* who waits to know what is offered */
    bool takes = send_out(self);
    if (!takes && heard == IO_PENDING && !server_h2_is_closed(self))
        heard = hear_last(self);
    if (server_h2_is_closed(self))
        return;
    bool is_cut = !takes || transport_is_broken(&self->connection->transport);
    settle(self, heard == IO_DONE || (heard == IO_PENDING && !is_cut));
}

void server_h2_push(struct server_h2 *self)
{
    if (self->state != SERVER_H2_OPEN && self->state != SERVER_H2_LEAVES)
        return;
    (void)h2_output_frame(self->codec, &self->output); /* a failure shows in the run */
    loop_defer(self->home->loop, &self->task);
}

void server_h2_doubt(struct server_h2 *self, uint64_t since)
{
    if (self->state != SERVER_H2_OPEN || self->heard_at > since)
        return;
    self->state = SERVER_H2_LEAVES;
    list_remove(&self->link);
}

/* As far as the server takes it at once: an idle connection is worth no waiting. */
static void say_goodbye(struct server_h2 *self)
{
    size_t sent = 0;
    h2_terminate(self->codec, H2_NO_ERROR);
    if (h2_output_frame(self->codec, &self->output))
        (void)output_flush(&self->output, &self->connection->transport, &sent);
}

void server_h2_close_idle(struct server_h2 *self)
{
    if (!list_is_empty(&self->users))
        return;
    if (self->codec)
        say_goodbye(self);
    close_it(self, ERROR_SERVER_CLOSED);
}
