#include "upstream/upstreams.h"

#include "base/assert.h"
#include "base/cold.h"
#include "base/pool.h"
#include "upstream/edition.h"
#include "upstream/farewell.h"
#include "upstream/lending.h"
#include "upstream/queue.h"
#include "upstream/reaching.h"
#include "upstream/server_h2.h"
#include "upstream/server_handshake.h"
#include "upstream/upstreams_int.h"

#include <errno.h>
#include <stdlib.h>

enum {
    CONNECTIONS_SPARE = 256,
    LOAN_IDLE_MS = 5 * 1000, /* how long one that came too late is kept */
    LOOKED_AT_MAX = 16,      /* idle ones, for one that was made under the same terms */
};

struct server_pool {
    struct list idle;
    struct list connecting; /* connections of users that would take a loan instead */
    struct tls_session session;
    struct server_tally *tally;     /* of this loop */
    struct list shared;             /* connections of HTTP/2 that take calls: server_h2.h */
    uint32_t connections;           /* idle, lent, and in their graves */
    uint32_t loans;                 /* asked for, and not answered yet */
    struct farewell_letter *letter; /* the server goes when none of both is left; NULL: it stays */
};

struct upstreams *upstreams_new(struct loop *loop, struct server_registry *registry)
{
    ASSERT(loop && registry);
    struct upstreams *upstreams = calloc(1, sizeof(*upstreams));
    if (!upstreams)
        return NULL;
    upstreams->loop = loop;
    upstreams->registry = registry;
    upstreams->connections =
        pool_new("server_connection", sizeof(struct server_connection), CONNECTIONS_SPARE);
    if (!upstreams->connections) {
        free(upstreams);
        return NULL;
    }
    return upstreams;
}

static void close_shared(struct server_pool *pool)
{
    LIST_EACH_SAFE (link, &pool->shared)
        server_h2_close_idle(CONTAINER_OF(link, struct server_h2, link));
}

static void close_idle_of(struct server_pool *pool)
{
    while (!list_is_empty(&pool->idle))
        upstreams_drop(CONTAINER_OF(pool->idle.next, struct server_connection, link), false);
    close_shared(pool);
}

/* The oldest one. */
static bool close_idle_counted_in(struct server_pool *pool, const struct breaker *breaker)
{
    for (struct list *at = pool->idle.previous; at != &pool->idle; at = at->previous) {
        struct server_connection *connection = CONTAINER_OF(at, struct server_connection, link);
        if (connection->breaker == breaker) {
            upstreams_drop(connection, false);
            return true;
        }
    }
    LIST_EACH (link, &pool->shared) {
        struct server_h2 *shared = CONTAINER_OF(link, struct server_h2, link);
        if (server_h2_is_unused(shared) && shared->connection->breaker == breaker) {
            server_h2_close_idle(shared);
            return true;
        }
    }
    return false;
}

bool upstreams_close_idle_of(struct upstreams *upstreams, const struct breaker *breaker)
{
    for (uint32_t i = 0; i < upstreams->pool_count; i++) {
        if (upstreams->pools[i] && close_idle_counted_in(upstreams->pools[i], breaker))
            return true;
    }
    return false;
}

void upstreams_close_idle(struct upstreams *upstreams)
{
    for (uint32_t i = 0; i < upstreams->pool_count; i++) {
        if (upstreams->pools[i])
            close_idle_of(upstreams->pools[i]);
    }
}

static void free_pool(struct server_pool *pool)
{
    if (pool)
        tls_session_fini(&pool->session);
    free(pool);
}

void upstreams_free(struct upstreams *upstreams)
{
    if (!upstreams)
        return;
    for (uint32_t i = 0; i < upstreams->pool_count; i++)
        free_pool(upstreams->pools[i]);
    for (uint32_t i = 0; i < upstreams->balancer_count; i++)
        balancer_free(upstreams->balancers[i]);
    free(upstreams->balancers);
    free(upstreams->pools);
    pool_free(upstreams->connections);
    free(upstreams);
}

struct loop *upstreams_loop(struct upstreams *upstreams)
{
    return upstreams->loop;
}

struct server_registry *upstreams_registry(struct upstreams *upstreams)
{
    return upstreams->registry;
}

