#include "tls/tls_staple.h"

#include "tls/tls_responder.h"
#include "tls/tls_staple_int.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/tls1.h>
#include <openssl/x509v3.h>

enum { CLOCK_SKEW = 300 }; /* seconds by which the responder's may be ahead */

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

/* When an answer begins and ends to hold, in seconds since 1970; 0: it does not say. */
struct holding {
    int64_t begins, ends;
};

/* That it was revoked holds for good, whatever the answer says of its end. */
static enum tls_staple_state judge(OCSP_SINGLERESP *one, int64_t now, struct holding *ret_holding)
{
    ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
    int status = OCSP_single_get0_status(one, NULL, NULL, &from, &until);
    *ret_holding = (struct holding){.begins = from ? tls_seconds_of(from) : 0,
                                    .ends = until ? tls_seconds_of(until) : 0};
    if (status != V_OCSP_CERTSTATUS_GOOD)
        return status == V_OCSP_CERTSTATUS_REVOKED ? TLS_STAPLE_REVOKED : TLS_STAPLE_UNKNOWN;
    if (!until)
        return TLS_STAPLE_ENDLESS;
    bool holds = from && ret_holding->begins <= now + CLOCK_SKEW && ret_holding->ends > now;
    return holds ? TLS_STAPLE_GOOD : TLS_STAPLE_STALE;
}

static enum tls_staple_state read_basic(OCSP_BASICRESP *basic, const struct tls_objects *objects,
                                        int64_t now, struct holding *ret_holding)
{
    X509 *signer = sk_X509_value(objects->chain, 0);
    OCSP_SINGLERESP *one = find(basic, objects->leaf, signer);
    if (!one)
        return TLS_STAPLE_OTHER;
    return is_signed(basic, signer, objects->chain) ? judge(one, now, ret_holding)
                                                    : TLS_STAPLE_UNSIGNED;
}

static enum tls_staple_state read_answer(struct slice answer, const struct tls_objects *objects,
                                         int64_t now, struct holding *ret_holding)
{
    const unsigned char *rest = (const unsigned char *)answer.data;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &rest, (long)answer.length);
    if (!response || rest != (const unsigned char *)answer.data + answer.length) {
        OCSP_RESPONSE_free(response);
        return TLS_STAPLE_BROKEN;
    }
    bool says_something = OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
    OCSP_BASICRESP *basic = says_something ? OCSP_response_get1_basic(response) : NULL;
    enum tls_staple_state state = basic            ? read_basic(basic, objects, now, ret_holding)
                                  : says_something ? TLS_STAPLE_BROKEN
                                                   : TLS_STAPLE_REFUSED;
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return state;
}

/* ---- what comes of it */

/* The one of a certificate; made where it has none. NULL: no memory. */
static struct tls_staple *staple_for(X509 *leaf)
{
    struct tls_staple *staple = tls_staple_of(leaf);
    if (staple)
        return staple;
    staple = tls_staple_new();
    return staple && tls_staple_attach(leaf, staple) ? staple : NULL;
}

/* One that is older than what came before may have been kept back by whoever stands in between, who
 * must not be able to take back what is known. */
static enum tls_staple_state take(X509 *leaf, enum tls_staple_state state, struct slice answer,
                                  const struct holding *holding)
{
    bool is_good = state == TLS_STAPLE_GOOD;
    struct tls_staple *staple = staple_for(leaf);
    if (!staple)
        return is_good ? TLS_STAPLE_NO_MEMORY : state;
    if (holding->begins < tls_staple_begins(staple))
        return TLS_STAPLE_OLDER;
    bool is_set = tls_staple_set(staple, is_good ? answer : SLICE(""), holding->begins,
                                 is_good ? holding->ends : 0);
    return is_set ? state : TLS_STAPLE_NO_MEMORY;
}

enum tls_staple_state tls_certificate_staple(const struct tls_certificate *certificate,
                                             struct slice answer, int64_t now)
{
    struct holding holding = {0};
    if (!tls_certificate_has_signer(certificate))
        return TLS_STAPLE_NO_SIGNER;
    enum tls_staple_state state = read_answer(answer, &certificate->objects, now, &holding);
    if (state == TLS_STAPLE_GOOD || state == TLS_STAPLE_REVOKED)
        state = take(certificate->objects.leaf, state, answer, &holding);
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
    [TLS_STAPLE_OLDER] = {"it is older than one that came before", "ask the responder again"},
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
