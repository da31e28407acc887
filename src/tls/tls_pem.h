/* Text in PEM (RFC 7468) into the bytes that it stands for, as files of certificates and keys have
 * it; what is unusual is left to the library. Pure; any thread. */
#pragma once

#include "base/text.h"

enum tls_pem {
    TLS_PEM_BLOCK,
    TLS_PEM_END, /* there is none any more; what is no block is passed over */
    TLS_PEM_ODD, /* a block that has no end, has fields in front, or is no base64; or no room */
};

/* The next block of `*rest`, which is moved behind it. `*ret_label` is what stands behind BEGIN,
 * such as `CERTIFICATE`; the bytes are added to `memory`, and are `*ret_bytes`. */
enum tls_pem tls_pem_next(struct slice *rest, struct text *memory, struct slice *ret_label,
                          struct slice *ret_bytes);