void upstreams_join(struct upstreams *upstreams, const struct lending_circle *circle,
                    unsigned index)
{
    ASSERT(index < circle->count && circle->members[index] == upstreams);
    upstreams->circle = circle;
    upstreams->index = index;
}

struct pool_bytes upstreams_measure(const struct upstreams *upstreams)
{
    return pool_measure(upstreams->connections);
}

bool upstreams_is_quiet(const struct upstreams *upstreams)
{
    return upstreams->loans_asked == 0 && upstreams->waiters == 0 && upstreams->searches == 0;
}

/* ---- choosing */

/* Where the balancer of that upstream is kept. NULL: no memory. */
static struct balancer **balancer_place(struct upstreams *upstreams, uint32_t index)
{
    if (index >= upstreams->balancer_count) {
        uint32_t count = (index + 64) & ~63u;
        struct balancer **balancers =
            realloc(upstreams->balancers, count * sizeof(struct balancer *));
        if (!balancers)
            return NULL;
        for (uint32_t i = upstreams->balancer_count; i < count; i++)
            balancers[i] = NULL;
        upstreams->balancers = balancers;
        upstreams->balancer_count = count;
    }
    return &upstreams->balancers[index];
}

/* Made anew when the upstream is a new one, as after a reload. The first loop begins its turns with
 * the first server, the others anywhere, so that not all begin with the same one; and all of them
 * where the list was swapped, so that not each change begins with it. */
static struct balancer *balancer_of(struct upstreams *upstreams, const struct upstream *upstream)
{
    struct balancer **place = balancer_place(upstreams, upstream->index);
    if (!place)
        return NULL;
    if (*place && balancer_is_for(*place, upstream))
        return *place;
    bool is_swapped = upstream_is_swapped(upstream);
    uint64_t phase = upstreams->index > 0 || is_swapped ? loop_chance(upstreams->loop) : 0;
    struct balancer *before = *place;
    *place = balancer_new(upstream, phase);
    if (*place && before && is_swapped)
        balancer_take_over(*place, before);
    balancer_free(before);
    return *place;
}

/* Of an upstream of one server. */
static inline int pick_only(const struct upstream *upstream,
                            const struct balancer_question *question)
{
    if (question->tried_count > 0 || (upstream->is_limited && balancer_is_full(upstream)) ||
        (server_is_set_aside(upstream->members[0].server) && !balancer_serves(upstream, question)))
        return BALANCER_NONE;
    return 0;
}

int upstreams_pick(struct upstreams *upstreams, const struct upstream *upstream,
                   struct balancer_question *question)
{
    if (upstream->count == 0)
        return BALANCER_NONE;
    if (upstream->count == 1)
        return pick_only(upstream, question);
    struct balancer *balancer = balancer_of(upstreams, upstream);
    if (!balancer)
        return BALANCER_NONE;
    question->now = loop_now(upstreams->loop);
    question->chance = loop_chance(upstreams->loop);
    int picked = balancer_choose(balancer, upstream, upstreams->registry, question);
    ASSERT(picked == BALANCER_NONE || (uint32_t)picked < upstream->count);
    return picked;
}

/* ---- connections */

/* Made where there is none. NULL: no memory. */
static struct server_pool *pool_of(struct upstreams *upstreams, struct server *server)
{
    if (server->id >= upstreams->pool_count) {
        uint32_t count = (server->id + 64) & ~63u;
        struct server_pool **pools =
            realloc(upstreams->pools, count * sizeof(struct server_pool *));
        if (!pools)
            return NULL;
        for (uint32_t i = upstreams->pool_count; i < count; i++)
            pools[i] = NULL;
        upstreams->pools = pools;
        upstreams->pool_count = count;
    }
    struct server_pool *pool = upstreams->pools[server->id];
    struct server_tally *tally = pool ? pool->tally : server_tally_of(server, upstreams);
    if (!pool && tally && (pool = malloc(sizeof(*pool)))) {
        list_init(&pool->idle);
        list_init(&pool->connecting);
        list_init(&pool->shared);
        pool->session = (struct tls_session){0};
        pool->tally = tally;
        pool->connections = pool->loans = 0;
        pool->letter = NULL;
        upstreams->pools[server->id] = pool;
    }
    return pool;
}

