/* What a maker makes, for tls_quick.c. */
#pragma once

#include "tls/tls_certificate_int.h"
#include "tls/tls_maker.h"
#include "tls/tls_outline.h"

/* From a certificate in DER, its outline and `secret` (tls_outline_fits), and from those that
 * signed it, one behind the other. The objects are the caller's. False: the library finds fault
 * with one, or no memory. */
bool tls_maker_make(struct tls_maker *maker, const struct tls_outline *outline, struct slice leaf,
                    struct slice chain, struct slice secret, struct tls_objects *ret_objects);
