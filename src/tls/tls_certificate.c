#include "tls/tls_certificate_int.h"

#include "base/address.h"
#include "base/assert.h"
#include "tls/tls_der.h"
#include "tls/tls_key_reader.h"
#include "tls/tls_maker_int.h"
#include "tls/tls_staple_int.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_MAX = 256 };

/* ---- reading */

/* Nobody is asked for the password of a key. */
static int no_password(char *memory, int size, int is_writing, void *asked)
{
    (void)memory, (void)size, (void)is_writing;
    *(bool *)asked = true;
    return -1;
}

bool tls_pem_was_end(void)
{
    unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static enum tls_certificate_state read_chain(BIO *bytes, struct tls_objects *objects)
{
    objects->leaf = PEM_read_bio_X509(bytes, NULL, NULL, NULL);
    if (!objects->leaf)
        return tls_pem_was_end() ? TLS_CERTIFICATE_NONE : TLS_CERTIFICATE_BROKEN;
    objects->chain = sk_X509_new_null();
    if (!objects->chain)
        return TLS_CERTIFICATE_NO_MEMORY;
    for (;;) {
        X509 *next = PEM_read_bio_X509(bytes, NULL, NULL, NULL);
        if (!next)
            return tls_pem_was_end() ? TLS_CERTIFICATE_GOOD : TLS_CERTIFICATE_BROKEN;
        if (sk_X509_num(objects->chain) < TLS_CHAIN_MAX && sk_X509_push(objects->chain, next) > 0)
            continue;
        X509_free(next);
        return TLS_CERTIFICATE_BROKEN;
    }
}

static enum tls_certificate_state read_key(BIO *bytes, struct tls_objects *objects)
{
    bool was_asked = false;
    objects->key = PEM_read_bio_PrivateKey(bytes, NULL, no_password, &was_asked);
    if (objects->key)
        return TLS_CERTIFICATE_GOOD;
    return was_asked ? TLS_CERTIFICATE_LOCKED : TLS_CERTIFICATE_BAD_KEY;
}

static bool has_key(struct slice bytes)
{
    static const char mark[] = "PRIVATE KEY-----";
    return bytes.length > 0 && memmem(bytes.data, bytes.length, mark, sizeof(mark) - 1);
}

BIO *tls_pem_open(struct slice bytes)
{
    enum { BYTES_MAX = 1 << 24 };
    return bytes.length > 0 && bytes.length <= BYTES_MAX
               ? BIO_new_mem_buf(bytes.data, (int)bytes.length)
               : BIO_new_mem_buf("", 0);
}

/* The slots that a context has, one for each. */
static bool find_key_kind(struct tls_certificate *certificate)
{
    static const int kinds[TLS_KEY_KINDS] = {[TLS_KEY_RSA] = EVP_PKEY_RSA,
                                             [TLS_KEY_EC] = EVP_PKEY_EC,
                                             [TLS_KEY_ED25519] = EVP_PKEY_ED25519,
                                             [TLS_KEY_ED448] = EVP_PKEY_ED448};
    for (unsigned i = 0; i < TLS_KEY_KINDS; i++) {
        certificate->key_kind = i;
        if (EVP_PKEY_get_base_id(certificate->objects.key) == kinds[i])
            return true;
    }
    return false;
}

const char *tls_key_kind_name(unsigned kind)
{
    static const char *const names[TLS_KEY_KINDS] = {"RSA", "ECDSA", "Ed25519", "Ed448"};
    return names[kind];
}

/* What the library takes at the security level of the profiles other than `old`. */
static bool is_strong(X509 *one)
{
    enum { BITS_LEAST = 112 }; /* RSA of 2048 bits, SHA-224 */
    int bits = 0;
    EVP_PKEY *key = X509_get0_pubkey(one);
    if (!key || EVP_PKEY_get_security_bits(key) < BITS_LEAST)
        return false;
    if (X509_get_extension_flags(one) & EXFLAG_SS)
        return true; /* nobody looks at the signature of who signed himself */
    return X509_get_signature_info(one, NULL, NULL, &bits, NULL) == 1 && bits >= BITS_LEAST;
}

static bool all_are_strong(const struct tls_objects *objects)
{
    bool strong = is_strong(objects->leaf);
    for (int i = 0; i < sk_X509_num(objects->chain); i++)
        strong &= is_strong(sk_X509_value(objects->chain, i));
    ERR_clear_error();
    return strong;
}

struct slice tls_names_in(X509 *leaf)
{
    int at = X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1);
    X509_EXTENSION *extension = at >= 0 ? X509_get_ext(leaf, at) : NULL;
    const ASN1_OCTET_STRING *text = extension ? X509_EXTENSION_get_data(extension) : NULL;
    struct slice names = SLICE("");
    if (text) {
        struct slice bytes =
            slice_of((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
        (void)tls_der_take(&bytes, DER_SEQUENCE, &names);
    }
    return names;
}

/* False: no memory. */
static bool note_facts(struct tls_certificate *certificate)
{
    X509 *leaf = certificate->objects.leaf;
    unsigned length = 0;
    certificate->begins = tls_seconds_of(X509_get0_notBefore(leaf));
    certificate->ends = tls_seconds_of(X509_get0_notAfter(leaf));
    certificate->names = tls_names_in(leaf);
    return X509_digest(leaf, EVP_sha256(), certificate->digest, &length) == 1;
}

static enum tls_certificate_state read_all(BIO *chain, BIO *key, bool weak_too,
                                           struct tls_certificate *certificate)
{
    struct tls_objects *objects = &certificate->objects;
    enum tls_certificate_state state =
        chain && key ? read_chain(chain, objects) : TLS_CERTIFICATE_NO_MEMORY;
    if (state == TLS_CERTIFICATE_GOOD && !objects->key)
        state = read_key(key, objects);
    if (state != TLS_CERTIFICATE_GOOD)
        return state;
    bool fits = X509_check_private_key(objects->leaf, objects->key) == 1;
    ERR_clear_error();
    if (!fits)
        return TLS_CERTIFICATE_MISFIT;
    if (!find_key_kind(certificate))
        return TLS_CERTIFICATE_BAD_KEY;
    if (!note_facts(certificate))
        return TLS_CERTIFICATE_NO_MEMORY;
    return weak_too || all_are_strong(objects) ? TLS_CERTIFICATE_GOOD : TLS_CERTIFICATE_WEAK;
}

/* By the library, which can tell what is wrong. */
static enum tls_certificate_state read_thoroughly(struct tls_certificate *certificate,
                                                  struct slice chain, struct slice key,
                                                  const struct tls_reading *reading)
{
    certificate->objects.key = reading->reader ? tls_key_reader_read(reading->reader, key) : NULL;
    BIO *chain_bytes = tls_pem_open(chain), *key_bytes = tls_pem_open(key);
    enum tls_certificate_state state =
        read_all(chain_bytes, key_bytes, reading->weak_too, certificate);
    if (state == TLS_CERTIFICATE_BAD_KEY && !has_key(key))
        state = TLS_CERTIFICATE_NO_KEY;
    if (state == TLS_CERTIFICATE_NONE && has_key(chain))
        state = TLS_CERTIFICATE_IS_KEY;
    BIO_free(chain_bytes);
    BIO_free(key_bytes);
    ERR_clear_error();
    return state;
}

/* What was said of it before goes on to be shown. */
static bool share_staple(const struct tls_certificate *certificate, struct tls_maker *maker)
{
    struct tls_staple *staple = tls_maker_staple(maker, certificate->digest);
    return staple && tls_staple_attach(certificate->objects.leaf, staple);
}

enum tls_certificate_state tls_certificate_new(struct slice chain, struct slice key,
                                               const struct tls_reading *reading,
                                               struct tls_certificate **ret_certificate)
{
    enum tls_certificate_state state = TLS_CERTIFICATE_GOOD;
    unsigned char source[TLS_SOURCE_SIZE];
    bool is_fetched = reading->maker && reading->staple == TLS_STAPLE_FETCHED;
    bool may_be_shared = reading->maker && reading->staple != TLS_STAPLE_FILE &&
                         tls_maker_know(chain, key, is_fetched, source);
    if (may_be_shared && (*ret_certificate = tls_maker_find(reading->maker, source)))
        return TLS_CERTIFICATE_GOOD;
    struct tls_certificate *certificate = calloc(1, sizeof(*certificate));
    if (!certificate)
        return TLS_CERTIFICATE_NO_MEMORY;
    atomic_init(&certificate->references, 1);
    bool is_usual =
        reading->maker && tls_certificate_read_quickly(certificate, chain, key, reading->maker);
    if (!is_usual)
        state = read_thoroughly(certificate, chain, key, reading);
    if (state == TLS_CERTIFICATE_GOOD && is_fetched && !share_staple(certificate, reading->maker))
        state = TLS_CERTIFICATE_NO_MEMORY;
    if (state == TLS_CERTIFICATE_GOOD && is_usual && may_be_shared)
        tls_maker_keep(reading->maker, certificate, source);
    if (state == TLS_CERTIFICATE_GOOD)
        *ret_certificate = certificate;
    else
        tls_certificate_unref(certificate);
    return state;
}

/* Who may only read one may hold it, too. */
static struct tls_certificate *counted(const struct tls_certificate *certificate)
{
    return (struct tls_certificate *)(uintptr_t)certificate;
}

void tls_certificate_ref(const struct tls_certificate *certificate)
{
    unsigned before =
        atomic_fetch_add_explicit(&counted(certificate)->references, 1, memory_order_relaxed);
    ASSERT(before > 0);
}

void tls_certificate_unref(const struct tls_certificate *certificate)
{
    if (!certificate)
        return;
    struct tls_certificate *own = counted(certificate);
    unsigned before = atomic_fetch_sub_explicit(&own->references, 1, memory_order_acq_rel);
    ASSERT(before > 0);
    if (before > 1)
        return;
    tls_objects_fini(&own->objects);
    free(own);
}

/* ---- the library's objects */

void tls_objects_fini(struct tls_objects *objects)
{
    X509_free(objects->leaf);
    sk_X509_pop_free(objects->chain, X509_free);
    EVP_PKEY_free(objects->key);
    *objects = (struct tls_objects){0};
}

/* ---- what is told of it */

static const struct {
    const char *problem, *cure;
} words[TLS_CERTIFICATE_STATES] = {
    [TLS_CERTIFICATE_GOOD] = {"it is good", NULL},
    [TLS_CERTIFICATE_NONE] = {"there is no certificate in it",
                              "name a file in PEM, with -----BEGIN CERTIFICATE-----"},
    [TLS_CERTIFICATE_IS_KEY] = {"there is a private key in it and no certificate",
                                "name it as \"key\", and the file with -----BEGIN "
                                "CERTIFICATE----- as \"certificate\""},
    [TLS_CERTIFICATE_BROKEN] = {"a certificate in it cannot be read",
                                "get the file anew; \"openssl x509 -text -noout -in FILE\" must "
                                "read it"},
    [TLS_CERTIFICATE_NO_KEY] = {"there is no private key in it",
                                "name the file with the key as \"key\", in PEM, with "
                                "-----BEGIN PRIVATE KEY-----"},
    [TLS_CERTIFICATE_LOCKED] = {"the private key in it is encrypted",
                                "write it without password: \"openssl pkey -in FILE -out OTHER\""},
    [TLS_CERTIFICATE_BAD_KEY] = {"the private key in it cannot be read",
                                 "name a key of RSA, ECDSA or Ed25519 in PEM"},
    [TLS_CERTIFICATE_MISFIT] = {"the private key in it is not that of the certificate",
                                "name the key with which the certificate was asked for"},
    [TLS_CERTIFICATE_WEAK] = {"the key or the signature of the certificate is too weak",
                              "get a new one, for a key of ECDSA P-256 or RSA with 2048 bits"},
    [TLS_CERTIFICATE_NO_MEMORY] = {"there is no memory to read it", NULL},
};

const char *tls_certificate_problem(enum tls_certificate_state state)
{
    return words[state].problem;
}

const char *tls_certificate_cure(enum tls_certificate_state state)
{
    return words[state].cure;
}

unsigned tls_certificate_key_kind(const struct tls_certificate *certificate)
{
    return certificate->key_kind;
}

int64_t tls_seconds_of(const ASN1_TIME *time)
{
    int days = 0, seconds = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    bool good = epoch && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    ERR_clear_error();
    return good ? (int64_t)days * 86400 + seconds : 0;
}

struct slice tls_certificate_digest(const struct tls_certificate *certificate)
{
    return slice_of((const char *)certificate->digest, sizeof(certificate->digest));
}

int64_t tls_certificate_begins(const struct tls_certificate *certificate)
{
    return certificate->begins;
}

int64_t tls_certificate_ends(const struct tls_certificate *certificate)
{
    return certificate->ends;
}

/* A wildcard is asked for by a name directly below it, which no certificate has by itself. */
bool tls_certificate_leaf_covers(X509 *leaf, struct slice host, bool is_wildcard)
{
    static const struct slice below = SLICE("weir-asks.");
    char name[HOST_MAX + 16];
    struct ip ip;
    size_t length = is_wildcard ? below.length : 0;
    if (host.length == 0 || host.length > HOST_MAX)
        return false;
    memcpy(name, below.data, length);
    memcpy(name + length, host.data, host.length);
    name[length + host.length] = '\0';
    /* As browsers do it: the subject is no name, and a star is a whole label (RFC 9525 6). */
    unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
    bool covers = ip_parse(host, &ip) && !is_wildcard
                      ? X509_check_ip_asc(leaf, name, flags) == 1
                      : X509_check_host(leaf, name, length + host.length, flags, NULL) == 1;
    ERR_clear_error();
    return covers;
}
