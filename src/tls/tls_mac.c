#include "tls/tls_mac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

bool tls_mac_make(const struct tls_mac *key, struct slice bytes, struct tls_mac *ret_mac)
{
    unsigned length = 0;
    const unsigned char *data = (const unsigned char *)bytes.data;
    return HMAC(EVP_sha256(), key->bytes, sizeof(key->bytes), data, bytes.length, ret_mac->bytes,
                &length) &&
           length == sizeof(ret_mac->bytes);
}

bool tls_mac_key(struct slice secret, struct tls_mac *ret_key)
{
    static const struct tls_mac no_salt;
    return tls_mac_make(&no_salt, secret, ret_key);
}

bool tls_mac_equal(struct slice one, struct slice other)
{
    return one.length == other.length && CRYPTO_memcmp(one.data, other.data, one.length) == 0;
}
