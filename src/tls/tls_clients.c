/* Certificates of clients: asked for, looked at, told of. */
#include "tls/tls_authorities_int.h"
#include "tls/tls_certificate_int.h"
#include "tls/tls_context_int.h"
#include "tls/tls_int.h"

#include "loop/loop.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

/* ---- terms */

/* Who asks for a certificate tells of whom (RFC 8446 4.2.4), so that a browser knows which of its
 * own it may offer. */
static bool set_names(SSL_CTX *ssl, const struct tls_authorities *authorities)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(authorities->store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *one = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (one && SSL_CTX_add_client_CA(ssl, one) != 1)
            return false;
    }
    return true;
}

static bool set_identity(const struct tls_client_terms *clients, uint64_t *ret_identity)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    int facts[] = {(int)clients->verify, clients->depth};
    EVP_MD_CTX *all = EVP_MD_CTX_new();
    bool good = all && EVP_DigestInit_ex(all, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(all, facts, sizeof(facts)) == 1 &&
                EVP_DigestUpdate(all, clients->authorities->digest,
                                 sizeof(clients->authorities->digest)) == 1 &&
                EVP_DigestFinal_ex(all, digest, NULL) == 1;
    EVP_MD_CTX_free(all);
    if (!good)
        return false;
    memcpy(ret_identity, digest, sizeof(*ret_identity));
    *ret_identity |= 1;
    return true;
}

bool tls_set_clients(SSL_CTX *ssl, const struct tls_client_terms *clients, uint64_t *ret_identity,
                     int64_t *ret_until)
{
    *ret_until = INT64_MAX;
    bool is_required = clients->verify == TLS_CLIENT_REQUIRED;
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       NULL);
    SSL_CTX_set1_cert_store(ssl, clients->authorities->store);
    X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(ssl);
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
    if (clients->authorities->has_revocations) {
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
        *ret_until = clients->authorities->lists_end;
    }
    X509_VERIFY_PARAM_set_depth(parameters, clients->depth);
    return X509_VERIFY_PARAM_set_flags(parameters, flags) == 1 &&
           set_names(ssl, clients->authorities) && set_identity(clients, ret_identity);
}

/* ---- tickets */

/* A ticket says what was shown when it was made, up to a day ago. Other lists of revocations make
 * other terms, under which it is not good; but a list may have ceased to hold, behind which nobody
 * is let in. */
static bool still_holds(const SSL *ssl, const SSL_SESSION *session)
{
    X509 *shown = SSL_SESSION_get0_peer((SSL_SESSION *)(uintptr_t)session);
    const struct tls *tls = tls_of(ssl);
    int64_t now = loop_wall(tls->bytes.socket->loop);
    return !shown || (tls_seconds_of(X509_get0_notAfter(shown)) > now && tls->clients_until > now);
}

SSL_TICKET_RETURN tls_take_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                  size_t name_length, SSL_TICKET_STATUS status, void *unused)
{
    (void)name, (void)name_length, (void)unused;
    bool is_open = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
    if (!is_open || !still_holds(ssl, session))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* ---- what is told */

bool tls_has_client_certificate(const struct tls *tls)
{
    return SSL_get0_peer_certificate(tls->ssl) != NULL;
}

void tls_print_client_subject(struct text *text, const struct tls *tls)
{
    X509 *shown = SSL_get0_peer_certificate(tls->ssl);
    BIO *bytes = shown ? BIO_new(BIO_s_mem()) : NULL;
    char *data = NULL;
    if (bytes && X509_NAME_print_ex(bytes, X509_get_subject_name(shown), 0, XN_FLAG_RFC2253) >= 0) {
        long length = BIO_get_mem_data(bytes, &data);
        text_add(text, slice_of(data, length > 0 ? (size_t)length : 0));
    }
    BIO_free(bytes);
    ERR_clear_error();
}

void tls_print_client_fingerprint(struct text *text, const struct tls *tls)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    X509 *shown = SSL_get0_peer_certificate(tls->ssl);
    if (!shown || X509_digest(shown, EVP_sha256(), digest, &length) != 1)
        return;
    for (unsigned i = 0; i < length; i++)
        text_print(text, "%02x", digest[i]);
}
