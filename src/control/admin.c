/* Listening and connections. A connection goes through its states in a circle: head, body, answer,
 * and again; a step says whether to go on, to wait for news, or that it is over. */
#include "base/assert.h"
#include "base/error.h"
#include "control/admin_int.h"
#include "net/h1_reader.h"
#include "net/listener.h"

#include <errno.h>
#include <stdlib.h>

enum {
    REQUEST_MS =
        10 * 1000, /* how long a request may take to arrive, and a piece of an answer to go */
    IDLE_MS = 60 * 1000,
    LINGER_MS = 2 * 1000,
    ARENA_MAX = 64 * 1024,
    BACKLOG = 64,
};

static const struct h1_limits LIMITS = {
    .header_size = 64 * 1024, .header_count = 64, .target_length = ADMIN_TARGET_MAX};

enum admin_state {
    ADMIN_HEAD,   /* a request is awaited */
    ADMIN_BODY,   /* its head is there */
    ADMIN_SEND,   /* the answer is on its way */
    ADMIN_LINGER, /* our direction has ended; what still comes is dropped */
};

enum admin_step { ADMIN_GO_ON, ADMIN_WAIT, ADMIN_OVER };

struct admin_connection {
    struct admin *admin;
    struct list link;
    struct transport transport;
    struct h1_reader reader;
    struct timer timer;
    struct task first_run;
    struct grave grave;
    enum admin_state state;
    bool is_local, keep_alive;
    bool has_begun;     /* the first bytes of a request are here: it has to hurry */
    bool has_asked;     /* and had its answer */
    struct arena arena; /* of one request */
    struct span head_bytes;
    struct request_head head;
    char *body;
    size_t body_length;
    struct admin_answer answer;
    size_t sent;
};

/* A socket on which it listens. */
struct admin_listener {
    struct listener listener;
    struct listener_share share;
    bool is_open;
};

struct admin {
    struct loop *loop;
    struct sys_opener *opener;
    const struct admin_endpoint *endpoints;
    void *context;
    struct admin_rules rules;
    struct admin_listener *current, *prepared; /* NULL: none */
    struct list connections;
    unsigned connection_count;
};

/* ---- the life of a connection */

static void forget_request(struct admin_connection *connection)
{
    span_clear(&connection->head_bytes);
    arena_fini(&connection->arena);
    free(connection->body);
    connection->body = NULL;
    connection->body_length = 0;
    admin_answer_free(&connection->answer);
    connection->sent = 0;
}

static void bury(struct grave *grave)
{
    free(CONTAINER_OF(grave, struct admin_connection, grave));
}

static void close_connection(struct admin_connection *connection)
{
    struct admin *admin = connection->admin;
    ASSERT(admin->connection_count > 0);
    admin->connection_count--;
    forget_request(connection);
    h1_reader_fini(&connection->reader);
    timer_fini(&connection->timer);
    task_cancel(&connection->first_run);
    transport_close(&connection->transport, false);
    list_remove(&connection->link);
    loop_bury(admin->loop, &connection->grave, bury);
}

static void await_request(struct admin_connection *connection)
{
    connection->state = ADMIN_HEAD;
    connection->has_begun = false;
    connection->reader.body = (struct h1_body){0};
    timer_set(connection->admin->loop, &connection->timer, IDLE_MS);
}

/* ---- steps */

static enum admin_step begin_answer(struct admin_connection *connection, bool has_memory)
{
    if (!has_memory)
        return ADMIN_OVER;
    connection->state = ADMIN_SEND;
    timer_set(connection->admin->loop, &connection->timer, REQUEST_MS);
    return ADMIN_GO_ON;
}

static enum admin_step refuse(struct admin_connection *connection, unsigned status,
                              const char *sentence)
{
    connection->keep_alive = false;
    return begin_answer(connection, admin_answer_error(status, sentence, &connection->answer));
}

static enum admin_step parse_head(struct admin_connection *connection)
{
    struct h1_scan scan = connection->reader.scan;
    arena_init(&connection->arena, NULL, ARENA_MAX);
    connection->head_bytes = h1_reader_take_head(&connection->reader);
    connection->head = (struct request_head){0};
    enum error_code error =
        h1_parse_request(span_slice(&connection->head_bytes), &scan, &LIMITS, &connection->arena,
                         &connection->head, &connection->reader.body, &connection->keep_alive);
    if (error)
        return refuse(connection, error_status(error), error_words(error));
    if (connection->head.target_form == TARGET_ASTERISK)
        return refuse(connection, 400, "ask for a path");
    connection->state = ADMIN_BODY;
    return ADMIN_GO_ON;
}

static enum admin_step read_head(struct admin_connection *connection)
{
    enum error_code error = ERROR_NONE;
    switch (h1_reader_find_head(&connection->reader, &connection->transport, &LIMITS, H1_REQUEST,
                                &error)) {
    case READ_WAIT:
        if (h1_reader_has_leftover(&connection->reader) && !connection->has_begun) {
            connection->has_begun = true;
            timer_set(connection->admin->loop, &connection->timer, REQUEST_MS);
        }
        return ADMIN_WAIT;
    case READ_HEAD:
        return parse_head(connection);
    case READ_FAILED:
        return refuse(connection, error_status(error), error_words(error));
    default:
        return ADMIN_OVER;
    }
}

