#include "tls/tls_authorities_int.h"

#include "tls/tls_certificate_int.h"
#include "tls/tls_context_int.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

static bool add(struct tls_authorities *authorities, EVP_MD_CTX *digest, X509 *one)
{
    unsigned char own[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    int64_t ends = tls_seconds_of(X509_get0_notAfter(one));
    if (ends > authorities->ends) {
        authorities->ends = ends;
        authorities->begins = tls_seconds_of(X509_get0_notBefore(one));
    }
    return X509_digest(one, EVP_sha256(), own, &length) == 1 &&
           EVP_DigestUpdate(digest, own, length) == 1 &&
           X509_STORE_add_cert(authorities->store, one) == 1;
}

static enum tls_certificate_state read_all(BIO *bytes, EVP_MD_CTX *digest,
                                           struct tls_authorities *authorities)
{
    bool has_some = false;
    for (;;) {
        X509 *one = PEM_read_bio_X509(bytes, NULL, NULL, NULL);
        if (!one && tls_pem_was_end())
            return has_some ? TLS_CERTIFICATE_GOOD : TLS_CERTIFICATE_NONE;
        if (!one)
            return TLS_CERTIFICATE_BROKEN;
        bool added = add(authorities, digest, one);
        X509_free(one);
        if (!added)
            return TLS_CERTIFICATE_NO_MEMORY;
        has_some = true;
    }
}

enum tls_certificate_state tls_authorities_new(struct slice bytes,
                                               struct tls_authorities **ret_authorities)
{
    enum tls_certificate_state state = TLS_CERTIFICATE_NO_MEMORY;
    struct tls_authorities *authorities =
        tls_start_library() ? calloc(1, sizeof(*authorities)) : NULL;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    BIO *bio = tls_pem_open(bytes);
    if (authorities && (authorities->store = X509_STORE_new()) && digest && bio &&
        EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1)
        state = read_all(bio, digest, authorities);
    if (state == TLS_CERTIFICATE_GOOD && EVP_DigestFinal_ex(digest, authorities->digest, NULL) != 1)
        state = TLS_CERTIFICATE_NO_MEMORY;
    BIO_free(bio);
    EVP_MD_CTX_free(digest);
    ERR_clear_error();
    if (state == TLS_CERTIFICATE_GOOD)
        *ret_authorities = authorities;
    else
        tls_authorities_free(authorities);
    return state;
}

void tls_authorities_free(struct tls_authorities *authorities)
{
    if (!authorities)
        return;
    X509_STORE_free(authorities->store);
    free(authorities);
}

void tls_authorities_times(const struct tls_authorities *authorities, int64_t *ret_begins,
                           int64_t *ret_ends)
{
    *ret_begins = authorities->begins;
    *ret_ends = authorities->ends;
}

/* ---- lists of revocations */

static bool add_list(struct tls_authorities *authorities, EVP_MD_CTX *digest, X509_CRL *list)
{
    unsigned char own[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(list);
    int64_t ends = next ? tls_seconds_of(next) : INT64_MAX;
    if (ends < authorities->lists_end) {
        authorities->lists_end = ends;
        authorities->lists_begin = tls_seconds_of(X509_CRL_get0_lastUpdate(list));
    }
    return X509_CRL_digest(list, EVP_sha256(), own, &length) == 1 &&
           EVP_DigestUpdate(digest, own, length) == 1 &&
           X509_STORE_add_crl(authorities->store, list) == 1;
}

static enum tls_certificate_state read_lists(BIO *bytes, EVP_MD_CTX *digest,
                                             struct tls_authorities *authorities)
{
    bool has_some = false;
    for (;;) {
        X509_CRL *list = PEM_read_bio_X509_CRL(bytes, NULL, NULL, NULL);
        if (!list && tls_pem_was_end())
            return has_some ? TLS_CERTIFICATE_GOOD : TLS_CERTIFICATE_NONE;
        if (!list)
            return TLS_CERTIFICATE_BROKEN;
        bool added = add_list(authorities, digest, list);
        X509_CRL_free(list);
        if (!added)
            return TLS_CERTIFICATE_NO_MEMORY;
        has_some = true;
    }
}

enum tls_certificate_state tls_authorities_revoke(struct tls_authorities *authorities,
                                                  struct slice bytes)
{
    enum tls_certificate_state state = TLS_CERTIFICATE_NO_MEMORY;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    BIO *bio = tls_pem_open(bytes);
    authorities->lists_begin = authorities->lists_end = INT64_MAX;
    if (digest && bio && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(digest, authorities->digest, sizeof(authorities->digest)) == 1)
        state = read_lists(bio, digest, authorities);
    if (state == TLS_CERTIFICATE_GOOD && EVP_DigestFinal_ex(digest, authorities->digest, NULL) != 1)
        state = TLS_CERTIFICATE_NO_MEMORY;
    authorities->has_revocations = true;
    BIO_free(bio);
    EVP_MD_CTX_free(digest);
    ERR_clear_error();
    return state;
}

void tls_authorities_list_times(const struct tls_authorities *authorities, int64_t *ret_begins,
                                int64_t *ret_ends)
{
    *ret_begins = authorities->lists_begin;
    *ret_ends = authorities->lists_end;
}
