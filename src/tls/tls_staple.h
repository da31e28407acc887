/* What the responder of an authority says of a certificate (OCSP, RFC 6960), shown to clients with
 * it (RFC 6066 8, RFC 8446 4.4.2.1), so that they need not ask. */
#pragma once

#include "tls/tls_certificate.h"

enum tls_staple_state {
    TLS_STAPLE_GOOD,
    TLS_STAPLE_BROKEN,    /* it is no answer of a responder */
    TLS_STAPLE_REFUSED,   /* it is one that says nothing */
    TLS_STAPLE_NO_SIGNER, /* nobody knows who signed the certificate */
    TLS_STAPLE_OTHER,     /* it says nothing of the certificate */
    TLS_STAPLE_UNSIGNED,  /* who may speak for its authority has not signed it */
    TLS_STAPLE_REVOKED,   /* the certificate was revoked */
    TLS_STAPLE_UNKNOWN,   /* the responder does not know the certificate */
    TLS_STAPLE_ENDLESS,   /* it does not say until when it holds */
    TLS_STAPLE_STALE,     /* it holds no longer, or not yet */
    TLS_STAPLE_OLDER,     /* than one that was taken before */
    TLS_STAPLE_NO_MEMORY,
    TLS_STAPLE_STATES
};

/* What is wrong, about the answer, and what would be right. */
const char *tls_staple_problem(enum tls_staple_state state);
const char *tls_staple_cure(enum tls_staple_state state);

/* Has the answer, in DER, shown with the certificate as long as it holds, in the place of what was
 * shown before; `now` in seconds since 1970. REVOKED: nothing is shown with it any more. Another
 * state: what was shown before goes on to be. One thread; for a certificate whose answers are not
 * fetched (struct tls_reading) before anybody is served with it. */
enum tls_staple_state tls_certificate_staple(const struct tls_certificate *certificate,
                                             struct slice answer, int64_t now);

/* Until when something is shown with it: seconds since 1970; 0: nothing is. Any thread. */
int64_t tls_certificate_staple_ends(const struct tls_certificate *certificate);

/* Whether it says that clients shall not take it without an answer (RFC 7633). */
bool tls_certificate_must_staple(const struct tls_certificate *certificate);