/* NULL: none was made. */
static struct server_pool *find_pool(const struct upstreams *upstreams, const struct server *server)
{
    return server->id < upstreams->pool_count ? upstreams->pools[server->id] : NULL;
}

/* Answers the letter where nothing is left. Nobody looks at the pool afterwards: not from within a
 * call that has it in hand. */
COLD static void let_go_if_unused(struct upstreams *upstreams, struct server_pool *pool,
                                  const struct server *server)
{
    ASSERT(pool->letter && find_pool(upstreams, server) == pool);
    if (pool->connections > 0 || pool->loans > 0)
        return;
    ASSERT(list_is_empty(&pool->idle) && list_is_empty(&pool->connecting) &&
           list_is_empty(&pool->shared));
    struct farewell_letter *letter = pool->letter;
    upstreams->pools[server->id] = NULL;
    free_pool(pool);
    farewell_answer(letter);
}

void upstreams_close_idle_to(struct upstreams *upstreams, const struct server *server)
{
    struct server_pool *pool = find_pool(upstreams, server);
    if (pool)
        close_idle_of(pool);
}

void upstreams_let_go(struct upstreams *upstreams, struct farewell_letter *letter)
{
    const struct server *server = farewell_server(letter->farewell);
    struct server_pool *pool = find_pool(upstreams, server);
    if (!pool) {
        farewell_answer(letter);
        return;
    }
    ASSERT(!pool->letter);
    pool->letter = letter;
    close_idle_of(pool);
    let_go_if_unused(upstreams, pool, server);
}

COLD static bool receives_more(struct transport *transport)
{
    struct span bytes = {0};
    enum io io = transport_receive(transport, BUFFER_SMALL, &bytes);
    span_clear(&bytes);
    return io != IO_PENDING;
}

/* Whether the server has sent more than its response, or its end. A receive that took just what the
 * response still had (a pump does) leaves open whether there is more: only asking tells. Over TLS a
 * ticket may have come, which is none of a response. */
static inline bool has_unasked_bytes(struct server_connection *connection)
{
    return transport_is_readable(&connection->transport) && receives_more(&connection->transport);
}

/* A server has nothing to say on an idle connection: whatever it sends, its end included, closes
 * the connection. */
static void on_connection_news(struct socket *socket)
{
    struct server_connection *connection =
        CONTAINER_OF(socket, struct server_connection, transport.socket);
    if (connection->user)
        connection->user->on_news(connection->user);
    else if (socket->broken || has_unasked_bytes(connection))
        upstreams_drop(connection, false);
}

static void on_connection_timer(struct timer *timer)
{
    struct server_connection *connection = CONTAINER_OF(timer, struct server_connection, timer);
    if (connection->user)
        connection->user->on_timeout(connection->user);
    else
        upstreams_drop(connection, false);
}

/* Counts one more call. False: the server has as many as it may, of which others may have come
 * since somebody looked. It is never counted and taken back, which would look like a full server to
 * whoever looks for a place in between, and would come after the news that one is free. */
static bool admit(struct server *server, uint32_t limit)
{
    if (limit == 0) {
        atomic_fetch_add_explicit(&server->active, 1, memory_order_relaxed);
        return true;
    }
    unsigned before = atomic_load(&server->active);
    do {
        if (before >= limit)
            return false;
    } while (!atomic_compare_exchange_weak(&server->active, &before, before + 1));
    return true;
}

bool upstreams_admit(struct server *server, uint32_t limit)
{
    return admit(server, limit);
}

void upstreams_discharge(struct server *server)
{
    unsigned before = atomic_fetch_sub(&server->active, 1);
    ASSERT(before > 0);
    if (atomic_load_explicit(&server->queues, memory_order_relaxed))
        queue_place_free(server);
}

struct list *upstreams_shared(struct upstreams *upstreams, struct server *server)
{
    struct server_pool *pool = pool_of(upstreams, server);
    return pool ? &pool->shared : NULL;
}

/* To a user that was admitted; a connection of HTTP/2 is none of a call. */
static void lend(struct server_connection *connection, struct connection_user *user)
{
    ASSERT(user);
    ASSERT(!connection->user);
    connection->user = user;
    if (!connection->is_shared)
        counter_add(&connection->pool->tally->lent, 1);
}

