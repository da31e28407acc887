/* What TLS connections are made with. A *context* is what holds for the connections of a site:
 * certificates, versions, ciphers; it belongs to a snapshot. The *entrance* is what every handshake
 * begins with, before the client has named a site: it outlives snapshots and holds the keys of
 * tickets, so that a reload changes no ticket. Both are immutable but for those keys; any
 * thread. */
#pragma once

#include "tls/tls_authorities.h"

struct tls_context;
struct tls_entrance;
struct tls_tickets;

/* Mozilla's profiles (https://wiki.mozilla.org/Security/Server_Side_TLS, 5.7). */
enum tls_profile {
    TLS_INTERMEDIATE, /* TLS 1.2 and 1.3, forward secrecy, authenticated encryption */
    TLS_MODERN,       /* TLS 1.3 */
    TLS_OLD,          /* TLS 1.0 and later, with what clients of twenty years ago can do */
};

/* Whether clients show a certificate. */
enum tls_client_verify { TLS_CLIENT_OFF, TLS_CLIENT_OPTIONAL, TLS_CLIENT_REQUIRED };

/* Whose certificates are accepted; what is named stays the caller's and may go. */
struct tls_client_terms {
    enum tls_client_verify verify;
    const struct tls_authorities *authorities; /* where `verify` is not off */
    int depth;                                 /* certificates in between */
};

/* NULL: no memory. */
struct tls_entrance *tls_entrance_new(void);
void tls_entrance_free(struct tls_entrance *entrance);

/* At most one certificate of each kind of key; they stay the caller's and are only read. `clients`
 * may be NULL: they are asked for none. NULL: no memory, or a certificate is not fit
 * (tls_certificate_new tells such before). */
struct tls_context *tls_context_new(enum tls_profile profile,
                                    const struct tls_certificate *const *certificates, size_t count,
                                    const struct tls_client_terms *clients);

/* Connections that were made with it keep what they need. */
void tls_context_free(struct tls_context *context);
