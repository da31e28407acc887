/* Who signs certificates that are accepted, with the lists of those that were revoked. Immutable
 * once it is made; any thread. */
#pragma once

#include "tls/tls_certificate.h"

struct tls_authorities;

/* From PEM; what else stands in the bytes is passed over. GOOD, NONE, BROKEN or NO_MEMORY. */
enum tls_certificate_state tls_authorities_new(struct slice bytes,
                                               struct tls_authorities **ret_authorities);
void tls_authorities_free(struct tls_authorities *authorities);

/* When the one of them begins and ends to hold that ends last: seconds since 1970. */
void tls_authorities_times(const struct tls_authorities *authorities, int64_t *ret_begins,
                           int64_t *ret_ends);

/* Lists of certificates that they have revoked (RFC 5280 5), from PEM. From then on no certificate
 * is accepted of an authority of which there is none. GOOD, NONE, BROKEN or NO_MEMORY. Before
 * anything uses them. */
enum tls_certificate_state tls_authorities_revoke(struct tls_authorities *authorities,
                                                  struct slice bytes);

/* When the first of the lists ceases to hold, and nobody is accepted any more, and when that one
 * was made: seconds since 1970; INT64_MAX: none says. */
void tls_authorities_list_times(const struct tls_authorities *authorities, int64_t *ret_begins,
                                int64_t *ret_ends);
