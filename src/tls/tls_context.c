#include "tls/tls_context_int.h"

#include "base/assert.h"
#include "base/cold.h"
#include "tls/tls_bytes.h"
#include "tls/tls_certificate_int.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* ---- profiles */

/* Without the suites of DHE that Mozilla lists: no client needs them, and a client that asks for
 * them makes a server work far more than itself (CVE-2002-20001). */
#define STRONG_CIPHERS                                                                             \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                   \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                   \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

static const struct {
    int least_version;
    int security_level; /* of the library: 2 wants RSA of 2048 bits and SHA-2 */
    uint64_t options;
    const char *ciphers; /* of TLS 1.2 and below; those of 1.3 are all good */
} profiles[] = {
    [TLS_INTERMEDIATE] = {TLS1_2_VERSION, 2, 0, STRONG_CIPHERS},
    [TLS_MODERN] = {TLS1_3_VERSION, 2, 0, STRONG_CIPHERS},
    [TLS_OLD] = {TLS1_VERSION, 0, SSL_OP_CIPHER_SERVER_PREFERENCE,
                 STRONG_CIPHERS
                 ":ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:"
                 "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:"
                 "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384:"
                 "AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA:DES-CBC3-SHA"},
};

/* ---- contexts */

/* RFC 7301: of what the client offers, what we speak. A client that offers only what we do not is
 * told so (3.2). */
static int select_protocol(SSL *ssl, const unsigned char **ret_chosen, unsigned char *ret_length,
                           const unsigned char *offered, unsigned offered_length, void *unused)
{
    enum { H2 = 3 }; /* bytes of it at the front */
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned skipped = tls_may_speak_h2(ssl) ? 0 : H2;
    (void)unused;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, ret_length, ours + skipped,
                              (unsigned)sizeof(ours) - 1 - skipped, offered,
                              offered_length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_chosen = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* That the name was heard is told to the client (RFC 6066 3); it was obeyed before. */
static int acknowledge_name(SSL *ssl, int *ret_alert, void *unused)
{
    (void)ret_alert, (void)unused;
    bool was_sent = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != NULL;
    return was_sent ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* What holds for every connection. Idle ones give their buffers back; a read takes all that the
 * socket has; nobody changes keys by a new handshake in the middle (RFC 5746); a ticket takes the
 * place of a session that would be kept here. */
static bool set_common(SSL_CTX *ssl)
{
    char groups[] = "X25519:P-256:P-384"; /* the library's macro takes no constant */
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF /* tls_was_cut tells of it */);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ssl, 1);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ssl, TLS_TICKET_LIFETIME);
    SSL_CTX_set_alpn_select_cb(ssl, select_protocol, NULL);
    SSL_CTX_set_tlsext_servername_callback(ssl, acknowledge_name);
    return SSL_CTX_set_num_tickets(ssl, 1) == 1 && SSL_CTX_set1_groups_list(ssl, groups) == 1;
}

static bool set_versions(SSL_CTX *ssl, const struct tls_context *context)
{
    return SSL_CTX_set_min_proto_version(ssl, context->least_version) == 1 &&
           SSL_CTX_set_max_proto_version(ssl, context->most_version) == 1;
}

/* A list of one's own is one in order. */
static bool set_ciphers(SSL_CTX *ssl, const struct tls_terms *terms)
{
    bool is_own = terms->ciphers || terms->suites;
    SSL_CTX_set_security_level(ssl, profiles[terms->profile].security_level);
    SSL_CTX_set_options(ssl, profiles[terms->profile].options |
                                 (is_own ? SSL_OP_CIPHER_SERVER_PREFERENCE : 0));
    return SSL_CTX_set_cipher_list(ssl, terms->ciphers ? terms->ciphers
                                                       : profiles[terms->profile].ciphers) == 1 &&
           (!terms->suites || SSL_CTX_set_ciphersuites(ssl, terms->suites) == 1);
}

/* A ticket is good where the same certificates are served in the same way, and the same ones of
 * clients accepted, and nowhere else: who resumes has seen a certificate that holds for the name,
 * and what he has shown was looked at by the same terms. */
