/* A certificate from inside, for those who serve it. */
#pragma once

#include "tls/tls_certificate.h"

#include <openssl/x509.h>
#include <stdatomic.h>

/* What the library makes of one. */
struct tls_objects {
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
};

enum { TLS_SOURCE_SIZE = 32 };

struct tls_certificate {
    atomic_uint references;
    unsigned key_kind;
    int64_t begins, ends;
    struct slice names;                    /* GeneralNames in DER */
    unsigned char digest[32];              /* SHA-256 of the first certificate */
    unsigned char source[TLS_SOURCE_SIZE]; /* of the files: tls_maker_int.h */
    struct tls_objects objects;
};

void tls_objects_fini(struct tls_objects *objects);

/* The content of the alternative names of one, which stays the library's. */
struct slice tls_names_in(X509 *leaf);

/* In tls_quick.c: reads one that is usual. False: it is not. */
bool tls_certificate_read_quickly(struct tls_certificate *certificate, struct slice chain,
                                  struct slice key, struct tls_maker *maker);

enum { TLS_CHAIN_MAX = 16 }; /* certificates behind the first one */
enum tls_key_kind { TLS_KEY_RSA, TLS_KEY_EC, TLS_KEY_ED25519, TLS_KEY_ED448 };

/* Bytes to read PEM from, which stay where they are. NULL: no memory. */
BIO *tls_pem_open(struct slice bytes);

/* Seconds since 1970; 0: it cannot be read. */
int64_t tls_seconds_of(const ASN1_TIME *time);

/* Whether the last failure of PEM was that nothing (more) is there. Clears the library's errors. */
bool tls_pem_was_end(void);

/* Whether a certificate of OpenSSL holds for a host, as tls_certificate_covers. */
bool tls_certificate_leaf_covers(X509 *leaf, struct slice host, bool is_wildcard);
