#include "upstream/server_handshake.h"

#include "base/assert.h"
#include "base/cold.h"
#include "obs/log.h"

void server_handshake_name(struct text *text, const struct server *server,
                           struct server_registry *registry)
{
    struct address addresses[SERVER_ADDRESSES_MAX];
    struct slice own = server_name(server);
    if (own.length > 0)
        text_add(text, own);
    else if (server_addresses(registry, server, addresses) > 0 &&
             addresses[0].ip.kind != ADDRESS_UNIX)
        ip_print(text, &addresses[0].ip);
}

/* `h2://` is HTTP/2 and nothing else. */
static enum tls_offer offer_of(const struct server_connection *connection)
{
    if (connection->server->is_h2)
        return TLS_OFFER_H2;
    return connection->h1_alone ? TLS_OFFER_H1 : tls_server_context_offer(connection->tls_context);
}

bool server_handshake_begin(struct server_connection *connection, struct server_registry *registry,
                            struct tls_session *session)
{
    char memory[SERVER_NAME_MAX];
    struct text name = text_over(memory, sizeof(memory));
    ASSERT(connection->tls_context && !connection->transport.tls);
    server_handshake_name(&name, connection->server, registry);
    connection->transport.tls = tls_new_to_server(
        connection->tls_context, &connection->transport.socket, text_slice(&name), session);
    enum tls_offer offer = offer_of(connection);
    return connection->transport.tls &&
           (offer == tls_server_context_offer(connection->tls_context) ||
            tls_offer_instead(connection->transport.tls, offer));
}

/* A failure is told when it is another one than before: every exchange that fails of it says so by
 * itself. */
COLD void server_handshake_failed(struct server_connection *connection, enum error_code error,
                                  const char *problem)
{
    struct server *server = connection->server;
    struct slice words = problem ? slice_from_text(problem) : SLICE("");
    uint32_t told = (uint32_t)slice_hash(words, (uint64_t)error) | 1;
    atomic_fetch_add_explicit(&server->tls_failures, 1, memory_order_relaxed);
    if (atomic_exchange_explicit(&server->tls_told, told, memory_order_relaxed) != told)
        log_event(LOG_WARNING, error_words(error), LOG_TEXT("server", server->key),
                  LOG_TEXT("problem", words));
}

static void note_success(struct server_connection *connection)
{
    struct server *server = connection->server;
    if (tls_offer_is_choice(offer_of(connection)))
        atomic_store_explicit(&server->chosen,
                              tls_speaks_h2(connection->transport.tls) ? SERVER_CHOSE_H2
                                                                       : SERVER_CHOSE_H1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&server->tls_handshakes, 1, memory_order_relaxed);
    if (tls_is_resumed(connection->transport.tls))
        atomic_fetch_add_explicit(&server->tls_resumed, 1, memory_order_relaxed);
    if (atomic_load_explicit(&server->tls_told, memory_order_relaxed) != 0 &&
        atomic_exchange_explicit(&server->tls_told, 0, memory_order_relaxed) != 0)
        log_event(LOG_NOTICE, "TLS with a server goes well again", LOG_TEXT("server", server->key));
}

/* An upgrade is offered HTTP/1.1 alone. A server that speaks HTTP/2 alone, and says so, has not
 * failed: it is asked in that. */
static bool is_other_choice(const struct server_connection *connection, enum error_code error)
{
    return connection->h1_alone && error == ERROR_SERVER_TLS_REFUSED &&
           tls_offer_is_choice(tls_server_context_offer(connection->tls_context));
}

enum io server_handshake_go_on(struct server_connection *connection, enum error_code *ret_error)
{
    const char *problem = NULL;
    switch (tls_shake_hands_with_server(connection->transport.tls, ret_error, &problem)) {
    case TLS_DONE:
        note_success(connection);
        return IO_DONE;
    case TLS_WAIT:
        return IO_PENDING;
    case TLS_FAILED:
        if (is_other_choice(connection, *ret_error))
            atomic_store_explicit(&connection->server->h2_until,
                                  loop_now(upstreams_loop(connection->home)) + SERVER_H2_MS,
                                  memory_order_relaxed);
        else
            server_handshake_failed(connection, *ret_error, problem);
        return IO_FAILED;
    case TLS_CHOOSE:
        break;
    }
    UNREACHABLE();
}
