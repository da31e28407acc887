#include "tls/tls_context_int.h"

#include "base/assert.h"
#include "tls/tls_bytes.h"
#include "tls/tls_certificate_int.h"
#include "tls/tls_manners.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* ---- contexts */

/* A ticket is good where the same certificates are served in the same way, and the same ones of
 * clients accepted, and nowhere else: who resumes has seen a certificate that holds for the name,
 * and what he has shown was looked at by the same terms. */
static bool set_identity(struct tls_context *context,
                         const unsigned char terms_digest[TLS_DIGEST_SIZE])
{
    EVP_MD_CTX *all = EVP_MD_CTX_new();
    bool good =
        all && EVP_DigestInit_ex(all, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(all, terms_digest, TLS_DIGEST_SIZE) == 1 &&
        EVP_DigestUpdate(all, &context->client_identity, sizeof(context->client_identity)) == 1;
    for (size_t i = 0; good && i < context->count; i++)
        good = EVP_DigestUpdate(all, context->certificates[i]->digest, TLS_DIGEST_SIZE) == 1;
    good = good && EVP_DigestFinal_ex(all, context->identity, NULL) == 1;
    EVP_MD_CTX_free(all);
    return good;
}

bool tls_context_set(const struct tls_context *context, SSL *ssl)
{
    bool good = SSL_set_session_id_context(ssl, context->identity, TLS_DIGEST_SIZE) == 1;
    for (size_t i = 0; good && i < context->count; i++) {
        const struct tls_objects *its = &context->certificates[i]->objects;
        good = SSL_use_cert_and_key(ssl, its->leaf, its->key, its->chain, 0) == 1;
    }
    return good;
}

/* ---- life */

static bool fill(struct tls_context *context, struct tls_manners *manners,
                 const struct tls_terms *terms)
{
    static atomic_uint_least64_t serials;
    const struct tls_client_terms *clients =
        terms->clients && terms->clients->verify != TLS_CLIENT_OFF ? terms->clients : NULL;
    unsigned char digest[TLS_DIGEST_SIZE];
    context->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
    context->least_version = tls_least_version(terms);
    context->most_version = terms->most_version;
    context->takes_early = terms->early_data && !clients;
    context->groups = terms->groups ? strdup(terms->groups) : NULL;
    if (!context->groups != !terms->groups || !tls_terms_digest(terms, digest))
        return false;
    context->ssl =
        manners && !clients ? tls_manners_for(manners, terms, digest) : tls_manners_make(terms);
    return context->ssl &&
           (!clients || tls_set_clients(context->ssl, clients, &context->client_identity,
                                        &context->clients_until)) &&
           set_identity(context, digest);
}

struct tls_context *tls_context_new(struct tls_manners *manners, const struct tls_terms *terms,
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
    bool good = fill(context, manners, terms);
    ERR_clear_error();
    if (good)
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
    entrance->hellos = tls_hellos_new();
    entrance->bytes = tls_bytes_new();
    entrance->ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    entrance->ssl = SSL_CTX_new(TLS_server_method());
    if (entrance->tickets && entrance->hellos && entrance->bytes && entrance->ticket_cipher &&
        entrance->ssl && tls_set_common(entrance->ssl)) {
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
    tls_hellos_free(entrance->hellos);
    free(entrance);
}

void tls_entrance_look_for_early(struct tls_entrance *entrance)
{
    atomic_store_explicit(&entrance->looks_for_early, true, memory_order_relaxed);
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
