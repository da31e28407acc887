/* The library (OpenSSL 3.0) reads a certificate with its key in 0.4 ms, nearly all of which it
 * spends on finding out what could read the key. We know that from the outline. So a key is put
 * together by the functions for keys of its kind, which the library calls old; and a certificate is
 * read where the library knows nothing that could read its key, and is then given it. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "tls/tls_maker_int.h"

#include "base/map.h"
#include "tls/tls_context_int.h"
#include "tls/tls_der.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { CURVES = 3, SIGNERS_MAX = 64 };

/* Who has signed many is read once. */
struct signer {
    struct slice bytes; /* as owned */
    X509 *certificate;
};

struct tls_maker {
    struct map made;          /* struct tls_certificate, by `source`; a reference to each */
    struct map staples;       /* struct tls_staple, by name; a reference to each */
    EC_GROUP *curves[CURVES]; /* NULL: not needed yet */
    struct signer signers[SIGNERS_MAX];
    size_t signer_count;
    bool is_for_service;
};

/* Where the library knows nothing. What is read there must not outlive it, so it stays. */
static OSSL_LIB_CTX *bare;
static CRYPTO_ONCE bare_once = CRYPTO_ONCE_STATIC_INIT;

static void make_bare(void)
{
    bare = OSSL_LIB_CTX_new();
    if (bare && OSSL_PROVIDER_load(bare, "null"))
        return;
    OSSL_LIB_CTX_free(bare);
    bare = NULL;
}

struct tls_maker *tls_maker_new(bool is_for_service)
{
    if (!tls_start_library() || CRYPTO_THREAD_run_once(&bare_once, make_bare) != 1 || !bare)
        return NULL;
    struct tls_maker *maker = calloc(1, sizeof(*maker));
    if (maker)
        maker->is_for_service = is_for_service;
    return maker;
}

static void forget_signers(struct tls_maker *maker)
{
    for (size_t i = 0; i < maker->signer_count; i++) {
        free((char *)(uintptr_t)maker->signers[i].bytes.data);
        X509_free(maker->signers[i].certificate);
    }
    maker->signer_count = 0;
}

void tls_maker_free(struct tls_maker *maker)
{
    if (!maker)
        return;
    for (size_t i = 0; i < CURVES; i++)
        EC_GROUP_free(maker->curves[i]);
    for (size_t i = 0; i < maker->made.capacity; i++)
        tls_certificate_unref(maker->made.entries[i].value);
    map_fini(&maker->made);
    for (size_t i = 0; i < maker->staples.capacity; i++)
        tls_staple_unref(maker->staples.entries[i].value);
    map_fini(&maker->staples);
    forget_signers(maker);
    free(maker);
}

/* ---- what was made before */

