/* Certificates that are usual, read fast: files in PEM are turned into DER, of which an outline
 * tells what they are, so that the library needs not find out. */
#include "tls/tls_certificate_int.h"
#include "tls/tls_der.h"
#include "tls/tls_maker_int.h"
#include "tls/tls_outline.h"
#include "tls/tls_pem.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* What stands in the files, in DER. */
struct found {
    struct slice leaf, chain;
    struct slice label, key; /* how it stood in PEM */
};

/* As the library finds it: what other blocks there are is passed over, but for those that it would
 * take for a certificate, too. */
static bool read_chain(struct slice text, struct text *memory, struct found *there)
{
    struct slice label, bytes;
    enum tls_pem found;
    for (int count = 0; (found = tls_pem_next(&text, memory, &label, &bytes)) == TLS_PEM_BLOCK;) {
        if (!slice_ends_with(label, SLICE("CERTIFICATE"))) {
            memory->length -= bytes.length;
            continue;
        }
        if (label.length != SLICE("CERTIFICATE").length || count > TLS_CHAIN_MAX)
            return false;
        if (count++ == 0)
            there->leaf = bytes;
        else
            there->chain = slice_of(count == 2 ? bytes.data : there->chain.data,
                                    count == 2 ? bytes.length : there->chain.length + bytes.length);
    }
    return found == TLS_PEM_END && there->leaf.length > 0;
}

/* The first one that is a private key. */
static bool read_key(struct slice text, struct text *memory, struct found *there)
{
    while (tls_pem_next(&text, memory, &there->label, &there->key) == TLS_PEM_BLOCK) {
        if (slice_ends_with(there->label, SLICE("PRIVATE KEY")))
            return true;
        memory->length -= there->key.length;
    }
    return false;
}

/* All that signed it are strong, too. */
static bool is_usual_chain(struct slice chain)
{
    struct der_item one;
    struct tls_outline outline;
    while (tls_der_next(&chain, &one)) {
        if (!tls_outline_read(one.whole, &outline))
            return false;
    }
    return chain.length == 0;
}

static bool read_all(struct tls_certificate *certificate, const struct found *found,
                     struct tls_maker *maker)
{
    struct tls_outline outline;
    struct slice secret;
    unsigned length = 0;
    if (!tls_outline_read(found->leaf, &outline) || !is_usual_chain(found->chain) ||
        !tls_outline_fits(&outline, found->label, found->key, &secret) ||
        EVP_Digest(found->leaf.data, found->leaf.length, certificate->digest, &length, EVP_sha256(),
                   NULL) != 1 ||
        !tls_maker_make(maker, &outline, found->leaf, found->chain, secret, &certificate->objects))
        return false;
    certificate->key_kind = outline.curve.length > 0 ? TLS_KEY_EC : TLS_KEY_RSA;
    certificate->begins = outline.begins;
    certificate->ends = outline.ends;
    certificate->names = tls_names_in(certificate->objects.leaf);
    return true;
}

bool tls_certificate_read_quickly(struct tls_certificate *certificate, struct slice chain,
                                  struct slice key, struct tls_maker *maker)
{
    size_t size = chain.length + key.length;
    char *scratch = malloc(size + 1);
    struct found found = {0};
    if (!scratch)
        return false;
    struct text memory = text_over(scratch, size);
    bool good = read_chain(chain, &memory, &found) && read_key(key, &memory, &found) &&
                read_all(certificate, &found, maker);
    slice_cleanse(slice_of(scratch, size));
    free(scratch);
    return good;
}
