#include "tls/tls_staple.h"

#include "tls/tls_certificate_int.h"
#include "tls/tls_context_int.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <string.h>

enum { CLOCK_SKEW = 300 }; /* seconds by which the responder's may be ahead */

/* What is shown, as the certificate of the library holds it: connections hold that. */
struct staple {
    int64_t ends;
    size_t length;
    unsigned char bytes[];
};

/* ---- where it is kept */

/* Among what the library lets us hang on a certificate; loops may ask before there is one. */
static atomic_int place = -1;
static CRYPTO_ONCE place_once = CRYPTO_ONCE_STATIC_INIT;

static void free_staple(void *parent, void *staple, CRYPTO_EX_DATA *data, int index, long number,
                        void *pointer)
{
    (void)parent, (void)data, (void)index, (void)number, (void)pointer;
    OPENSSL_free(staple);
}

static void take_place(void)
{
    place = X509_get_ex_new_index(0, NULL, NULL, NULL, free_staple);
}

static bool keep(X509 *leaf, struct slice answer, int64_t ends)
{
    struct staple *staple = CRYPTO_THREAD_run_once(&place_once, take_place) == 1 && place >= 0
                                ? OPENSSL_malloc(sizeof(*staple) + answer.length)
                                : NULL;
    if (!staple)
        return false;
    staple->ends = ends;
    staple->length = answer.length;
    memcpy(staple->bytes, answer.data, answer.length);
    if (X509_set_ex_data(leaf, place, staple) == 1)
        return true;
    OPENSSL_free(staple);
    return false;
}

static const struct staple *staple_of(const X509 *leaf)
{
    return leaf && place >= 0 ? X509_get_ex_data(leaf, place) : NULL;
}

int64_t tls_certificate_staple_ends(const struct tls_certificate *certificate)
{
    const struct staple *staple = staple_of(certificate->objects.leaf);
    return staple ? staple->ends : 0;
}

bool tls_show_staple(SSL *ssl, int64_t now)
{
    const struct staple *staple = staple_of(SSL_get_certificate(ssl));
    if (!staple || staple->ends <= now)
        return false;
    unsigned char *copy = OPENSSL_memdup(staple->bytes, staple->length);
    if (copy && SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)staple->length) == 1)
        return true;
    OPENSSL_free(copy);
    return false;
}

/* ---- what it says */

/* Who has signed it is the authority, or somebody to whom the authority has given the right (RFC
 * 6960 4.2.2.2). */
static bool is_signed(OCSP_BASICRESP *basic, X509 *signer, STACK_OF(X509) * chain)
{
    X509_STORE *store = X509_STORE_new();
    bool good = store && X509_STORE_add_cert(store, signer) == 1 &&
                X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
                OCSP_basic_verify(basic, chain, store, 0) == 1;
    X509_STORE_free(store);
    return good;
}

/* Whether it is about the certificate; the answer says by which digest it names it. */
static bool is_about(const OCSP_CERTID *id, X509 *leaf, X509 *signer)
{
    ASN1_OBJECT *algorithm = NULL;
    if (OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, (OCSP_CERTID *)(uintptr_t)id) != 1)
        return false;
    const EVP_MD *digest = EVP_get_digestbyobj(algorithm);
    OCSP_CERTID *its = digest ? OCSP_cert_to_id(digest, leaf, signer) : NULL;
    bool same = its && OCSP_id_cmp(its, id) == 0;
    OCSP_CERTID_free(its);
    return same;
}

static OCSP_SINGLERESP *find(OCSP_BASICRESP *basic, X509 *leaf, X509 *signer)
{
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *one = OCSP_resp_get0(basic, i);
        if (is_about(OCSP_SINGLERESP_get0_id(one), leaf, signer))
            return one;
    }
    return NULL;
}

static enum tls_staple_state judge(OCSP_SINGLERESP *one, int64_t now, int64_t *ret_ends)
{
    ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
    int status = OCSP_single_get0_status(one, NULL, NULL, &from, &until);
    if (status != V_OCSP_CERTSTATUS_GOOD)
        return status == V_OCSP_CERTSTATUS_REVOKED ? TLS_STAPLE_REVOKED : TLS_STAPLE_UNKNOWN;
    if (!until)
        return TLS_STAPLE_ENDLESS;
    *ret_ends = tls_seconds_of(until);
    bool holds = from && tls_seconds_of(from) <= now + CLOCK_SKEW && *ret_ends > now;
    return holds ? TLS_STAPLE_GOOD : TLS_STAPLE_STALE;
}