/* False: too long, or no memory. */
static bool keep_piece(struct admin_connection *connection, const struct span *piece)
{
    size_t length = connection->body_length + piece->length;
    char *body = length <= ADMIN_BODY_MAX ? realloc(connection->body, length) : NULL;
    if (!body)
        return false;
    memcpy(body + connection->body_length, span_slice(piece).data, piece->length);
    connection->body = body;
    connection->body_length = length;
    return true;
}

static enum admin_step answer(struct admin_connection *connection)
{
    struct admin *admin = connection->admin;
    struct admin_question question = {
        .head = &connection->head,
        .body = slice_of(connection->body, connection->body_length),
        .is_local = connection->is_local,
        .keep_alive = connection->keep_alive,
    };
    return begin_answer(connection, admin_answer(&admin->rules, admin->endpoints, admin->context,
                                                 &question, &connection->answer));
}

static enum admin_step read_body(struct admin_connection *connection)
{
    struct span piece = {0};
    struct fields trailers = {0};
    enum error_code error = ERROR_NONE;
    switch (h1_reader_read_body(&connection->reader, &connection->transport, &LIMITS, H1_REQUEST,
                                &connection->arena, &trailers, &piece, &error)) {
    case READ_PIECE: {
        bool kept = keep_piece(connection, &piece);
        span_clear(&piece);
        return kept ? ADMIN_GO_ON : refuse(connection, 413, "the body is larger than 64 KiB");
    }
    case READ_WAIT:
        return ADMIN_WAIT;
    case READ_END:
        return answer(connection);
    case READ_FAILED:
        return refuse(connection, error_status(error), error_words(error));
    default:
        return ADMIN_OVER;
    }
}

static enum admin_step finish_answer(struct admin_connection *connection)
{
    bool keep_alive = connection->keep_alive;
    forget_request(connection);
    connection->has_asked = true;
    if (keep_alive) {
        await_request(connection);
        return ADMIN_GO_ON;
    }
    /* Bytes that were not read would make the close a reset, which could destroy the answer. */
    connection->state = ADMIN_LINGER;
    transport_shutdown_send(&connection->transport);
    timer_set(connection->admin->loop, &connection->timer, LINGER_MS);
    return ADMIN_GO_ON;
}

static enum admin_step send_answer(struct admin_connection *connection)
{
    const struct admin_answer *answer = &connection->answer;
    while (connection->sent < answer->head_length + answer->body_length) {
        size_t in_body =
            connection->sent > answer->head_length ? connection->sent - answer->head_length : 0;
        struct slice parts[] = {
            slice_from(slice_of(answer->head, answer->head_length), connection->sent),
            slice_from(slice_of(answer->body, answer->body_length), in_body),
        };
        bool in_head = connection->sent < answer->head_length;
        size_t sent = 0;
        enum io io = transport_send(&connection->transport, in_head ? parts : parts + 1,
                                    in_head && answer->body_length > 0 ? 2 : 1, &sent);
        connection->sent += sent;
        if (sent > 0)
            timer_set(connection->admin->loop, &connection->timer, REQUEST_MS);
        if (io == IO_PENDING)
            return ADMIN_WAIT;
        if (io != IO_DONE)
            return ADMIN_OVER;
    }
    return finish_answer(connection);
}

static enum admin_step linger(struct admin_connection *connection)
{
    struct span bytes = {0};
    enum io io = transport_receive(&connection->transport, BUFFER_SMALL, &bytes);
    span_clear(&bytes);
    if (io == IO_PENDING)
        return ADMIN_WAIT;
    return io == IO_DONE ? ADMIN_GO_ON : ADMIN_OVER;
}

static enum admin_step step(struct admin_connection *connection)
{
    switch (connection->state) {
    case ADMIN_HEAD:
        return read_head(connection);
    case ADMIN_BODY:
        return read_body(connection);
    case ADMIN_SEND:
        return send_answer(connection);
    case ADMIN_LINGER:
        return linger(connection);
    }
    UNREACHABLE();
}

static void run(struct admin_connection *connection)
{
    enum admin_step next;
    do
        next = step(connection);
    while (next == ADMIN_GO_ON);
    if (next == ADMIN_OVER)
        close_connection(connection);
}

static void on_news(struct socket *socket)
{
    run(CONTAINER_OF(socket, struct admin_connection, transport.socket));
}

static void on_first_run(struct task *task)
{
    run(CONTAINER_OF(task, struct admin_connection, first_run));
}

static void on_timer(struct timer *timer)
{
    close_connection(CONTAINER_OF(timer, struct admin_connection, timer));
}

/* ---- listening */

