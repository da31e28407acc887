/* An authority, a certificate that it has signed, and what its responder says of that, for tests
 * and fuzzers. */
#pragma once

#include "base/assert.h"
#include "tls/test_certificate.h"
#include "tls/tls_staple.h"

#include <openssl/ocsp.h>

struct test_responder {
    EVP_PKEY *key;
    X509 *authority, *leaf;
    struct test_certificate files; /* of the certificate, with the authority behind it */
};

static inline X509 *test_responder_issue(const struct test_responder *responder, EVP_PKEY *key,
                                         const char *name, int extension, const char *value)
{
    X509 *made = X509_new();
    X509_EXTENSION *more = X509V3_EXT_conf_nid(NULL, NULL, extension, value);
    ASSERT(made && more);
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 7);
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_time_adj_ex(X509_getm_notAfter(made), 36500, 0, NULL);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(made,
                         X509_get_subject_name(responder->authority ? responder->authority : made));
    X509_set_pubkey(made, key);
    ASSERT(X509_add_ext(made, more, -1) == 1);
    ASSERT(X509_sign(made, responder->key, EVP_sha256()) > 0);
    X509_EXTENSION_free(more);
    return made;
}

/* With a certificate that has that extension. */
static inline void test_responder_init(struct test_responder *responder, int extension,
                                       const char *value)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    *responder = (struct test_responder){.key = EVP_EC_gen("P-256")};
    ASSERT(key && responder->key);
    responder->authority = test_responder_issue(responder, responder->key, "authority",
                                                NID_basic_constraints, "CA:TRUE");
    responder->leaf = test_responder_issue(responder, key, "site", extension, value);
    BIO *chain = BIO_new(BIO_s_mem()), *key_bytes = BIO_new(BIO_s_mem());
    ASSERT(PEM_write_bio_X509(chain, responder->leaf) == 1);
    ASSERT(PEM_write_bio_X509(chain, responder->authority) == 1);
    ASSERT(PEM_write_bio_PrivateKey(key_bytes, key, NULL, NULL, 0, NULL, NULL) == 1);
    test_certificate_print(chain, responder->files.chain, sizeof(responder->files.chain));
    test_certificate_print(key_bytes, responder->files.key, sizeof(responder->files.key));
    EVP_PKEY_free(key);
}

static inline void test_responder_fini(struct test_responder *responder)
{
    X509_free(responder->leaf);
    X509_free(responder->authority);
    EVP_PKEY_free(responder->key);
}

/* The certificate as it is served; the caller has one reference. */
static inline struct tls_certificate *
test_responder_certificate(const struct test_responder *responder)
{
    struct tls_certificate *certificate = NULL;
    ASSERT(tls_certificate_new(slice_from_text(responder->files.chain),
                               slice_from_text(responder->files.key), &(struct tls_reading){0},
                               &certificate) == TLS_CERTIFICATE_GOOD);
    return certificate;
}

enum { TEST_ANSWER_MAX = 4096 };

/* What is said, V_OCSP_CERTSTATUS_GOOD or another, from and until so many seconds since 1970
 * (`ends` 0: no end), into memory of TEST_ANSWER_MAX bytes. */
static inline struct slice test_responder_answer(const struct test_responder *responder, int status,
                                                 int64_t begins, int64_t ends, char *memory)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), responder->leaf, responder->authority);
    ASN1_TIME *from = ASN1_GENERALIZEDTIME_set(NULL, (time_t)begins);
    ASN1_TIME *until = ends ? ASN1_GENERALIZEDTIME_set(NULL, (time_t)ends) : NULL;
    bool is_revoked = status == V_OCSP_CERTSTATUS_REVOKED;
    ASSERT(basic && id && from);
    ASSERT(OCSP_basic_add1_status(basic, id, status, OCSP_REVOKED_STATUS_NOSTATUS,
                                  is_revoked ? from : NULL, from, until));
    ASSERT(OCSP_basic_sign(basic, responder->authority, responder->key, EVP_sha256(), NULL, 0) ==
           1);
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    unsigned char *at = (unsigned char *)memory;
    int length = i2d_OCSP_RESPONSE(response, NULL);
    ASSERT(length > 0 && length <= TEST_ANSWER_MAX && i2d_OCSP_RESPONSE(response, &at) == length);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return slice_of(memory, (size_t)length);
}
