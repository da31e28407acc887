/* What TLS connections are made with. A *context* is what holds for the connections of a site:
 * certificates, versions, ciphers; it belongs to a snapshot. The *entrance* is what every handshake
 * begins with, before the client has named a site: it outlives snapshots and holds the keys of
 * tickets, so that a reload changes no ticket. Both are immutable to see; any thread. */
#pragma once

#include "tls/tls_authorities.h"

struct tls_context;
struct tls_entrance;
struct tls_manners;
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

/* How TLS is spoken to the clients of a site. */
struct tls_terms {
    enum tls_profile profile;
    /* In the place of what the profile says; 0 and NULL: as it says. Versions as the protocol has
     * them, 0x0303 for TLS 1.2; texts as the library has them, with colons between. */
    int least_version, most_version;
    const char *ciphers, *suites; /* of TLS 1.2 and before; of TLS 1.3 */
    const char *groups;
    const struct tls_client_terms *clients; /* NULL: they are asked for no certificate */
    bool early_data; /* is taken, but from nobody who is asked for a certificate */
};

/* NULL: no memory. */
struct tls_entrance *tls_entrance_new(void);
void tls_entrance_free(struct tls_entrance *entrance);

/* From now on handshakes look for early data, which a context may take. Any thread. */
void tls_entrance_look_for_early(struct tls_entrance *entrance);

/* What contexts with the same terms share, while they are made; one thread. NULL: no memory. */
struct tls_manners *tls_manners_new(void);
void tls_manners_free(struct tls_manners *manners); /* NULL is accepted */

/* At most one certificate of each kind of key, which are held; the terms stay the caller's and may
 * go. `manners` may be NULL. NULL: no memory. */
struct tls_context *tls_context_new(struct tls_manners *manners, const struct tls_terms *terms,
                                    const struct tls_certificate *const *certificates,
                                    size_t count);

/* Connections that were made with it keep what they need. */
void tls_context_free(struct tls_context *context);
