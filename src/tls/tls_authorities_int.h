/* Authorities from inside. */
#pragma once

#include "tls/tls_authorities.h"

#include <openssl/x509_vfy.h>

struct tls_authorities {
    X509_STORE *store;
    unsigned char digest[32]; /* SHA-256 of all that is in it */
    bool has_revocations;
    int64_t lists_end; /* when the first list of them ceases to hold */
};
