/* What TLS connections with the servers of an upstream are made with: the authorities of which
 * their certificates must be, the name that these must hold for, and the certificate that they are
 * shown. Immutable and counted: connections outlive the snapshot that they were opened under. Any
 * thread. */
#pragma once

#include "tls/tls_authorities.h"

struct tls_server_context;

/* What servers are offered to speak (ALPN, RFC 7301), what we would rather have first. A server
 * that chooses nothing speaks HTTP/1.1; with one that chooses something else the handshake fails.
 */
enum tls_offer {
    TLS_OFFER_H1,
    TLS_OFFER_H2,
    TLS_OFFER_H2_H1,
    TLS_OFFER_H1_H2,
    TLS_OFFERS,
};

/* `h2, http/1.1`: as it is written in a configuration. */
struct slice tls_offer_words(enum tls_offer offer);

/* Whether the server has a choice of versions. */
static inline bool tls_offer_is_choice(enum tls_offer offer)
{
    return offer >= TLS_OFFER_H2_H1;
}

struct tls_server_terms {
    const struct tls_authorities *authorities; /* NULL: certificates are not looked at */
    const struct tls_certificate *certificate; /* that servers are shown; NULL: none */
    struct slice name; /* that certificates must hold for; empty: the server's own */
    enum tls_offer offer;
};

/* What the terms name stays the caller's and may go. NULL: no memory. The caller has one
 * reference. */
struct tls_server_context *tls_server_context_new(const struct tls_server_terms *terms);
void tls_server_context_ref(struct tls_server_context *context);
void tls_server_context_unref(struct tls_server_context *context); /* NULL is accepted */

/* The same number for the same terms: a connection that was made under other ones must not be used
 * again. Never 0. */
uint64_t tls_server_context_identity(const struct tls_server_context *context);

/* What connections offer where nobody says otherwise (tls_offer_instead). */
enum tls_offer tls_server_context_offer(const struct tls_server_context *context);

/* Under which an earlier connection with a server can be taken up again; belongs to one loop. What
 * was proved then counts for an hour, however often it is taken up. */
struct tls_session {
    struct ssl_session_st *ticket; /* NULL: none */
    uint64_t identity;             /* of the terms under which it was made */
    int64_t proved;                /* when a certificate was last looked at: seconds since 1970 */
};

enum { TLS_SESSION_PROVED_MAX = 3600 };

void tls_session_fini(struct tls_session *session);