bool tls_maker_know(struct slice chain, struct slice key, bool is_fetched,
                    unsigned char source[TLS_SOURCE_SIZE])
{
    /* Where one file ends and the other begins. */
    const uint64_t end = (uint64_t)chain.length << 1 | is_fetched;
    EVP_MD_CTX *all = EVP_MD_CTX_new();
    bool good = all && EVP_DigestInit_ex(all, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(all, &end, sizeof(end)) == 1 &&
                EVP_DigestUpdate(all, chain.data, chain.length) == 1 &&
                EVP_DigestUpdate(all, key.data, key.length) == 1 &&
                EVP_DigestFinal_ex(all, source, NULL) == 1;
    EVP_MD_CTX_free(all);
    return good;
}

static struct slice name_of(const unsigned char source[TLS_SOURCE_SIZE])
{
    return slice_of((const char *)source, TLS_SOURCE_SIZE);
}

struct tls_certificate *tls_maker_find(const struct tls_maker *maker,
                                       const unsigned char source[TLS_SOURCE_SIZE])
{
    struct tls_certificate *found = map_get(&maker->made, name_of(source));
    if (found)
        tls_certificate_ref(found);
    return found;
}

void tls_maker_keep(struct tls_maker *maker, struct tls_certificate *certificate,
                    const unsigned char source[TLS_SOURCE_SIZE])
{
    memcpy(certificate->source, source, TLS_SOURCE_SIZE);
    if (map_set(&maker->made, name_of(certificate->source), certificate))
        tls_certificate_ref(certificate);
}

/* Into another map, because one shrinks never, and must not change while it is gone through. */
static void tidy_certificates(struct tls_maker *maker)
{
    struct map held;
    map_init(&held);
    for (size_t i = 0; i < maker->made.capacity; i++) {
        struct tls_certificate *one = maker->made.entries[i].value;
        bool is_held = one && atomic_load_explicit(&one->references, memory_order_acquire) > 1;
        if (one && !(is_held && map_set(&held, name_of(one->source), one)))
            tls_certificate_unref(one);
    }
    map_fini(&maker->made);
    maker->made = held;
}

static void tidy_staples(struct tls_maker *maker)
{
    struct map held;
    map_init(&held);
    for (size_t i = 0; i < maker->staples.capacity; i++) {
        struct tls_staple *one = maker->staples.entries[i].value;
        bool is_held = one && atomic_load_explicit(&one->references, memory_order_acquire) > 1;
        if (one && !(is_held && map_set(&held, name_of(one->name), one)))
            tls_staple_unref(one);
    }
    map_fini(&maker->staples);
    maker->staples = held;
}

void tls_maker_tidy(struct tls_maker *maker)
{
    if (!maker)
        return;
    tidy_certificates(maker); /* which hold staples */
    tidy_staples(maker);
    forget_signers(maker);
}

struct tls_staple *tls_maker_staple(struct tls_maker *maker,
                                    const unsigned char digest[TLS_STAPLE_NAME_SIZE])
{
    struct tls_staple *staple = map_get(&maker->staples, name_of(digest));
    if (staple)
        return tls_staple_ref(staple);
    staple = tls_staple_new();
    if (!staple)
        return NULL;
    memcpy(staple->name, digest, TLS_STAPLE_NAME_SIZE);
    if (map_set(&maker->staples, name_of(staple->name), staple))
        return tls_staple_ref(staple);
    tls_staple_unref(staple);
    return NULL;
}

/* ---- keys */

static const EC_GROUP *curve_of(struct tls_maker *maker, const struct tls_outline *outline)
{
    static const struct {
        size_t point; /* bytes of one */
        int name;
    } curves[CURVES] = {{1 + 2 * 32, NID_X9_62_prime256v1},
                        {1 + 2 * 48, NID_secp384r1},
                        {1 + 2 * 66, NID_secp521r1}};
    for (size_t i = 0; i < CURVES; i++) {
        if (outline->public_key.length != curves[i].point)
            continue;
        if (!maker->curves[i])
            maker->curves[i] = EC_GROUP_new_by_curve_name(curves[i].name);
        return maker->curves[i];
    }
    return NULL;
}

static bool make_ec_key(struct tls_maker *maker, const struct tls_outline *outline,
                        struct slice secret, EVP_PKEY *key)
{
    const EC_GROUP *curve = curve_of(maker, outline);
    EC_KEY *its = curve ? EC_KEY_new() : NULL;
    const unsigned char *point = (const unsigned char *)outline->public_key.data;
    if (its && EC_KEY_set_group(its, curve) == 1 &&
        EC_KEY_oct2key(its, point, outline->public_key.length, NULL) == 1 &&
        EC_KEY_oct2priv(its, (const unsigned char *)secret.data, secret.length) == 1 &&
        EVP_PKEY_assign_EC_KEY(key, its) == 1)
        return true;
    EC_KEY_free(its);
    return false;
}

static bool make_rsa_key(struct slice secret, EVP_PKEY *key)
{
    const unsigned char *bytes = (const unsigned char *)secret.data;
    RSA *its = d2i_RSAPrivateKey(NULL, &bytes, (long)secret.length);
    if (its && EVP_PKEY_assign_RSA(key, its) == 1)
        return true;
    RSA_free(its);
    return false;
}

/* The library turns a key into another form of its own before it signs with it, and keeps that:
 * here, in the place of the first handshake. */
static bool prepare_key(EVP_PKEY *key)
{
    EVP_MD_CTX *signing = EVP_MD_CTX_new();
    bool good =
        signing && EVP_DigestSignInit_ex(signing, NULL, "SHA256", NULL, NULL, key, NULL) == 1;
    EVP_MD_CTX_free(signing);
    return good;
}

static EVP_PKEY *make_key(struct tls_maker *maker, const struct tls_outline *outline,
                          struct slice secret)
{
    EVP_PKEY *key = EVP_PKEY_new();
    bool good = key && (outline->curve.length > 0 ? make_ec_key(maker, outline, secret, key)
                                                  : make_rsa_key(secret, key));
    if (good && (!maker->is_for_service || prepare_key(key)))
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

/* ---- certificates */

/* Giving it its key has the library write it anew, which must come to the same bytes. */
static bool is_written_as(X509 *certificate, struct slice bytes)
{
    unsigned char *written = NULL;
    int length = i2d_X509(certificate, &written);
    bool same = length > 0 && slice_equal(slice_of((const char *)written, (size_t)length), bytes);
    OPENSSL_free(written);
    return same;
}

static X509 *make_leaf(struct slice bytes, EVP_PKEY *key)
{
    const unsigned char *rest = (const unsigned char *)bytes.data;
    X509 *leaf = X509_new_ex(bare, NULL);
    /* On a failure it is gone, and `leaf` NULL. */
    if (leaf && d2i_X509(&leaf, &rest, (long)bytes.length) && X509_set_pubkey(leaf, key) == 1 &&
        is_written_as(leaf, bytes)) {
        (void)X509_check_purpose(leaf, -1, 0); /* has it look at the extensions, once for all */
        return leaf;
    }
    X509_free(leaf);
    return NULL;
}

static void keep_signer(struct tls_maker *maker, struct slice bytes, X509 *certificate)
{
    char *copy = maker->signer_count < SIGNERS_MAX ? malloc(bytes.length) : NULL;
    if (!copy)
        return;
    memcpy(copy, bytes.data, bytes.length);
    X509_up_ref(certificate);
    maker->signers[maker->signer_count++] =
        (struct signer){.bytes = slice_of(copy, bytes.length), .certificate = certificate};
}

static X509 *make_signer(struct tls_maker *maker, struct slice bytes)
{
    const unsigned char *rest = (const unsigned char *)bytes.data;
    for (size_t i = 0; i < maker->signer_count; i++) {
        const struct signer *signer = &maker->signers[i];
        if (slice_equal(signer->bytes, bytes) && X509_up_ref(signer->certificate) == 1)
            return signer->certificate;
    }
    X509 *certificate = d2i_X509(NULL, &rest, (long)bytes.length);
    if (certificate)
        keep_signer(maker, bytes, certificate);
    return certificate;
}

static bool make_chain(struct tls_maker *maker, struct slice bytes, STACK_OF(X509) * chain)
{
    struct der_item one;
    while (tls_der_next(&bytes, &one)) {
        X509 *next = make_signer(maker, one.whole);
        if (next && sk_X509_push(chain, next) > 0)
            continue;
        X509_free(next);
        return false;
    }
    return bytes.length == 0;
}

bool tls_maker_make(struct tls_maker *maker, const struct tls_outline *outline, struct slice leaf,
                    struct slice chain, struct slice secret, struct tls_objects *ret_objects)
{
    EVP_PKEY *key = make_key(maker, outline, secret);
    *ret_objects = (struct tls_objects){
        .key = key, .leaf = key ? make_leaf(leaf, key) : NULL, .chain = sk_X509_new_null()};
    bool good =
        ret_objects->leaf && ret_objects->chain && make_chain(maker, chain, ret_objects->chain);
    ERR_clear_error();
    if (!good)
        tls_objects_fini(ret_objects);
    return good;
}
