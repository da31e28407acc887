/* Bytes as a certificate in DER: what is read of it without the library is what the library reads,
 * where that reads it at all. Bytes as PEM: whatever they are, what is found lies within them. */
#include "base/assert.h"
#include "tls/tls_certificate_int.h"
#include "tls/tls_outline.h"
#include "tls/tls_pem.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice names_of(X509 *leaf)
{
    int at = X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1);
    if (at < 0)
        return SLICE("");
    const ASN1_OCTET_STRING *text = X509_EXTENSION_get_data(X509_get_ext(leaf, at));
    return slice_of((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
}

static void check_outline(const struct tls_outline *outline, const uint8_t *data, size_t size)
{
    const unsigned char *at = data;
    X509 *leaf = d2i_X509(NULL, &at, (long)size);
    struct slice names = SLICE("");
    if (leaf) {
        ASSERT(at == data + size);
        ASSERT(outline->begins == tls_seconds_of(X509_get0_notBefore(leaf)));
        ASSERT(outline->ends == tls_seconds_of(X509_get0_notAfter(leaf)));
        names = names_of(leaf);
        ASSERT(outline->names.length == 0 || slice_ends_with(names, outline->names));
    }
    X509_free(leaf);
    ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tls_outline outline;
    struct slice rest = slice_of((const char *)data, size), label, bytes, secret;
    if (tls_outline_read(rest, &outline)) {
        check_outline(&outline, data, size);
        (void)tls_outline_fits(&outline, SLICE("PRIVATE KEY"), rest, &secret);
    }
    char *memory = malloc(size + 1);
    ASSERT(memory);
    struct text text = text_over(memory, size);
    while (tls_pem_next(&rest, &text, &label, &bytes) == TLS_PEM_BLOCK) {
        ASSERT(label.data > (const char *)data && label.length < size);
        (void)tls_outline_read(bytes, &outline);
    }
    ASSERT(!text_is_cut(&text));
    free(memory);
    return 0;
}
