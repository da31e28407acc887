/* What is shown with a certificate, as it is kept: hung on the library's object, which connections
 * hold. Certificates that are the same may share one; a newer answer in it is then shown with all
 * of them. Counted, with a lock of its own; any thread. */
#pragma once

#include "tls/tls_certificate_int.h"

enum { TLS_STAPLE_NAME_SIZE = 32 };

struct tls_staple {
    unsigned char name[TLS_STAPLE_NAME_SIZE]; /* of shared ones: the certificate's digest */
    atomic_uint references;
    CRYPTO_RWLOCK *lock; /* for what stands below */
    int64_t begins;      /* of the newest answer that was good, or said that it was revoked */
    int64_t ends;        /* of what is shown; 0: nothing is */
    size_t length;
    unsigned char *answer;
};

/* Empty; the caller has one reference. NULL: no memory. */
struct tls_staple *tls_staple_new(void);
struct tls_staple *tls_staple_ref(struct tls_staple *staple);
void tls_staple_unref(struct tls_staple *staple); /* NULL is accepted */

/* Hangs it on a certificate that has none and that nobody is served with yet; takes over the
 * reference. False: no memory, and it is gone. */
bool tls_staple_attach(X509 *leaf, struct tls_staple *staple);

/* The one that hangs there; NULL: none. */
struct tls_staple *tls_staple_of(const X509 *leaf);

/* What is shown from now on, from and until so many seconds since 1970, in the place of what was
 * shown before. Without an answer: nothing. False: no memory, and nothing has changed. */
bool tls_staple_set(struct tls_staple *staple, struct slice answer, int64_t begins, int64_t ends);

/* When the newest answer begins to hold; 0: there was none. */
int64_t tls_staple_begins(struct tls_staple *staple);
