/* Keyed hashes (HMAC-SHA256, RFC 2104): who lacks the key can neither make one nor tell what it was
 * made of. Any thread. */
#pragma once

#include "base/slice.h"

enum { TLS_MAC_SIZE = 32 };

struct tls_mac {
    unsigned char bytes[TLS_MAC_SIZE];
};

/* Of `bytes`, under a key that is a keyed hash itself, or random. False: the library failed. */
bool tls_mac_make(const struct tls_mac *key, struct slice bytes, struct tls_mac *ret_mac);

/* A key made of a secret of any length (RFC 5869 2.2, without salt). False: the library failed. */
bool tls_mac_key(struct slice secret, struct tls_mac *ret_key);

/* Compares what is of the same length in the same time, wherever it differs. */
bool tls_mac_equal(struct slice one, struct slice other);
