/* Certificates that are usual, read without the library: files in PEM are turned into DER, of which
 * an outline tells all that is asked before somebody is served with them. */
#include "tls/tls_certificate_int.h"
#include "tls/tls_der.h"
#include "tls/tls_outline.h"
#include "tls/tls_pem.h"

#include <stdlib.h>

/* As the library finds it: what other blocks there are is passed over, but for those that it would
 * take for a certificate, too. */
static bool read_chain(struct slice text, struct text *memory, struct tls_certificate *certificate)
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
            certificate->leaf = bytes;
        else
            certificate->chain =
                slice_of(count == 2 ? bytes.data : certificate->chain.data,
                         count == 2 ? bytes.length : certificate->chain.length + bytes.length);
    }
    return found == TLS_PEM_END && certificate->leaf.length > 0;
}

/* The first one that is a private key. */
static bool read_key(struct slice text, struct text *memory, struct slice *ret_label,
                     struct slice *ret_key)
{
    while (tls_pem_next(&text, memory, ret_label, ret_key) == TLS_PEM_BLOCK) {
        if (slice_ends_with(*ret_label, SLICE("PRIVATE KEY")))
            return true;
        memory->length -= ret_key->length;
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

static bool read_all(struct tls_certificate *certificate, struct slice chain, struct slice key,
                     struct text *memory)
{
    struct tls_outline outline;
    struct slice label;
    if (!read_chain(chain, memory, certificate) ||
        !read_key(key, memory, &label, &certificate->key) ||
        !tls_outline_read(certificate->leaf, &outline) || !is_usual_chain(certificate->chain) ||
        !tls_outline_fits(&outline, label, certificate->key))
        return false;
    certificate->key_kind = outline.curve.length > 0 ? TLS_KEY_EC : TLS_KEY_RSA;
    certificate->begins = outline.begins;
    certificate->ends = outline.ends;
    certificate->names = outline.names;
    return true;
}

/* What is kept takes no more room than it needs. */
static bool shrink(struct tls_certificate *certificate, struct slice bytes)
{
    char *own = malloc(bytes.length);
    if (!own)
        return false;
    memcpy(own, bytes.data, bytes.length);
    struct slice *const parts[] = {&certificate->leaf, &certificate->chain, &certificate->key,
                                   &certificate->names};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i]->length > 0)
            parts[i]->data = own + (parts[i]->data - bytes.data);
    }
    certificate->bytes = slice_of(own, bytes.length);
    return true;
}

bool tls_certificate_read_quickly(struct tls_certificate *certificate, struct slice chain,
                                  struct slice key)
{
    size_t size = chain.length + key.length;
    char *scratch = malloc(size + 1);
    if (!scratch)
        return false;
    struct text memory = text_over(scratch, size);
    bool good =
        read_all(certificate, chain, key, &memory) && shrink(certificate, text_slice(&memory));
    if (!good)
        certificate->leaf = certificate->chain = certificate->key = certificate->names = SLICE("");
    tls_cleanse(slice_of(scratch, size));
    free(scratch);
    return good;
}
