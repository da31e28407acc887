#include "tls/tls_key_reader.h"

#include "tls/tls_certificate_int.h"

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct tls_key_reader {
    OSSL_DECODER_CTX *decoder; /* NULL: not made yet, or not fit for use any more */
    EVP_PKEY *key;             /* where it puts what it has read */
};

struct tls_key_reader *tls_key_reader_new(void)
{
    return calloc(1, sizeof(struct tls_key_reader));
}

void tls_key_reader_free(struct tls_key_reader *reader)
{
    if (!reader)
        return;
    OSSL_DECODER_CTX_free(reader->decoder);
    free(reader);
}

/* Nobody is asked for the password of a key. */
static int no_password(char *memory, int size, int is_writing, void *unused)
{
    (void)memory, (void)size, (void)is_writing, (void)unused;
    return -1;
}

static bool prepare(struct tls_key_reader *reader)
{
    if (reader->decoder)
        return true;
    reader->decoder = OSSL_DECODER_CTX_new_for_pkey(&reader->key, "PEM", NULL, NULL,
                                                    EVP_PKEY_KEYPAIR, NULL, NULL);
    return reader->decoder &&
           OSSL_DECODER_CTX_set_pem_password_cb(reader->decoder, no_password, NULL) == 1;
}

/* From where a private key begins; empty: nowhere. A certificate may stand before it, or the
 * parameters of its curve. */
static struct slice key_in(struct slice bytes)
{
    static const struct slice begin = {"-----BEGIN ", 11}, key = {"PRIVATE KEY-----", 16};
    while (bytes.length > 0) {
        const char *found = memmem(bytes.data, bytes.length, begin.data, begin.length);
        if (!found)
            break;
        bytes = slice_from(bytes, (size_t)(found - bytes.data));
        struct slice line = slice_until(bytes, slice_find(bytes, '\n'));
        if (memmem(line.data, line.length, key.data, key.length))
            return bytes;
        bytes = slice_from(bytes, begin.length);
    }
    return SLICE("");
}

struct evp_pkey_st *tls_key_reader_read(struct tls_key_reader *reader, struct slice bytes)
{
    BIO *bio = tls_pem_open(key_in(bytes));
    reader->key = NULL;
    bool good = bio && prepare(reader) && OSSL_DECODER_from_bio(reader->decoder, bio) == 1;
    EVP_PKEY *key = reader->key;
    reader->key = NULL;
    BIO_free(bio);
    ERR_clear_error();
    if (good && key)
        return key;
    /* What a failure leaves behind in it is nobody's business. */
    EVP_PKEY_free(key);
    OSSL_DECODER_CTX_free(reader->decoder);
    reader->decoder = NULL;
    return NULL;
}
