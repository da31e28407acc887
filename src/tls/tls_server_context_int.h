/* A context towards servers from inside, for tls_to_server.c. */
#pragma once

#include "tls/tls_server_context.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

struct tls_server_context {
    atomic_uint references;
    SSL_CTX *ssl;
    BIO_METHOD *bytes; /* of a connection's BIO: tls_bytes.c */
    uint64_t identity;
    enum tls_offer offer;
    char *name; /* NULL: the server's own */
};

/* The offer as it is written in a hello: names with their lengths. */
struct slice tls_offer_bytes(enum tls_offer offer);

/* In tls_to_server.c: a ticket of a server has come. */
int tls_keep_ticket(SSL *ssl, SSL_SESSION *ticket);
