#include "exchange/tunnel.h"

#include "base/assert.h"
#include "base/pool.h"
#include "exchange/client.h"
#include "exchange/exchange.h"

enum { PIECES_PER_RUN = 32 }; /* each way; then others have their turn */

/* One way through the tunnel. */
struct way {
    struct span pending; /* received, not yet sent */
    bool ended;          /* the source has ended, and the sink was told */
};

struct tunnel {
    struct loop_context *context;
    struct list link;
    struct client *client;
    struct server_connection *server;
    struct connection_user client_user, server_user;
    struct way up, down; /* to the server, to the client */
    uint64_t silence_ms; /* timeouts.tunnel */
    struct task task;
    struct grave grave;
};

static void check(const struct tunnel *tunnel)
{
    ASSERT(tunnel->client && tunnel->server && !list_is_empty(&tunnel->link));
    ASSERT(tunnel->server->user == &tunnel->server_user && tunnel->silence_ms > 0);
}

size_t tunnel_size(void)
{
    return sizeof(struct tunnel);
}

static void bury(struct grave *grave)
{
    struct tunnel *tunnel = CONTAINER_OF(grave, struct tunnel, grave);
    pool_put(tunnel->context->tunnels, tunnel);
}

static void close_tunnel(struct tunnel *tunnel, bool reset)
{
    check(tunnel);
    counter_add(&tunnel->context->counts.tunnels_ended, 1);
    task_cancel(&tunnel->task);
    span_clear(&tunnel->up.pending);
    span_clear(&tunnel->down.pending);
    client_close(tunnel->client, reset);
    upstreams_drop(tunnel->server, reset);
    list_remove(&tunnel->link);
    loop_bury(tunnel->context->loop, &tunnel->grave, bury);
}

/* Takes one step. IO_DONE: something moved; IO_PENDING; IO_END: this way has ended before;
 * IO_FAILED. */
static enum io step(struct way *way, struct transport *source, struct transport *sink)
{
    if (way->ended)
        return IO_END;
    if (way->pending.length > 0) {
        struct slice bytes = span_slice(&way->pending);
        size_t sent = 0;
        enum io io = transport_send(sink, &bytes, 1, &sent);
        span_skip(&way->pending, sent);
        return io;
    }
    enum io io = transport_receive(source, BUFFER_MEDIUM, &way->pending);
    if (io != IO_END)
        return io;
    transport_shutdown_send(sink);
    way->ended = true;
    return IO_DONE;
}

/* False: the tunnel has to be closed. */
static bool run_way(struct way *way, struct transport *source, struct transport *sink,
                    unsigned *pieces)
{
    while (*pieces > 0) {
        enum io io = step(way, source, sink);
        if (io == IO_FAILED)
            return false;
        if (io != IO_DONE)
            return true;
        (*pieces)--;
    }
    return true;
}

static void run(struct tunnel *tunnel)
{
    check(tunnel);
    struct transport *client = client_transport(tunnel->client);
    struct transport *server = &tunnel->server->transport;
    unsigned up = PIECES_PER_RUN, down = PIECES_PER_RUN;
    bool good = run_way(&tunnel->up, client, server, &up) &&
                run_way(&tunnel->down, server, client, &down) && !socket_was_reset(&client->socket);
    if (!good) {
        close_tunnel(tunnel, true);
        return;
    }
    if (tunnel->up.ended && tunnel->down.ended) {
        close_tunnel(tunnel, false);
        return;
    }
    if (up == 0 || down == 0)
        loop_defer(tunnel->context->loop, &tunnel->task);
    if (up < PIECES_PER_RUN || down < PIECES_PER_RUN)
        timer_set(tunnel->context->loop, &tunnel->server->timer, tunnel->silence_ms);
}

static void on_client_news(struct connection_user *user)
{
    run(CONTAINER_OF(user, struct tunnel, client_user));
}

static void on_server_news(struct connection_user *user)
{
    run(CONTAINER_OF(user, struct tunnel, server_user));
}

static void on_silence(struct connection_user *user)
{
    struct tunnel *tunnel = CONTAINER_OF(user, struct tunnel, server_user);
    counter_add(&tunnel->context->counts.tunnels_silent, 1);
    close_tunnel(tunnel, false);
}

static void on_task(struct task *task)
{
    run(CONTAINER_OF(task, struct tunnel, task));
}

static struct tunnel *new_tunnel(struct exchange *exchange)
{
    ASSERT(exchange->response_sent && exchange->response.status == 101);
    struct tunnel *tunnel = pool_get(exchange->context->tunnels);
    if (!tunnel)
        return NULL;
    *tunnel = (struct tunnel){
        .context = exchange->context,
        .client_user = {.on_news = on_client_news},
        .server_user = {.on_news = on_server_news, .on_timeout = on_silence},
        .silence_ms = (uint64_t)exchange->plan->timeouts->tunnel,
    };
    task_init(&tunnel->task, on_task);
    list_push_back(&exchange->context->tunnel_list, &tunnel->link);
    return tunnel;
}

/* Both connections leave the exchange with what they already sent, and the tunnel runs soon. */
enum verdict exchange_become_tunnel(struct exchange *exchange)
{
    ASSERT(exchange->has_call && exchange->call.connection);
    ASSERT(exchange->response_flow == FLOW_ENDED && exchange->request_flow == FLOW_ENDED);
    struct tunnel *tunnel = new_tunnel(exchange);
    if (!tunnel) {
        exchange->response_flow = FLOW_CUT;
        return exchange_end(exchange);
    }
    access_log_write(exchange);
    metrics_count(exchange);
    counter_add(&tunnel->context->counts.tunnels_begun, 1);
    tunnel->server = call_take_connection(&exchange->call, &tunnel->down.pending);
    tunnel->server->user = &tunnel->server_user;
    call_finish(&exchange->call);
    exchange->has_call = false;
    tunnel->client = client_take(exchange->stream, &tunnel->client_user, &tunnel->up.pending);
    exchange->stream = NULL;
    timer_set(tunnel->context->loop, &tunnel->server->timer, tunnel->silence_ms);
    loop_defer(tunnel->context->loop, &tunnel->task);
    return DONE;
}

void tunnels_abort(struct loop_context *context)
{
    LIST_EACH_SAFE (link, &context->tunnel_list) {
        close_tunnel(CONTAINER_OF(link, struct tunnel, link), true);
    }
}