static bool set_identity(SSL_CTX *ssl, const struct tls_context *context,
                         const struct tls_objects *certificates)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    const struct tls_terms *terms = &context->terms;
    const uint64_t facts[] = {terms->profile, (uint64_t)terms->least_version,
                              (uint64_t)terms->most_version, context->client_identity};
    const char *const texts[] = {terms->ciphers, terms->suites, terms->groups};
    unsigned length = 0;
    EVP_MD_CTX *all = EVP_MD_CTX_new();
    bool good = all && EVP_DigestInit_ex(all, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(all, facts, sizeof(facts)) == 1;
    for (size_t i = 0; good && i < sizeof(texts) / sizeof(texts[0]); i++)
        good = EVP_DigestUpdate(all, texts[i] ? texts[i] : "",
                                strlen(texts[i] ? texts[i] : "") + 1) == 1;
    for (size_t i = 0; good && i < context->count; i++)
        good = X509_digest(certificates[i].leaf, EVP_sha256(), digest, &length) == 1 &&
               EVP_DigestUpdate(all, digest, length) == 1;
    good = good && EVP_DigestFinal_ex(all, digest, &length) == 1 &&
           SSL_CTX_set_session_id_context(ssl, digest, length) == 1;
    EVP_MD_CTX_free(all);
    return good;
}

/* ---- what the library makes of them, when it is needed */

static bool set_certificates(SSL_CTX *ssl, const struct tls_context *context)
{
    struct tls_objects objects[TLS_KEY_KINDS] = {0};
    bool good = true;
    for (size_t i = 0; good && i < context->count; i++)
        good = tls_certificate_open(context->certificates[i], &objects[i]) &&
               SSL_CTX_use_cert_and_key(ssl, objects[i].leaf, objects[i].key, objects[i].chain,
                                        0) == 1;
    good = good && set_identity(ssl, context, objects);
    for (size_t i = 0; i < context->count; i++)
        tls_objects_fini(&objects[i]);
    return good;
}

/* `clients` may be NULL. NULL: no memory, or a certificate is not fit. */
static SSL_CTX *make(struct tls_context *context, const struct tls_client_terms *clients)
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    bool good =
        ssl && set_common(ssl) && set_versions(ssl, context) && set_ciphers(ssl, &context->terms) &&
        (!context->groups || SSL_CTX_set1_groups_list(ssl, context->groups) == 1) &&
        (!clients ||
         tls_set_clients(ssl, clients, &context->client_identity, &context->clients_until)) &&
        set_certificates(ssl, context);
    ERR_clear_error();
    if (good)
        return ssl;
    SSL_CTX_free(ssl);
    return NULL;
}

/* Where two loops are the first at once, one of them has made it in vain. */
COLD static SSL_CTX *make_for_all(struct tls_context *context)
{
    SSL_CTX *made = make(context, NULL), *before = NULL;
    if (!made || atomic_compare_exchange_strong(&context->ssl, &before, made))
        return made;
    SSL_CTX_free(made);
    return before;
}

SSL_CTX *tls_context_borrow(const struct tls_context *context)
{
    struct tls_context *own = (struct tls_context *)(uintptr_t)context;
    SSL_CTX *ssl = atomic_load_explicit(&own->ssl, memory_order_acquire);
    return ssl ? ssl : make_for_all(own);
}

/* ---- life */

static bool copy_texts(struct tls_context *context, const struct tls_terms *terms)
{
    context->ciphers = terms->ciphers ? strdup(terms->ciphers) : NULL;
    context->suites = terms->suites ? strdup(terms->suites) : NULL;
    context->groups = terms->groups ? strdup(terms->groups) : NULL;
    context->terms.ciphers = context->ciphers;
    context->terms.suites = context->suites;
    context->terms.groups = context->groups;
    return !terms->ciphers == !context->ciphers && !terms->suites == !context->suites &&
           !terms->groups == !context->groups;
}

