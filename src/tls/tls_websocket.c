#include "tls/tls_websocket.h"

#include "base/assert.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

enum { SECRET = 16, SHA1_SIZE = 20 };

/* The library ends what it writes with a byte of zero. */
static void print(const unsigned char *bytes, int count, char *ret_text, size_t length)
{
    unsigned char text[TLS_WEBSOCKET_ACCEPT + 1];
    int written = EVP_EncodeBlock(text, bytes, count);
    ASSERT(written == (int)length && length < sizeof(text));
    memcpy(ret_text, text, length);
}

bool tls_websocket_make_key(char ret_key[TLS_WEBSOCKET_KEY])
{
    unsigned char secret[SECRET];
    if (RAND_bytes(secret, sizeof(secret)) != 1)
        return false;
    print(secret, sizeof(secret), ret_key, TLS_WEBSOCKET_KEY);
    return true;
}

/* SHA-1 protects nothing here; the protocol wants it (RFC 6455 10.8). */
bool tls_websocket_accept(struct slice key, char ret_accept[TLS_WEBSOCKET_ACCEPT])
{
    const struct slice of_protocol = SLICE("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestInit_ex(context, EVP_sha1(), NULL) == 1 &&
                EVP_DigestUpdate(context, key.data, key.length) == 1 &&
                EVP_DigestUpdate(context, of_protocol.data, of_protocol.length) == 1 &&
                EVP_DigestFinal_ex(context, hash, &length) == 1 && length == SHA1_SIZE;
    EVP_MD_CTX_free(context);
    if (good)
        print(hash, SHA1_SIZE, ret_accept, TLS_WEBSOCKET_ACCEPT);
    return good;
}