static void take_back(struct server_connection *connection)
{
    ASSERT(connection->user);
    connection->user = NULL;
    if (!connection->is_shared)
        upstreams_discharge(connection->server);
}

static void leave_idle(struct server_connection *connection)
{
    ASSERT(!connection->user && !list_is_empty(&connection->link));
    struct gauge *idle = &connection->pool->tally->idle;
    ASSERT(gauge_read(idle) > 0);
    list_remove(&connection->link);
    gauge_set(idle, gauge_read(idle) - 1);
}

/* Among the newest: after a reload with other settings the older ones wait for their end behind
 * them. NULL: none. */
COLD static struct server_connection *find_under(const struct server_pool *pool,
                                                 const struct tls_server_context *tls)
{
    uint64_t identity = tls_server_context_identity(tls);
    struct list *at = pool->idle.next;
    for (int i = 0; i < LOOKED_AT_MAX && at != &pool->idle; i++, at = at->next) {
        struct server_connection *connection = CONTAINER_OF(at, struct server_connection, link);
        if (tls_server_context_identity(connection->tls_context) == identity)
            return connection;
    }
    return NULL;
}

/* The server has moved since: what leads to where it was is closed, and who is left is newest. */
COLD static struct server_connection *find_moved(const struct server_pool *pool,
                                                 const struct server_question *question)
{
    unsigned moves = server_moves(question->server);
    LIST_EACH_SAFE (link, &pool->idle) {
        struct server_connection *connection = CONTAINER_OF(link, struct server_connection, link);
        if (connection->moves != moves)
            upstreams_drop(connection, false);
    }
    if (list_is_empty(&pool->idle))
        return NULL;
    return question->server->is_tls ? find_under(pool, question->tls)
                                    : CONTAINER_OF(pool->idle.next, struct server_connection, link);
}

struct server_connection *upstreams_take_idle(struct upstreams *upstreams,
                                              const struct server_question *question,
                                              struct connection_user *user)
{
    ASSERT(user);
    struct server *server = question->server;
    const struct server_pool *pool = find_pool(upstreams, server);
    if (!pool || list_is_empty(&pool->idle))
        return NULL;
    struct server_connection *connection =
        CONTAINER_OF(pool->idle.next, struct server_connection, link);
    if (server->is_tls)
        connection = find_under(pool, question->tls);
    if (connection && connection->moves != server_moves(server))
        connection = find_moved(pool, question);
    if (!connection || !admit(server, question->limit))
        return NULL;
    leave_idle(connection);
    timer_unset(&connection->timer);
    lend(connection, user);
    return connection;
}

static struct server_connection *new_connection(struct upstreams *upstreams,
                                                struct server_pool *pool, struct server *server)
{
    struct server_connection *connection = pool_get(upstreams->connections);
    if (!connection)
        return NULL;
    connection->transport.tls = NULL;
    connection->tls_context = NULL;
    connection->breaker = NULL;
    connection->is_shared = connection->h1_alone = false;
    connection->home = upstreams;
    connection->server = server;
    connection->pool = pool;
    connection->moves = server_moves(server);
    connection->user = NULL;
    list_init(&connection->link);
    timer_init(&connection->timer, on_connection_timer);
    return connection;
}

/* What we lack ourselves is not the server's fault. */
COLD static enum error_code connect_error(int error)
{
    if (error == EMFILE || error == ENFILE)
        return ERROR_OUT_OF_DESCRIPTORS;
    if (error == ENOMEM || error == ENOBUFS)
        return ERROR_OUT_OF_MEMORY;
    return error == ECONNREFUSED || error == ENOENT ? ERROR_CONNECT_REFUSED : ERROR_CONNECT_FAILED;
}

/* Once the socket has connected. */
COLD static enum io shake_hands(struct server_connection *connection, enum error_code *ret_error)
{
    struct upstreams *upstreams = connection->home;
    if (!connection->transport.tls &&
        !server_handshake_begin(connection, upstreams->registry, &connection->pool->session)) {
        *ret_error = ERROR_OUT_OF_MEMORY;
        return IO_FAILED;
    }
    return server_handshake_go_on(connection, ret_error);
}

