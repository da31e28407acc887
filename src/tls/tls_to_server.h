/* TLS towards a server, over a socket of the loop; what follows the handshake is as in tls.h. One
 * loop. */
#pragma once

#include "base/error.h"
#include "tls/tls.h"
#include "tls/tls_server_context.h"

/* On a connected socket, which stays the caller's and stays where it is. `name`: that of the server
 * or its IP address, which it is asked for and its certificate must hold for, where the context has
 * none of its own. `session`: where an earlier connection with the same server may have left a
 * ticket, and this one leaves its own; outlives it; NULL: none. NULL: no memory. */
struct tls *tls_new_to_server(struct tls_server_context *context, struct socket *socket,
                              struct slice name, struct tls_session *session);

/* Before the handshake: that is offered, whatever the context says. After it tls_speaks_h2 tells
 * whether the server chose HTTP/2. False: no memory. */
bool tls_offer_instead(struct tls *tls, enum tls_offer offer);

/* Goes on with the handshake. TLS_DONE, TLS_WAIT (news of the socket will come) or TLS_FAILED:
 * `*ret_error`, and in `*ret_problem` what the library says of it, a static text or NULL. The
 * server was told what TLS has words for. */
enum tls_step tls_shake_hands_with_server(struct tls *tls, enum error_code *ret_error,
                                          const char **ret_problem);

/* The alert with which the peer ended the connection, also after the handshake: TLS 1.3 has a
 * server refuse our certificate only then (RFC 8446 4.4.2.4). NULL: it sent none. */
const char *tls_alert(const struct tls *tls);
