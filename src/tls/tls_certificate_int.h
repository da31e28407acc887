/* A certificate from inside, for tls_context.c. */
#pragma once

#include "tls/tls_certificate.h"

#include <openssl/x509.h>

struct tls_certificate {
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
    unsigned key_kind;
};

/* Bytes to read PEM from, which stay where they are. NULL: no memory. */
BIO *tls_pem_open(struct slice bytes);

/* Seconds since 1970; 0: it cannot be read. */
int64_t tls_seconds_of(const ASN1_TIME *time);

/* Whether the last failure of PEM was that nothing (more) is there. Clears the library's errors. */
bool tls_pem_was_end(void);

/* Whether a certificate of OpenSSL holds for a host, as tls_certificate_covers. */
bool tls_certificate_leaf_covers(X509 *leaf, struct slice host, bool is_wildcard);
