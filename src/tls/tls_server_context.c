#include "tls/tls_server_context_int.h"

#include "base/assert.h"
#include "tls/tls_authorities_int.h"
#include "tls/tls_bytes.h"
#include "tls/tls_certificate_int.h"
#include "tls/tls_context_int.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>

/* ---- contexts */

/* Whoever is named as an authority is trusted, be it at the root, in the middle or the end of a
 * chain. */
static bool set_verification(SSL_CTX *ssl, const struct tls_authorities *authorities)
{
    if (!authorities) {
        SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
        return true;
    }
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set1_cert_store(ssl, authorities->store);
    X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(ssl);
    return X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

static bool set_certificate(SSL_CTX *ssl, const struct tls_certificate *certificate)
{
    const struct tls_objects *its = certificate ? &certificate->objects : NULL;
    return !its || SSL_CTX_use_cert_and_key(ssl, its->leaf, its->key, its->chain, 0) == 1;
}

struct slice tls_offer_bytes(enum tls_offer offer)
{
    static const struct slice offers[TLS_OFFERS] = {
        [TLS_OFFER_H1] = {"\x08http/1.1", 9},
        [TLS_OFFER_H2] = {"\x02h2", 3},
        [TLS_OFFER_H2_H1] = {"\x02h2\x08http/1.1", 12},
        [TLS_OFFER_H1_H2] = {"\x08http/1.1\x02h2", 12},
    };
    ASSERT(offer < TLS_OFFERS);
    return offers[offer];
}

struct slice tls_offer_words(enum tls_offer offer)
{
    static const struct slice words[TLS_OFFERS] = {
        [TLS_OFFER_H1] = {"http/1.1", 8},
        [TLS_OFFER_H2] = {"h2", 2},
        [TLS_OFFER_H2_H1] = {"h2, http/1.1", 12},
        [TLS_OFFER_H1_H2] = {"http/1.1, h2", 12},
    };
    ASSERT(offer < TLS_OFFERS);
    return words[offer];
}

/* As towards clients (tls_context.c); tickets are kept by us, for each server. */
static bool set_manners(SSL_CTX *ssl, enum tls_offer offer)
{
    const struct slice offered = tls_offer_bytes(offer);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF /* tls_was_cut tells of it */);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ssl, 1);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, tls_keep_ticket);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_alpn_protos(ssl, (const unsigned char *)offered.data,
                                   (unsigned)offered.length) == 0;
}

static bool set_identity(struct tls_server_context *context, const struct tls_server_terms *terms)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    const unsigned char offer = (unsigned char)terms->offer;
    EVP_MD_CTX *all = EVP_MD_CTX_new();
    bool good = all && EVP_DigestInit_ex(all, EVP_sha256(), NULL) == 1;
    if (good && terms->authorities)
        good = EVP_DigestUpdate(all, terms->authorities->digest,
                                sizeof(terms->authorities->digest)) == 1;
    if (terms->certificate)
        memcpy(digest, terms->certificate->digest, sizeof(terms->certificate->digest));
    /* All of it, so that none and one are never the same. */
    good = good && EVP_DigestUpdate(all, digest, sizeof(digest)) == 1 &&
           EVP_DigestUpdate(all, &offer, sizeof(offer)) == 1 &&
           EVP_DigestUpdate(all, terms->name.data, terms->name.length) == 1 &&
           EVP_DigestFinal_ex(all, digest, NULL) == 1;
    EVP_MD_CTX_free(all);
    memcpy(&context->identity, digest, sizeof(context->identity));
    context->identity |= 1;
    return good;
}

static bool fill(struct tls_server_context *context, const struct tls_server_terms *terms)
{
    context->offer = terms->offer;
    context->bytes = tls_bytes_new();
    context->ssl = SSL_CTX_new(TLS_client_method());
    bool good = context->bytes && context->ssl && set_manners(context->ssl, terms->offer) &&
                set_verification(context->ssl, terms->authorities) &&
                set_certificate(context->ssl, terms->certificate) && set_identity(context, terms);
    if (good && terms->name.length > 0) {
        context->name = strndup(terms->name.data, terms->name.length);
        good = context->name != NULL;
    }
    ERR_clear_error();
    return good;
}

struct tls_server_context *tls_server_context_new(const struct tls_server_terms *terms)
{
    struct tls_server_context *context = tls_start_library() ? calloc(1, sizeof(*context)) : NULL;
    if (!context)
        return NULL;
    atomic_init(&context->references, 1);
    if (fill(context, terms))
        return context;
    tls_server_context_unref(context);
    return NULL;
}

void tls_server_context_ref(struct tls_server_context *context)
{
    unsigned before = atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    ASSERT(before > 0);
}

void tls_server_context_unref(struct tls_server_context *context)
{
    if (!context)
        return;
    unsigned before = atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel);
    ASSERT(before > 0);
    if (before > 1)
        return;
    SSL_CTX_free(context->ssl);
    BIO_meth_free(context->bytes);
    free(context->name);
    free(context);
}

uint64_t tls_server_context_identity(const struct tls_server_context *context)
{
    return context->identity;
}

enum tls_offer tls_server_context_offer(const struct tls_server_context *context)
{
    return context->offer;
}

void tls_session_fini(struct tls_session *session)
{
    SSL_SESSION_free(session->ticket);
    *session = (struct tls_session){0};
}
