/* What there is to know of a certificate before it is served, read without the library, which takes
 * a hundred times as long to make its objects of it. Only what is usual is understood: keys of RSA
 * and ECDSA over the curves of NIST, signatures with SHA-2, of which all are strong enough to be
 * served. The rest is left to the library, which can also tell what is wrong. Pure; any thread. */
#pragma once

#include "base/slice.h"

struct tls_outline {
    int64_t begins, ends;    /* seconds since 1970 */
    struct slice names;      /* GeneralNames of RFC 5280 4.2.1.6, in DER; empty: there are none */
    struct slice curve;      /* the object identifier; empty: the key is one of RSA */
    struct slice public_key; /* a point of the curve, or RSAPublicKey (RFC 8017 A.1.1) */
};

/* From a certificate in DER, into which the outline points. False: it is not a usual one. */
bool tls_outline_read(struct slice certificate, struct tls_outline *ret_outline);

/* Whether that is its private key, in DER; `label` is how it stood in PEM. `*ret_secret` points
 * into it: the number of a key of ECDSA, or RSAPrivateKey (RFC 8017 A.1.2). False: it is not, or
 * not a usual one. */
bool tls_outline_fits(const struct tls_outline *outline, struct slice label, struct slice key,
                      struct slice *ret_secret);
