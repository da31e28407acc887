/* Where what is shown with a certificate is kept, and how it comes to be shown. */
#include "tls/tls_context_int.h"
#include "tls/tls_staple.h"
#include "tls/tls_staple_int.h"

#include "base/assert.h"

#include <stdlib.h>

/* Among what the library lets us hang on a certificate; loops may ask before there is one. */
static atomic_int place = -1;
static CRYPTO_ONCE place_once = CRYPTO_ONCE_STATIC_INIT;

static void let_go(void *parent, void *staple, CRYPTO_EX_DATA *data, int index, long number,
                   void *pointer)
{
    (void)parent, (void)data, (void)index, (void)number, (void)pointer;
    tls_staple_unref(staple);
}

static void take_place(void)
{
    place = X509_get_ex_new_index(0, NULL, NULL, NULL, let_go);
}

/* ---- life */

struct tls_staple *tls_staple_new(void)
{
    struct tls_staple *staple = calloc(1, sizeof(*staple));
    if (!staple)
        return NULL;
    atomic_init(&staple->references, 1);
    staple->lock = CRYPTO_THREAD_lock_new();
    if (staple->lock)
        return staple;
    free(staple);
    return NULL;
}

struct tls_staple *tls_staple_ref(struct tls_staple *staple)
{
    unsigned before = atomic_fetch_add_explicit(&staple->references, 1, memory_order_relaxed);
    ASSERT(before > 0);
    return staple;
}

void tls_staple_unref(struct tls_staple *staple)
{
    if (!staple)
        return;
    unsigned before = atomic_fetch_sub_explicit(&staple->references, 1, memory_order_acq_rel);
    ASSERT(before > 0);
    if (before > 1)
        return;
    CRYPTO_THREAD_lock_free(staple->lock);
    OPENSSL_free(staple->answer);
    free(staple);
}

bool tls_staple_attach(X509 *leaf, struct tls_staple *staple)
{
    if (CRYPTO_THREAD_run_once(&place_once, take_place) == 1 && place >= 0 &&
        X509_set_ex_data(leaf, place, staple) == 1)
        return true;
    tls_staple_unref(staple);
    return false;
}

struct tls_staple *tls_staple_of(const X509 *leaf)
{
    return leaf && place >= 0 ? X509_get_ex_data(leaf, place) : NULL;
}

/* ---- what is in it */

bool tls_staple_set(struct tls_staple *staple, struct slice answer, int64_t begins, int64_t ends)
{
    unsigned char *copy = answer.length > 0 ? OPENSSL_memdup(answer.data, answer.length) : NULL;
    if (answer.length > 0 && !copy)
        return false;
    (void)CRYPTO_THREAD_write_lock(staple->lock);
    unsigned char *before = staple->answer;
    staple->answer = copy;
    staple->length = answer.length;
    staple->begins = begins;
    staple->ends = ends;
    (void)CRYPTO_THREAD_unlock(staple->lock);
    OPENSSL_free(before);
    return true;
}

int64_t tls_staple_begins(struct tls_staple *staple)
{
    (void)CRYPTO_THREAD_read_lock(staple->lock);
    int64_t begins = staple->begins;
    (void)CRYPTO_THREAD_unlock(staple->lock);
    return begins;
}

int64_t tls_certificate_staple_ends(const struct tls_certificate *certificate)
{
    struct tls_staple *staple = tls_staple_of(certificate->objects.leaf);
    if (!staple)
        return 0;
    (void)CRYPTO_THREAD_read_lock(staple->lock);
    int64_t ends = staple->ends;
    (void)CRYPTO_THREAD_unlock(staple->lock);
    return ends;
}

/* ---- in a handshake */

/* What is in it, for the library to keep. NULL: nothing that holds, or no memory. */
static unsigned char *copy_if_holds(struct tls_staple *staple, int64_t now, size_t *ret_length)
{
    unsigned char *copy = NULL;
    (void)CRYPTO_THREAD_read_lock(staple->lock);
    if (staple->ends > now)
        copy = OPENSSL_memdup(staple->answer, staple->length);
    *ret_length = staple->length;
    (void)CRYPTO_THREAD_unlock(staple->lock);
    return copy;
}

bool tls_show_staple(SSL *ssl, int64_t now)
{
    struct tls_staple *staple = tls_staple_of(SSL_get_certificate(ssl));
    size_t length = 0;
    unsigned char *copy = staple ? copy_if_holds(staple, now, &length) : NULL;
    if (copy && SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)length) == 1)
        return true;
    OPENSSL_free(copy);
    return false;
}