enum io upstreams_go_on_connecting(struct server_connection *connection, enum error_code *ret_error)
{
    ASSERT(connection->user);
    struct socket *socket = &connection->transport.socket;
    bool is_connected = connection->transport.tls != NULL;
    enum io io = is_connected ? IO_DONE : socket_connected(socket);
    if (io == IO_FAILED)
        *ret_error = connect_error(socket->error);
    else if (io == IO_DONE && connection->tls_context)
        io = shake_hands(connection, ret_error);
    if (io == IO_DONE) {
        list_remove(&connection->link);
        server_reached(connection->server, loop_now(connection->home->loop));
    }
    return io;
}

void upstreams_pass_on(struct server_connection *connection, struct connection_user *user,
                       bool is_shared)
{
    ASSERT(connection->user && connection->is_shared != is_shared && connection->transport.tls);
    connection->user = user;
    connection->is_shared = is_shared;
    timer_unset(&connection->timer);
}

enum error_code upstreams_connect_timeout(struct server_connection *connection)
{
    if (!connection->transport.tls)
        return ERROR_CONNECT_TIMEOUT;
    server_handshake_failed(connection, ERROR_SERVER_TLS_TIMEOUT, NULL);
    return ERROR_SERVER_TLS_TIMEOUT;
}

/* A loan is taken in the place of a connection that is under way; one with TLS stays on its loop.
 */
static void ask_for_loan(struct server_connection *connection)
{
    struct upstreams *upstreams = connection->home;
    if (connection->tls_context)
        return;
    list_push_back(&connection->pool->connecting, &connection->link);
    connection->pool->loans += lending_ask(upstreams, connection->server);
}

enum io upstreams_connect(struct upstreams *upstreams, const struct server_question *question,
                          struct connection_account *account, const struct address *address,
                          struct connection_user *user, struct server_connection **ret_connection,
                          enum error_code *ret_error)
{
    ASSERT(user && (question->tls || !question->server->is_tls));
    *ret_connection = NULL;
    *ret_error = ERROR_CONNECTIONS_FULL;
    if (!room_take(upstreams, account))
        return IO_FAILED;
    *ret_error = ERROR_OUT_OF_MEMORY;
    struct server *server = question->server;
    struct server_pool *pool = pool_of(upstreams, server);
    struct server_connection *connection = pool ? new_connection(upstreams, pool, server) : NULL;
    bool is_full = connection && !question->is_shared && !admit(server, question->limit);
    if (!connection || is_full) {
        if (is_full)
            pool_put(upstreams->connections, connection);
        room_give_back(account->breaker);
        return is_full ? IO_DONE : IO_FAILED;
    }
    if (!slice_is_empty(server->host) && !server_is_at(upstreams->registry, server, address))
        connection->moves--; /* it has moved meanwhile */
    connection->breaker = account->breaker;
    connection->is_shared = question->is_shared;
    connection->h1_alone = question->h1_alone;
    pool->connections++;
    atomic_fetch_add_explicit(&server->connections, 1, memory_order_relaxed);
    if (server->is_tls) {
        connection->tls_context = question->tls;
        tls_server_context_ref(question->tls);
    }
    enum io io =
        socket_connect(&connection->transport.socket, upstreams->loop, address, on_connection_news);
    lend(connection, user);
    if (io == IO_FAILED)
        *ret_error = connect_error(connection->transport.socket.error);
    else if (io == IO_DONE && connection->tls_context)
        io = shake_hands(connection, ret_error);
    if (io == IO_FAILED) {
        upstreams_drop(connection, false);
        return io;
    }
    *ret_connection = connection;
    if (io == IO_DONE)
        server_reached(server, loop_now(upstreams->loop));
    if (io == IO_PENDING && user->on_loan)
        ask_for_loan(connection);
    return io;
}

static void put_aside(struct server_connection *connection, uint64_t idle_ms)
{
    const struct upstreams *upstreams = connection->home;
    ASSERT(!connection->user && list_is_empty(&connection->link) && idle_ms > 0);
    ASSERT(socket_is_open(&connection->transport.socket));
    struct gauge *idle = &connection->pool->tally->idle;
    list_push_front(&connection->pool->idle, &connection->link);
    gauge_set(idle, gauge_read(idle) + 1);
    atomic_store_explicit(&connection->server->idle_on, upstreams->index, memory_order_relaxed);
    timer_set(upstreams->loop, &connection->timer, idle_ms);
}