static enum tls_staple_state read_basic(OCSP_BASICRESP *basic, const struct tls_objects *objects,
                                        int64_t now, int64_t *ret_ends)
{
    X509 *signer = sk_X509_value(objects->chain, 0);
    OCSP_SINGLERESP *one = find(basic, objects->leaf, signer);
    if (!one)
        return TLS_STAPLE_OTHER;
    return is_signed(basic, signer, objects->chain) ? judge(one, now, ret_ends)
                                                    : TLS_STAPLE_UNSIGNED;
}

static enum tls_staple_state read_answer(struct slice answer, const struct tls_objects *objects,
                                         int64_t now, int64_t *ret_ends)
{
    const unsigned char *rest = (const unsigned char *)answer.data;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &rest, (long)answer.length);
    if (!response || rest != (const unsigned char *)answer.data + answer.length) {
        OCSP_RESPONSE_free(response);
        return TLS_STAPLE_BROKEN;
    }
    bool says_something = OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
    OCSP_BASICRESP *basic = says_something ? OCSP_response_get1_basic(response) : NULL;
    enum tls_staple_state state = basic            ? read_basic(basic, objects, now, ret_ends)
                                  : says_something ? TLS_STAPLE_BROKEN
                                                   : TLS_STAPLE_REFUSED;
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return state;
}

enum tls_staple_state tls_certificate_staple(const struct tls_certificate *certificate,
                                             struct slice answer, int64_t now)
{
    int64_t ends = 0;
    if (sk_X509_num(certificate->objects.chain) < 1)
        return TLS_STAPLE_NO_SIGNER;
    enum tls_staple_state state = read_answer(answer, &certificate->objects, now, &ends);
    if (state == TLS_STAPLE_GOOD && !keep(certificate->objects.leaf, answer, ends))
        state = TLS_STAPLE_NO_MEMORY;
    ERR_clear_error();
    return state;
}

bool tls_certificate_must_staple(const struct tls_certificate *certificate)
{
    TLS_FEATURE *features = X509_get_ext_d2i(certificate->objects.leaf, NID_tlsfeature, NULL, NULL);
    bool must = false;
    for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
        must |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == TLSEXT_TYPE_status_request;
    TLS_FEATURE_free(features);
    ERR_clear_error();
    return must;
}

/* ---- words */

static const struct {
    const char *problem, *cure;
} words[TLS_STAPLE_STATES] = {
    [TLS_STAPLE_GOOD] = {"it is good", NULL},
    [TLS_STAPLE_BROKEN] = {"it is no answer of an OCSP responder in DER",
                           "get one: \"openssl ocsp -issuer SIGNER.pem -cert CERTIFICATE.pem -url "
                           "URL -respout FILE\""},
    [TLS_STAPLE_REFUSED] = {"the responder says nothing in it", "ask the responder again"},
    [TLS_STAPLE_NO_SIGNER] = {"the file of the certificate does not tell who signed it",
                              "put the certificate of its authority behind it, into its file"},
    [TLS_STAPLE_OTHER] = {"it says nothing of the certificate",
                          "get one for this certificate; a new certificate takes a new one"},
    [TLS_STAPLE_UNSIGNED] = {"nobody who may speak for the authority of the certificate has signed "
                             "it",
                             "ask the responder that the certificate names: \"openssl x509 -noout "
                             "-ocsp_uri -in FILE\""},
    [TLS_STAPLE_REVOKED] = {"the certificate was revoked", "get a new certificate"},
    [TLS_STAPLE_UNKNOWN] = {"the responder does not know the certificate",
                            "ask the responder that the certificate names: \"openssl x509 -noout "
                            "-ocsp_uri -in FILE\""},
    [TLS_STAPLE_ENDLESS] = {"it does not say until when it holds",
                            "have the responder say it (nextUpdate; \"openssl ocsp -ndays 7\")"},
    [TLS_STAPLE_STALE] = {"it does not hold now",
                          "get a new one, and look at the clock of this host"},
    [TLS_STAPLE_NO_MEMORY] = {"there is no memory for it", NULL},
};

const char *tls_staple_problem(enum tls_staple_state state)
{
    return words[state].problem;
}

const char *tls_staple_cure(enum tls_staple_state state)
{
    return words[state].cure;
}
