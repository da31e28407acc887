/* The responder that a certificate names for questions whether it has been revoked, and the
 * question (OCSP, RFC 6960). What it answers goes to tls_certificate_staple. */
#pragma once

#include "tls/tls_certificate.h"

enum {
    TLS_RESPONDER_MAX = 1024, /* bytes of an address; longer ones are passed over */
    TLS_QUESTION_MAX = 1024,  /* bytes in DER; some 80 are usual */
    TLS_QUESTION_TEXT_MAX = 3 * (TLS_QUESTION_MAX / 3 + 1) * 4,
};

/* The first address over plain HTTP under which the certificate says that somebody can be asked
 * (RFC 5280 4.2.2.1). False: it names none. */
bool tls_certificate_responder(const struct tls_certificate *certificate, struct text *ret_url);

/* Whether it is known who signed it; without that nobody can ask. */
bool tls_certificate_has_signer(const struct tls_certificate *certificate);

/* The question about it in DER, as many responders want it (RFC 5019 2.1): about one certificate,
 * by SHA-1, unsigned, and without a number that would keep answers from being made before. False:
 * nobody knows who signed it, or no memory. */
bool tls_certificate_question(const struct tls_certificate *certificate, struct text *ret_question);

/* The same as a part of a path: in base64, with `+`, `/` and `=` escaped (RFC 6960 A.1). */
void tls_question_print(struct text *text, struct slice question);
