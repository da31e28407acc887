#include "tls/tls_certificate_int.h"

#include "base/address.h"
#include "tls/tls_key_reader.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { CHAIN_MAX = 16, HOST_MAX = 256 };

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

static enum tls_certificate_state read_chain(BIO *bytes, struct tls_certificate *certificate)
{
    certificate->leaf = PEM_read_bio_X509(bytes, NULL, NULL, NULL);
    if (!certificate->leaf)
        return tls_pem_was_end() ? TLS_CERTIFICATE_NONE : TLS_CERTIFICATE_BROKEN;
    certificate->chain = sk_X509_new_null();
    if (!certificate->chain)
        return TLS_CERTIFICATE_NO_MEMORY;
    for (;;) {
        X509 *next = PEM_read_bio_X509(bytes, NULL, NULL, NULL);
        if (!next)
            return tls_pem_was_end() ? TLS_CERTIFICATE_GOOD : TLS_CERTIFICATE_BROKEN;
        if (sk_X509_num(certificate->chain) < CHAIN_MAX &&
            sk_X509_push(certificate->chain, next) > 0)
            continue;
        X509_free(next);
        return TLS_CERTIFICATE_BROKEN;
    }
}

static enum tls_certificate_state read_key(BIO *bytes, struct tls_certificate *certificate)
{
    bool was_asked = false;
    certificate->key = PEM_read_bio_PrivateKey(bytes, NULL, no_password, &was_asked);
    if (certificate->key)
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
    return bytes.length > 0 && bytes.length < BYTES_MAX
               ? BIO_new_mem_buf(bytes.data, (int)bytes.length)
               : BIO_new_mem_buf("", 0);
}

/* The slots that a context has, one for each. */
static bool find_key_kind(struct tls_certificate *certificate)
{
    static const int kinds[TLS_KEY_KINDS] = {EVP_PKEY_RSA, EVP_PKEY_EC, EVP_PKEY_ED25519,
                                             EVP_PKEY_ED448};
    for (unsigned i = 0; i < TLS_KEY_KINDS; i++) {
        certificate->key_kind = i;
        if (EVP_PKEY_get_base_id(certificate->key) == kinds[i])
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

static bool all_are_strong(const struct tls_certificate *certificate)
{
    bool strong = is_strong(certificate->leaf);
    for (int i = 0; i < sk_X509_num(certificate->chain); i++)
        strong &= is_strong(sk_X509_value(certificate->chain, i));
    ERR_clear_error();
    return strong;
}

static enum tls_certificate_state read_all(BIO *chain, BIO *key, bool weak_too,
                                           struct tls_certificate *certificate)
{
    enum tls_certificate_state state =
        chain && key ? read_chain(chain, certificate) : TLS_CERTIFICATE_NO_MEMORY;
    if (state == TLS_CERTIFICATE_GOOD && !certificate->key)
        state = read_key(key, certificate);
    if (state != TLS_CERTIFICATE_GOOD)
        return state;
    bool fits = X509_check_private_key(certificate->leaf, certificate->key) == 1;
    ERR_clear_error();
    if (!fits)
        return TLS_CERTIFICATE_MISFIT;
    if (!find_key_kind(certificate))
        return TLS_CERTIFICATE_BAD_KEY;
    return weak_too || all_are_strong(certificate) ? TLS_CERTIFICATE_GOOD : TLS_CERTIFICATE_WEAK;
}

enum tls_certificate_state tls_certificate_new(struct slice chain, struct slice key, bool weak_too,
                                               struct tls_key_reader *reader,
                                               struct tls_certificate **ret_certificate)
{
    struct tls_certificate *certificate = calloc(1, sizeof(*certificate));
    if (!certificate)
        return TLS_CERTIFICATE_NO_MEMORY;
    certificate->key = reader ? tls_key_reader_read(reader, key) : NULL;
    BIO *chain_bytes = tls_pem_open(chain), *key_bytes = tls_pem_open(key);
    enum tls_certificate_state state = read_all(chain_bytes, key_bytes, weak_too, certificate);
    if (state == TLS_CERTIFICATE_BAD_KEY && !has_key(key))
        state = TLS_CERTIFICATE_NO_KEY;
    BIO_free(chain_bytes);
    BIO_free(key_bytes);
    ERR_clear_error();
    if (state == TLS_CERTIFICATE_GOOD)
        *ret_certificate = certificate;
    else
        tls_certificate_free(certificate);
    return state;
}

void tls_certificate_free(struct tls_certificate *certificate)
{
    if (!certificate)
        return;
    X509_free(certificate->leaf);
    sk_X509_pop_free(certificate->chain, X509_free);
    EVP_PKEY_free(certificate->key);
    free(certificate);
}

void tls_cleanse(struct slice bytes)
{
    if (bytes.length > 0)
        OPENSSL_cleanse((char *)(uintptr_t)bytes.data, bytes.length);
}

/* ---- what is told of it */

static const struct {
    const char *problem, *cure;
} words[TLS_CERTIFICATE_STATES] = {
    [TLS_CERTIFICATE_GOOD] = {"it is good", NULL},
    [TLS_CERTIFICATE_NONE] = {"there is no certificate in it",
                              "name a file in PEM, with -----BEGIN CERTIFICATE-----"},
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

int64_t tls_certificate_begins(const struct tls_certificate *certificate)
{
    return tls_seconds_of(X509_get0_notBefore(certificate->leaf));
}

int64_t tls_certificate_ends(const struct tls_certificate *certificate)
{
    return tls_seconds_of(X509_get0_notAfter(certificate->leaf));
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

bool tls_certificate_covers(const struct tls_certificate *certificate, struct slice host,
                            bool is_wildcard)
{
    return tls_certificate_leaf_covers(certificate->leaf, host, is_wildcard);
}

static void print_name(struct text *text, const GENERAL_NAME *name)
{
    if (name->type != GEN_DNS)
        return;
    struct slice bytes = slice_of((const char *)ASN1_STRING_get0_data(name->d.dNSName),
                                  (size_t)ASN1_STRING_length(name->d.dNSName));
    if (text->capacity - text->length < bytes.length + 2)
        return;
    for (size_t i = 0; i < bytes.length; i++) {
        if (bytes.data[i] <= ' ' || bytes.data[i] > '~')
            return;
    }
    if (text->length > 0)
        text_add(text, SLICE(", "));
    text_add(text, bytes);
}

void tls_certificate_print_names(struct text *text, const struct tls_certificate *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate->leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        print_name(text, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    ERR_clear_error();
}