static bool fill(struct tls_context *context, const struct tls_terms *terms)
{
    context->terms = *terms;
    context->terms.clients = NULL;
    context->least_version =
        terms->least_version ? terms->least_version : profiles[terms->profile].least_version;
    context->most_version = terms->most_version;
    if (!copy_texts(context, terms))
        return false;
    if (!terms->clients || terms->clients->verify == TLS_CLIENT_OFF)
        return true;
    atomic_init(&context->ssl, make(context, terms->clients));
    return context->ssl != NULL;
}

struct tls_context *tls_context_new(const struct tls_terms *terms,
                                    const struct tls_certificate *const *certificates, size_t count)
{
    ASSERT(count > 0 && count <= TLS_KEY_KINDS);
    struct tls_context *context = calloc(1, sizeof(*context));
    if (!context)
        return NULL;
    for (context->count = 0; context->count < count; context->count++) {
        context->certificates[context->count] = certificates[context->count];
        tls_certificate_ref(certificates[context->count]);
    }
    if (fill(context, terms))
        return context;
    tls_context_free(context);
    return NULL;
}

void tls_context_free(struct tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl);
    for (size_t i = 0; i < context->count; i++)
        tls_certificate_unref(context->certificates[i]);
    free(context->ciphers);
    free(context->suites);
    free(context->groups);
    free(context);
}

/* ---- the entrance */

/* The libraries' own configuration files are not read: what holds is what ours says. */
bool tls_start_library(void)
{
    return OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) == 1;
}

struct tls_entrance *tls_entrance_new(void)
{
    struct tls_entrance *entrance = tls_start_library() ? calloc(1, sizeof(*entrance)) : NULL;
    if (!entrance)
        return NULL;
    entrance->tickets = tls_tickets_new();
    entrance->bytes = tls_bytes_new();
    entrance->ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    entrance->ssl = SSL_CTX_new(TLS_server_method());
    if (entrance->tickets && entrance->bytes && entrance->ticket_cipher && entrance->ssl &&
        set_common(entrance->ssl)) {
        tls_prepare_entrance(entrance);
        return entrance;
    }
    tls_entrance_free(entrance);
    return NULL;
}

void tls_entrance_free(struct tls_entrance *entrance)
{
    if (!entrance)
        return;
    SSL_CTX_free(entrance->ssl);
    BIO_meth_free(entrance->bytes);
    EVP_CIPHER_free(entrance->ticket_cipher);
    tls_tickets_free(entrance->tickets);
    free(entrance);
}

/* ---- tickets */

static bool authenticate(EVP_MAC_CTX *mac, struct tls_ticket_key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->authentication,
                                          sizeof(key->authentication)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

static int seal(struct tls_entrance *entrance, struct tls_ticket_key *key, unsigned char name[16],
                unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    memcpy(name, key->name, sizeof(key->name));
    bool good = RAND_bytes(iv, EVP_CIPHER_get_iv_length(entrance->ticket_cipher)) == 1 &&
                EVP_EncryptInit_ex2(cipher, entrance->ticket_cipher, key->cipher, iv, NULL) == 1 &&
                authenticate(mac, key);
    return good ? 1 : -1;
}

static int unseal(struct tls_entrance *entrance, struct tls_ticket_key *key, bool is_old,
                  unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    bool good = authenticate(mac, key) &&
                EVP_DecryptInit_ex2(cipher, entrance->ticket_cipher, key->cipher, iv, NULL) == 1;
    return !good ? -1 : is_old ? 2 : 1;
}

/* 0: no ticket is made, or taken; the handshake goes on without. */
int tls_entrance_seal(struct tls_entrance *entrance, int64_t now, unsigned char name[16],
                      unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool is_sealing)
{
    struct tls_ticket_key key;
    bool is_old = false;
    bool found = is_sealing ? tls_tickets_sealing(entrance->tickets, now, &key)
                            : tls_tickets_find(entrance->tickets, now, name, &key, &is_old);
    if (!found)
        return 0;
    int result = is_sealing ? seal(entrance, &key, name, iv, cipher, mac)
                            : unseal(entrance, &key, is_old, iv, cipher, mac);
    OPENSSL_cleanse(&key, sizeof(key));
    return result;
}
