/* How a connection with a server comes to TLS: what is counted and told of its handshake. */
#pragma once

#include "tls/tls_to_server.h"
#include "upstream/upstreams.h"

enum { SERVER_NAME_MAX = 256 }; /* bytes of what is asked for */

/* What the server is asked for and must show a certificate of: its name, or its address; a Unix
 * socket has none. */
void server_handshake_name(struct text *text, const struct server *server,
                           struct server_registry *registry);

/* On a socket that has connected. False: no memory. */
bool server_handshake_begin(struct server_connection *connection, struct server_registry *registry,
                            struct tls_session *session);

/* IO_DONE: bytes may go both ways. IO_PENDING: news will tell. IO_FAILED: `*ret_error`; where that
 * is ERROR_SERVER_TLS_REFUSED, the server may have refused HTTP/1.1 alone (server_refuses_h1). */
enum io server_handshake_go_on(struct server_connection *connection, enum error_code *ret_error);

/* It is given up; `problem` is what the library says, or NULL. */
void server_handshake_failed(struct server_connection *connection, enum error_code error,
                             const char *problem);
