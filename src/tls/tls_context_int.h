/* Contexts and the entrance from inside, for tls.c. */
#pragma once

#include "tls/tls_certificate_int.h"
#include "tls/tls_context.h"
#include "tls/tls_hellos.h"
#include "tls/tls_tickets.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

enum { TLS_DIGEST_SIZE = 32 };

/* Before anything else of the library; as often as one likes. False: it refuses. */
bool tls_start_library(void);

/* In tls.c: what a connection answers the library. */
void tls_prepare_entrance(struct tls_entrance *entrance);

/* The same: whether HTTP/2 may be chosen on it. */
bool tls_may_speak_h2(const SSL *ssl);

/* In tls_early.c: whether the early data that a client offers is taken. */
int tls_on_early_offered(SSL *ssl, void *unused);

/* In tls.c: a client asks to be shown what is said of the certificate that was chosen. */
int tls_on_status_asked(SSL *ssl, void *unused);

/* In tls_staple.c: whether there is something to show it, and it is. Any thread. */
bool tls_show_staple(SSL *ssl, int64_t now);

struct tls_context {
    SSL_CTX *ssl;                    /* of its terms; others may have it, too: tls_manners.h */
    uint64_t serial;                 /* no other one has it */
    int least_version, most_version; /* 0: the highest that there is */
    uint64_t client_identity; /* the same for the same terms; 0: clients are asked for nothing */
    int64_t clients_until;    /* when what is known of revocations ceases to hold; seconds */
    bool takes_early;         /* data */
    char *groups;             /* NULL: as all have them */
    unsigned char identity[TLS_DIGEST_SIZE]; /* of terms and certificates: where tickets hold */
    const struct tls_certificate *certificates[TLS_KEY_KINDS]; /* a reference to each */
    size_t count;
};

/* Gives a connection its certificates. False: no memory, or the library does not take one. */
bool tls_context_set(const struct tls_context *context, SSL *ssl);

/* In tls_clients.c: has clients asked for certificates, which `*ret_until`, in seconds, can be
 * looked at by these terms. False: no memory. */
bool tls_set_clients(SSL_CTX *ssl, const struct tls_client_terms *clients, uint64_t *ret_identity,
                     int64_t *ret_until);

/* In tls_clients.c: a ticket that was opened is taken up again only where what was shown then still
 * holds. */
SSL_TICKET_RETURN tls_take_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                  size_t name_length, SSL_TICKET_STATUS status, void *unused);

struct tls_entrance {
    SSL_CTX *ssl;      /* every connection begins with it */
    BIO_METHOD *bytes; /* of a connection's BIO: tls_bytes.c */
    struct tls_tickets *tickets;
    EVP_CIPHER *ticket_cipher;
    struct tls_hellos *hellos; /* whose early data was taken */
    atomic_bool looks_for_early;
};

/* Seals and opens tickets, as SSL_CTX_set_tlsext_ticket_key_evp_cb has it. The time comes from the
 * connection. */
int tls_entrance_seal(struct tls_entrance *entrance, int64_t now, unsigned char name[16],
                      unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool is_sealing);
