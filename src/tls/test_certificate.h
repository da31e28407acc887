/* A certificate that is made when it is asked for, for tests and fuzzers. */
#pragma once

#include "base/assert.h"
#include "tls/tls_certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

struct test_certificate {
    char chain[4096], key[2048];
};

static inline void test_certificate_print(BIO *bio, char *text, size_t size)
{
    int length = BIO_read(bio, text, (int)size - 1);
    ASSERT(length > 0);
    text[length] = '\0';
    BIO_free(bio);
}

/* `names` as openssl.cnf has it: `DNS:a.example.com,IP:192.0.2.1`; valid from and until so many
 * seconds from now; for that key, which is taken over, and signed with it over that digest. */
static inline void test_certificate_make_with(struct test_certificate *made, EVP_PKEY *key,
                                              const EVP_MD *digest, const char *names, long begins,
                                              long ends)
{
    X509 *leaf = X509_new();
    ASSERT(key && leaf);
    X509_EXTENSION *subjects = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    X509_set_version(leaf, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(leaf), 1);
    X509_gmtime_adj(X509_getm_notBefore(leaf), begins);
    X509_gmtime_adj(X509_getm_notAfter(leaf), ends);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(leaf), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(leaf, X509_get_subject_name(leaf));
    X509_set_pubkey(leaf, key);
    ASSERT(subjects && X509_add_ext(leaf, subjects, -1) == 1);
    ASSERT(X509_sign(leaf, key, digest) > 0);
    BIO *chain_bytes = BIO_new(BIO_s_mem()), *key_bytes = BIO_new(BIO_s_mem());
    ASSERT(PEM_write_bio_X509(chain_bytes, leaf) == 1);
    ASSERT(PEM_write_bio_PrivateKey(key_bytes, key, NULL, NULL, 0, NULL, NULL) == 1);
    test_certificate_print(chain_bytes, made->chain, sizeof(made->chain));
    test_certificate_print(key_bytes, made->key, sizeof(made->key));
    X509_EXTENSION_free(subjects);
    X509_free(leaf);
    EVP_PKEY_free(key);
}

/* With a key of P-256. */
static inline void test_certificate_make_for(struct test_certificate *made, const char *names,
                                             long begins, long ends)
{
    test_certificate_make_with(made, EVP_EC_gen("P-256"), EVP_sha256(), names, begins, ends);
}

/* One that is valid for an hour from now. */
static inline void test_certificate_make(struct test_certificate *made, const char *names)
{
    test_certificate_make_for(made, names, 0, 3600);
}
