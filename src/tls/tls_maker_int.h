/* What a maker makes, for tls_quick.c. */
#pragma once

#include "tls/tls_certificate_int.h"
#include "tls/tls_maker.h"
#include "tls/tls_outline.h"
#include "tls/tls_staple_int.h"

/* By what the files of a certificate and of its key are known, and whether what is said of it is
 * fetched. False: no memory. */
bool tls_maker_know(struct slice chain, struct slice key, bool is_fetched,
                    unsigned char source[TLS_SOURCE_SIZE]);

/* What was made of these files before, for which the caller gets a reference. NULL: nothing. */
struct tls_certificate *tls_maker_find(const struct tls_maker *maker,
                                       const unsigned char source[TLS_SOURCE_SIZE]);

/* Holds one that was made of the files that are known so, as far as there is memory. */
void tls_maker_keep(struct tls_maker *maker, struct tls_certificate *certificate,
                    const unsigned char source[TLS_SOURCE_SIZE]);

/* The staple of certificates with that digest, which they share over reloads; the caller gets a
 * reference. NULL: no memory. */
struct tls_staple *tls_maker_staple(struct tls_maker *maker,
                                    const unsigned char digest[TLS_STAPLE_NAME_SIZE]);

/* From a certificate in DER, its outline and `secret` (tls_outline_fits), and from those that
 * signed it, one behind the other. The objects are the caller's. False: the library finds fault
 * with one, or no memory. */
bool tls_maker_make(struct tls_maker *maker, const struct tls_outline *outline, struct slice leaf,
                    struct slice chain, struct slice secret, struct tls_objects *ret_objects);