void upstreams_keep(struct server_connection *connection, uint64_t idle_ms)
{
    ASSERT(connection->user && list_is_empty(&connection->link));
    if (has_unasked_bytes(connection) || transport_is_broken(&connection->transport)) {
        upstreams_drop(connection, false);
        return;
    }
    take_back(connection);
    put_aside(connection, idle_ms);
}

static void bury_connection(struct grave *grave)
{
    struct server_connection *connection = CONTAINER_OF(grave, struct server_connection, grave);
    struct upstreams *upstreams = connection->home;
    const struct server *server = connection->server;
    struct server_pool *pool = connection->pool;
    ASSERT(pool->connections > 0);
    pool_put(upstreams->connections, connection);
    pool->connections--;
    if (pool->letter)
        let_go_if_unused(upstreams, pool, server);
}

void upstreams_drop(struct server_connection *connection, bool reset)
{
    if (connection->user) {
        take_back(connection);
        list_remove(&connection->link);
    } else {
        leave_idle(connection);
    }
    timer_fini(&connection->timer);
    transport_close(&connection->transport, reset);
    if (connection->breaker)
        room_give_back(connection->breaker);
    connection->breaker = NULL;
    tls_server_context_unref(connection->tls_context);
    connection->tls_context = NULL;
    loop_bury(connection->home->loop, &connection->grave, bury_connection);
}

/* ---- lending */

bool upstreams_give_idle(struct upstreams *upstreams, struct server *server,
                         struct lent_connection *ret_lent)
{
    struct server_pool *pool = find_pool(upstreams, server);
    if (!pool || list_is_empty(&pool->idle) || server->is_tls)
        return false;
    struct server_connection *connection =
        CONTAINER_OF(pool->idle.next, struct server_connection, link);
    if (connection->moves != server_moves(server))
        return false; /* its end comes when this loop wants it, or its time is over */
    int fd = socket_detach(&connection->transport.socket);
    if (fd < 0)
        return false;
    *ret_lent = (struct lent_connection){fd, connection->moves, connection->breaker};
    connection->breaker = NULL;
    upstreams_drop(connection, false);
    return true;
}

static struct server_connection *connection_from(struct upstreams *upstreams,
                                                 struct server_pool *pool, struct server *server,
                                                 const struct lent_connection *lent)
{
    struct server_connection *connection = new_connection(upstreams, pool, server);
    struct socket orphan;
    struct socket *socket = connection ? &connection->transport.socket : &orphan;
    socket_init(socket, upstreams->loop, lent->fd, on_connection_news);
    socket->readable = false; /* the poller tells what came meanwhile when it is watched */
    if (connection && socket_watch(socket)) {
        connection->breaker = lent->breaker;
        connection->moves = lent->moves;
        return connection;
    }
    socket_close(socket, false);
    if (lent->breaker)
        room_give_back(lent->breaker);
    if (connection)
        pool_put(upstreams->connections, connection);
    return NULL;
}

/* For who waits longest, or for later. */
static void use_loan(struct server_connection *connection)
{
    struct server_pool *pool = connection->pool;
    pool->connections++;
    if (list_is_empty(&pool->connecting)) {
        put_aside(connection, LOAN_IDLE_MS);
        return;
    }
    struct server_connection *waiting =
        CONTAINER_OF(pool->connecting.next, struct server_connection, link);
    (void)admit(connection->server,
                0); /* the one that connects is counted, too, until it is dropped */
    lend(connection, waiting->user);
    waiting->user->on_loan(waiting->user, connection);
}

void upstreams_take_loan(struct upstreams *upstreams, struct server *server,
                         const struct lent_connection *lent)
{
    struct server_pool *pool = find_pool(upstreams, server);
    ASSERT(upstreams->loans_asked > 0 && pool && pool->loans > 0);
    upstreams->loans_asked--;
    struct server_connection *connection =
        lent->fd >= 0 ? connection_from(upstreams, pool, server, lent) : NULL;
    if (connection)
        use_loan(connection);
    pool->loans--;
    if (pool->letter) {
        close_idle_of(pool);
        let_go_if_unused(upstreams, pool, server);
    }
}
