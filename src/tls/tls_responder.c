#include "tls/tls_responder.h"

#include "tls/tls_certificate_int.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

/* ---- who is asked */

static bool is_visible(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    }
    return true;
}

/* A name ends at its NUL, so that none can stand inside. */
static bool is_plain_http(struct slice url)
{
    const struct slice scheme = SLICE("http://");
    return url.length > scheme.length && url.length <= TLS_RESPONDER_MAX && is_visible(url) &&
           slice_equal_fold(slice_until(url, scheme.length), scheme);
}

bool tls_certificate_responder(const struct tls_certificate *certificate, struct text *ret_url)
{
    bool found = false;
    STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(certificate->objects.leaf);
    for (int i = 0; !found && i < sk_OPENSSL_STRING_num(urls); i++) {
        struct slice url = slice_from_text(sk_OPENSSL_STRING_value(urls, i));
        found = is_plain_http(url);
        if (found)
            text_add(ret_url, url);
    }
    X509_email_free(urls);
    ERR_clear_error();
    return found && !text_is_cut(ret_url);
}

bool tls_certificate_has_signer(const struct tls_certificate *certificate)
{
    return sk_X509_num(certificate->objects.chain) > 0;
}

/* ---- what is asked */

/* Takes over the identity. */
static bool write_question(OCSP_CERTID *id, struct text *ret_question)
{
    unsigned char *bytes = NULL;
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    bool is_added = request && OCSP_request_add0_id(request, id);
    int length = is_added ? i2d_OCSP_REQUEST(request, &bytes) : -1;
    if (!is_added)
        OCSP_CERTID_free(id);
    if (length > 0)
        text_add(ret_question, slice_of((const char *)bytes, (size_t)length));
    OPENSSL_free(bytes);
    OCSP_REQUEST_free(request);
    return length > 0 && !text_is_cut(ret_question);
}

bool tls_certificate_question(const struct tls_certificate *certificate, struct text *ret_question)
{
    const struct tls_objects *objects = &certificate->objects;
    OCSP_CERTID *id =
        tls_certificate_has_signer(certificate)
            ? OCSP_cert_to_id(EVP_sha1(), objects->leaf, sk_X509_value(objects->chain, 0))
            : NULL;
    bool good = id && write_question(id, ret_question);
    ERR_clear_error();
    return good;
}

void tls_question_print(struct text *text, struct slice question)
{
    enum { GROUP = 3 };
    for (struct slice rest = question; rest.length > 0; rest = slice_from(rest, GROUP)) {
        unsigned char digits[5];
        struct slice group = slice_until(rest, GROUP);
        int count = EVP_EncodeBlock(digits, (const unsigned char *)group.data, (int)group.length);
        for (int i = 0; i < count; i++) {
            if (digits[i] == '+' || digits[i] == '/' || digits[i] == '=')
                text_print(text, "%%%02X", digits[i]);
            else
                text_add_byte(text, (char)digits[i]);
        }
    }
}