/* The first run is deferred: what it is asked may be a reload that closes this listener. */
static void on_client(struct listener_share *share, int fd, const struct ip *peer, uint16_t port)
{
    (void)port;
    struct admin *admin = share->owner;
    struct admin_connection *connection =
        admin->connection_count < ADMIN_CONNECTIONS_MAX ? calloc(1, sizeof(*connection)) : NULL;
    if (!connection) {
        sys_close(fd);
        return;
    }
    connection->admin = admin;
    connection->is_local = peer->kind == ADDRESS_UNIX;
    arena_init(&connection->arena, NULL, ARENA_MAX);
    socket_init(&connection->transport.socket, admin->loop, fd, on_news);
    h1_reader_init(&connection->reader);
    timer_init(&connection->timer, on_timer);
    list_push_back(&admin->connections, &connection->link);
    admin->connection_count++;
    task_init(&connection->first_run, on_first_run);
    await_request(connection);
    loop_defer(admin->loop, &connection->first_run);
}

static void close_listener(struct admin *admin, struct admin_listener *listener, bool for_good)
{
    if (!listener)
        return;
    if (listener->is_open)
        listener_share_close(&listener->share);
    listener_close(&listener->listener);
    if (for_good)
        admin->opener->forget_listener(admin->opener, &listener->listener.address);
    free(listener);
}

int admin_prepare(struct admin *admin, const struct address *address)
{
    admin_cancel(admin);
    if (admin->current && address_equal(&admin->current->listener.address, address)) {
        admin->prepared = admin->current;
        return 0;
    }
    struct admin_listener *listener = calloc(1, sizeof(*listener));
    if (!listener)
        return -ENOMEM;
    listener->listener.address = *address;
    struct sys_listen_options options = {.backlog = BACKLOG, .is_private = true};
    int fd = admin->opener->listen(admin->opener, address, &options);
    if (fd < 0) {
        free(listener);
        return fd;
    }
    listener->listener.sockets[0] = fd;
    listener->listener.socket_count = 1;
    listener->listener.port = sys_local_port(fd);
    admin->prepared = listener;
    return 0;
}

void admin_cancel(struct admin *admin)
{
    if (admin->prepared != admin->current)
        close_listener(admin, admin->prepared, true);
    admin->prepared = NULL;
}

static void copy_rules(struct admin_rules *rules, const struct admin_settings *settings)
{
    arena_fini(&rules->arena);
    arena_init(&rules->arena, NULL, ARENA_MAX);
    rules->host_count = 0;
    rules->token_length = settings->token.length;
    ASSERT(rules->token_length <= sizeof(rules->token));
    if (settings->token.length > 0)
        memcpy(rules->token, settings->token.data, settings->token.length);
    rules->hosts = ARENA_ARRAY(&rules->arena, struct slice, ADMIN_HOSTS_MAX);
    for (size_t i = 0; rules->hosts && i < settings->hosts.count; i++) {
        struct slice name = arena_copy(&rules->arena, settings->hosts.names[i]);
        if (name.data)
            rules->hosts[rules->host_count++] = name;
    }
}

void admin_commit(struct admin *admin, const struct admin_settings *settings)
{
    copy_rules(&admin->rules, settings);
    struct admin_listener *before = admin->current, *after = admin->prepared;
    admin->prepared = NULL;
    admin->current = after;
    if (before == after)
        return;
    close_listener(admin, before, true);
    if (!after)
        return;
    after->share = (struct listener_share){
        .listener = &after->listener, .owner = admin, .on_client = on_client};
    after->is_open = true;
    listener_share_open(&after->share, admin->loop, 0);
}

void admin_leave(struct admin *admin)
{
    close_listener(admin, admin->current, true);
    admin->current = NULL;
    LIST_EACH_SAFE (link, &admin->connections) {
        struct admin_connection *connection = CONTAINER_OF(link, struct admin_connection, link);
        if (connection->state == ADMIN_HEAD && connection->has_asked && !connection->has_begun)
            close_connection(connection);
    }
}

struct address admin_address(const struct admin *admin)
{
    if (!admin->current)
        return (struct address){0};
    struct address address = admin->current->listener.address;
    address.port = admin->current->listener.port;
    return address;
}

/* ---- the whole */

struct admin *admin_new(struct loop *loop, struct sys_opener *opener,
                        const struct admin_endpoint *endpoints, void *context)
{
    struct admin *admin = calloc(1, sizeof(*admin));
    if (!admin)
        return NULL;
    admin->loop = loop;
    admin->opener = opener;
    admin->endpoints = endpoints;
    admin->context = context;
    list_init(&admin->connections);
    arena_init(&admin->rules.arena, NULL, ARENA_MAX);
    return admin;
}

void admin_free(struct admin *admin)
{
    if (!admin)
        return;
    admin_cancel(admin);
    close_listener(admin, admin->current, true);
    LIST_EACH_SAFE (link, &admin->connections)
        close_connection(CONTAINER_OF(link, struct admin_connection, link));
    arena_fini(&admin->rules.arena);
    loop_turn(admin->loop, 0); /* what was closed is buried */
    free(admin);
}
