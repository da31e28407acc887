/* Authorities from inside. */
#pragma once

#include "tls/tls_authorities.h"

#include <openssl/x509_vfy.h>

struct tls_authorities {
    X509_STORE *store;
    unsigned char digest[32]; /* SHA-256 of all that is in it */
    bool has_revocations;
    int64_t begins, ends; /* of the one that ends last */
    int64_t lists_begin,
        lists_end; /* of the first list that ceases to hold; INT64_MAX: none does */
};
