/* What the library makes of the terms of a context, but for its certificates: versions, ciphers and
 * the like. It takes the library 0.2 ms and 14 KiB, so contexts with the same terms share it. */
#pragma once

#include "tls/tls_context_int.h"

/* What holds for every connection, before its client has named a site, too. False: no memory. */
bool tls_set_common(SSL_CTX *ssl);

/* The lowest version of the terms, or of their profile. */
int tls_least_version(const struct tls_terms *terms);

/* The same for the same terms, clients aside. False: no memory. */
bool tls_terms_digest(const struct tls_terms *terms, unsigned char digest[TLS_DIGEST_SIZE]);

/* By terms, of which clients are left aside; the caller has one reference. The second one may be
 * what was made before for terms of that digest. NULL: no memory. */
SSL_CTX *tls_manners_make(const struct tls_terms *terms);
SSL_CTX *tls_manners_for(struct tls_manners *manners, const struct tls_terms *terms,
                         const unsigned char digest[TLS_DIGEST_SIZE]);
