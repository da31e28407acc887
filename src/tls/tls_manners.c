#include "tls/tls_manners.h"

#include <openssl/evp.h>
#include <stdint.h>
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

/* ---- what the library makes of terms */

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
bool tls_set_common(SSL_CTX *ssl)
{
    char groups[] = "X25519:P-256:P-384"; /* the library's macro takes no constant */
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_NO_ANTI_REPLAY /* tls_hellos.h is in its place */ |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF /* tls_was_cut tells of it */);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ssl, 1);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ssl, TLS_TICKET_LIFETIME);
    SSL_CTX_set_alpn_select_cb(ssl, select_protocol, NULL);
    SSL_CTX_set_tlsext_servername_callback(ssl, acknowledge_name);
    SSL_CTX_set_tlsext_status_cb(ssl, tls_on_status_asked);
    return SSL_CTX_set_num_tickets(ssl, 1) == 1 && SSL_CTX_set1_groups_list(ssl, groups) == 1;
}

int tls_least_version(const struct tls_terms *terms)
{
    return terms->least_version ? terms->least_version : profiles[terms->profile].least_version;
}

static bool set_versions(SSL_CTX *ssl, const struct tls_terms *terms)
{
    return SSL_CTX_set_min_proto_version(ssl, tls_least_version(terms)) == 1 &&
           SSL_CTX_set_max_proto_version(ssl, terms->most_version) == 1;
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

SSL_CTX *tls_manners_make(const struct tls_terms *terms)
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    char *groups = (char *)(uintptr_t)terms->groups; /* the library's macro takes no constant */
    if (ssl && tls_set_common(ssl) && set_versions(ssl, terms) && set_ciphers(ssl, terms) &&
        (!groups || SSL_CTX_set1_groups_list(ssl, groups) == 1))
        return ssl;
    SSL_CTX_free(ssl);
    return NULL;
}

/* ---- those of one snapshot */

enum { KEPT = 8 }; /* that others are likely to share */

struct tls_manners {
    struct {
        unsigned char digest[TLS_DIGEST_SIZE];
        SSL_CTX *ssl;
    } kept[KEPT];
    size_t count; /* of all that were made */
};

struct tls_manners *tls_manners_new(void)
{
    return calloc(1, sizeof(struct tls_manners));
}

void tls_manners_free(struct tls_manners *manners)
{
    if (!manners)
        return;
    for (size_t i = 0; i < KEPT; i++)
        SSL_CTX_free(manners->kept[i].ssl);
    free(manners);
}

bool tls_terms_digest(const struct tls_terms *terms, unsigned char digest[TLS_DIGEST_SIZE])
{
    const uint64_t facts[] = {terms->profile, (uint64_t)terms->least_version,
                              (uint64_t)terms->most_version};
    const char *const texts[] = {terms->ciphers, terms->suites, terms->groups};
    EVP_MD_CTX *all = EVP_MD_CTX_new();
    bool good = all && EVP_DigestInit_ex(all, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(all, facts, sizeof(facts)) == 1;
    for (size_t i = 0; good && i < sizeof(texts) / sizeof(texts[0]); i++)
        good = EVP_DigestUpdate(all, texts[i] ? texts[i] : "",
                                strlen(texts[i] ? texts[i] : "") + 1) == 1;
    good = good && EVP_DigestFinal_ex(all, digest, NULL) == 1;
    EVP_MD_CTX_free(all);
    return good;
}

SSL_CTX *tls_manners_for(struct tls_manners *manners, const struct tls_terms *terms,
                         const unsigned char digest[TLS_DIGEST_SIZE])
{
    for (size_t i = 0; i < KEPT && manners->kept[i].ssl; i++) {
        if (memcmp(manners->kept[i].digest, digest, TLS_DIGEST_SIZE) == 0 &&
            SSL_CTX_up_ref(manners->kept[i].ssl) == 1)
            return manners->kept[i].ssl;
    }
    SSL_CTX *ssl = tls_manners_make(terms);
    if (!ssl || SSL_CTX_up_ref(ssl) != 1)
        return ssl;
    size_t place = manners->count++ % KEPT;
    SSL_CTX_free(manners->kept[place].ssl);
    manners->kept[place].ssl = ssl;
    memcpy(manners->kept[place].digest, digest, TLS_DIGEST_SIZE);
    return ssl;
}
