/* The connection is OpenSSL's; what is ours is when bytes move. Reading: the library takes all that
 * the socket has into a buffer of its own, which it gives back when it is read empty. Writing:
 * records are gathered in one of our buffers and sent together; what they hold counts as sent only
 * when they have left, so that whoever offers bytes until they are sent needs to know nothing of
 * records. */
#include "tls/tls.h"

#include "base/assert.h"
#include "loop/loop.h"
#include "tls/tls_certificate_int.h"
#include "tls/tls_context_int.h"
#include "tls/tls_int.h"
#include "tls/tls_server_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/sslerr.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* A browser can use a record when all of it is there: the first ones of a burst fit into the
     * first flights of TCP, the later ones cost less. */
    RECORD_FIRST = 4 * 1024,
    RECORD_FULL = SSL3_RT_MAX_PLAIN_LENGTH,
    BURST_FIRST = 64 * 1024, /* bytes in small records */
    BURST_PAUSE_MS = 1000,   /* after which a burst is a new one */
    RECORD_EXTRA = 512,      /* more than what any record needs beside its bytes */
};

/* ---- words */

const char *tls_failure_name(enum tls_failure failure)
{
    static const char *const names[] = {
#define TLS_FAILURE_NAME(name, words) #name,
        TLS_FAILURES(TLS_FAILURE_NAME)
#undef TLS_FAILURE_NAME
    };
    ASSERT(failure < TLS_FAILURE_COUNT);
    return names[failure];
}

const char *tls_failure_words(enum tls_failure failure)
{
    static const char *const sentences[] = {
#define TLS_FAILURE_WORDS(name, words) words,
        TLS_FAILURES(TLS_FAILURE_WORDS)
#undef TLS_FAILURE_WORDS
    };
    ASSERT(failure < TLS_FAILURE_COUNT);
    return sentences[failure];
}

/* ---- what the library asks of us: facts are noted, and nothing else is done */

/* The first name of the extension (RFC 6066 3). What is malformed in it the library will find. */
static struct slice hello_name(SSL *ssl)
{
    enum { HEAD = 5, KIND_HOST_NAME = 0 };
    const unsigned char *list = NULL;
    size_t length = 0;
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &list, &length) || length < HEAD ||
        list[2] != KIND_HOST_NAME)
        return SLICE("");
    size_t name_length = (size_t)list[3] << 8 | list[4];
    if (name_length == 0 || name_length > TLSEXT_MAXLEN_host_name || length - HEAD < name_length)
        return SLICE("");
    return slice_of((const char *)list + HEAD, name_length);
}

static bool keep_name(struct tls *tls, struct slice name)
{
    if (name.length == 0)
        return true;
    tls->name = malloc(name.length + 1);
    if (!tls->name)
        return false;
    memcpy(tls->name, name.data, name.length);
    tls->name[name.length] = '\0';
    tls->name_length = (uint16_t)name.length;
    return true;
}

/* Called again behind a choice only where there was none. */
static int on_hello(SSL *ssl, int *ret_alert, void *unused)
{
    struct tls *tls = tls_of(ssl);
    (void)unused;
    if (tls->state == TLS_STATE_HELLO && keep_name(tls, hello_name(ssl))) {
        tls->state = TLS_STATE_ASKED;
        return SSL_CLIENT_HELLO_RETRY;
    }
    *ret_alert =
        tls->state == TLS_STATE_NO_CHOICE ? SSL_AD_UNRECOGNIZED_NAME : SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

static int on_ticket(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int is_sealing)
{
    struct tls *tls = tls_of(ssl);
    int64_t now = loop_wall(tls->bytes.socket->loop);
    return tls_entrance_seal(tls->entrance, now, name, iv, cipher, mac, is_sealing);
}

int tls_on_status_asked(SSL *ssl, void *unused)
{
    (void)unused;
    return tls_show_staple(ssl, loop_wall(tls_of(ssl)->bytes.socket->loop)) ? SSL_TLSEXT_ERR_OK
                                                                            : SSL_TLSEXT_ERR_NOACK;
}

void tls_offer_h2(struct tls *tls)
{
    ASSERT(tls->state == TLS_STATE_HELLO);
    tls->offers_h2 = true;
}

bool tls_speaks_h2(const struct tls *tls)
{
    const unsigned char *chosen = NULL;
    unsigned length = 0;
    SSL_get0_alpn_selected(tls->ssl, &chosen, &length);
    return length == 2 && memcmp(chosen, "h2", 2) == 0;
}

/* RFC 9113 9.2: TLS 1.2 and later; in 1.2 with ephemeral keys and authenticated encryption. */
static bool is_fit_for_h2(const SSL *ssl)
{
    const SSL_CIPHER *cipher = SSL_get_pending_cipher(ssl);
    if (!cipher)
        cipher = SSL_get_current_cipher(ssl);
    return SSL_version(ssl) >= TLS1_2_VERSION && cipher && SSL_CIPHER_is_aead(cipher) &&
           SSL_CIPHER_get_kx_nid(cipher) != NID_kx_rsa;
}

bool tls_may_speak_h2(const SSL *ssl)
{
    return tls_of(ssl)->offers_h2 && is_fit_for_h2(ssl);
}

void tls_prepare_entrance(struct tls_entrance *entrance)
{
    SSL_CTX_set_client_hello_cb(entrance->ssl, on_hello, NULL);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(entrance->ssl, on_ticket);
    SSL_CTX_set_session_ticket_cb(entrance->ssl, NULL, tls_take_ticket, NULL);
    SSL_CTX_set_allow_early_data_cb(entrance->ssl, tls_on_early_offered, NULL);
}

/* ---- life */

bool tls_attach(struct tls *tls, SSL_CTX *ssl, BIO_METHOD *bytes)
{
    tls->ssl = SSL_new(ssl);
    BIO *bio = tls->ssl ? BIO_new(bytes) : NULL;
    if (!bio)
        return false;
    BIO_set_data(bio, &tls->bytes);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_app_data(tls->ssl, tls);
    tls_become_sealer(tls);
    return true;
}

struct tls *tls_new(struct tls_entrance *entrance, struct socket *socket, struct span received)
{
    ASSERT(entrance && socket_is_open(socket));
    struct tls *tls = calloc(1, sizeof(*tls));
    if (!tls) {
        span_clear(&received);
        return NULL;
    }
    tls->bytes = (struct tls_bytes){.socket = socket, .received = received};
    tls->entrance = entrance;
    tls->time = loop_now(socket->loop);
    tls->looks_for_early = atomic_load_explicit(&entrance->looks_for_early, memory_order_relaxed);
    if (tls_attach(tls, entrance->ssl, entrance->bytes)) {
        SSL_set_accept_state(tls->ssl);
        return tls;
    }
    ERR_clear_error();
    tls_free(tls);
    return NULL;
}

void tls_free(struct tls *tls)
{
    ASSERT(tls);
    tls_cease_sealer(tls);
    /* Or the library lets nobody take the session up again, however the connection has ended. */
    if (tls->server_context && tls->ssl && tls->state != TLS_STATE_FAILED)
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN);
    SSL_free(tls->ssl);
    tls_bytes_fini(&tls->bytes);
    if (tls->early)
        buffer_unref(tls->early);
    tls_server_context_unref(tls->server_context);
    free(tls->name);
    free(tls);
}

enum io tls_fail(struct tls *tls, int error)
{
    int reason = ERR_GET_REASON(ERR_peek_error());
    if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
        tls->alert = SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET);
    ERR_clear_error();
    tls->state = TLS_STATE_FAILED;
    (void)tls_bytes_flush(&tls->bytes); /* an alert may be in it */
    return socket_fail(tls->bytes.socket, error);
}

/* ---- the handshake */

static enum tls_failure cause_of_reason(int reason)
{
    if (reason >= SSL_AD_REASON_OFFSET)
        return TLS_FAILURE_REFUSED; /* an alert of the client's */
    switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return TLS_FAILURE_NO_CLIENT_CERTIFICATE;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        return TLS_FAILURE_BAD_CLIENT_CERTIFICATE;
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
        return TLS_FAILURE_PLAIN;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_INAPPROPRIATE_FALLBACK:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return TLS_FAILURE_NOTHING_SHARED;
    default:
        return TLS_FAILURE_MALFORMED;
    }
}

static enum tls_failure cause_of(const struct tls *tls, int problem)
{
    unsigned long error = ERR_peek_error();
    if (tls->state == TLS_STATE_NO_CHOICE || tls->state == TLS_STATE_UNFIT)
        return tls->state == TLS_STATE_UNFIT ? TLS_FAILURE_UNFIT : TLS_FAILURE_NO_CERTIFICATE;
    if (problem == SSL_ERROR_SYSCALL || error == 0 || tls->bytes.socket->broken)
        return TLS_FAILURE_CUT;
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
        return TLS_FAILURE_NO_MEMORY;
    return ERR_GET_LIB(error) == ERR_LIB_SSL ? cause_of_reason(ERR_GET_REASON(error))
                                             : TLS_FAILURE_MALFORMED;
}

void tls_open_up(struct tls *tls)
{
    ASSERT(tls->state == TLS_STATE_HANDSHAKE);
    tls->state = TLS_STATE_OPEN;
    tls->time = loop_now(tls->bytes.socket->loop) - tls->time;
}

enum tls_step tls_handshake(struct tls *tls, enum tls_failure *ret_failure)
{
    ASSERT(tls->state < TLS_STATE_EARLY && tls->state != TLS_STATE_ASKED);
    int result = tls->looks_for_early ? tls_look_for_early(tls) : SSL_accept(tls->ssl);
    if (result == 1) {
        if (tls->state != TLS_STATE_EARLY)
            tls_open_up(tls);
        return TLS_DONE;
    }
    int problem = SSL_get_error(tls->ssl, result);
    if (problem == SSL_ERROR_WANT_CLIENT_HELLO_CB)
        return TLS_CHOOSE;
    bool waits = problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE;
    if (waits && tls_bytes_flush(&tls->bytes) != IO_FAILED)
        return TLS_WAIT;
    *ret_failure = waits ? TLS_FAILURE_CUT : cause_of(tls, problem);
    if (*ret_failure == TLS_FAILURE_BAD_CLIENT_CERTIFICATE)
        tls->problem = X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl));
    if (*ret_failure == TLS_FAILURE_PLAIN)
        tls_bytes_fini(&tls->bytes); /* an alert would be noise to it */
    (void)tls_fail(tls, EPROTO);
    return TLS_FAILED;
}

struct slice tls_name(const struct tls *tls)
{
    return tls->name ? slice_of(tls->name, tls->name_length) : SLICE("");
}

/* What the library does not take over with the context. */
static bool take_over(SSL *ssl, SSL_CTX *from, const struct tls_context *context)
{
    SSL_set_options(ssl, SSL_CTX_get_options(from));
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(from), NULL);
    return SSL_set_max_proto_version(ssl, context->most_version) == 1 &&
           (!context->groups || SSL_set1_groups_list(ssl, context->groups) == 1) &&
           SSL_set1_param(ssl, SSL_CTX_get0_param(from)) == 1;
}

void tls_choose(struct tls *tls, const struct tls_context *context)
{
    ASSERT(tls->state == TLS_STATE_ASKED);
    tls->state = context ? TLS_STATE_UNFIT : TLS_STATE_NO_CHOICE;
    if (context && SSL_set_min_proto_version(tls->ssl, context->least_version) &&
        SSL_set_SSL_CTX(tls->ssl, context->ssl) && take_over(tls->ssl, context->ssl, context) &&
        tls_context_set(context, tls->ssl)) {
        tls->context_serial = context->serial;
        tls->client_identity = context->client_identity;
        tls->clients_until = context->clients_until;
        tls_set_early(tls, context);
        tls->state = TLS_STATE_HANDSHAKE;
    }
}

/* ---- sending */

/* Goes through what is offered, part by part. */
struct offer {
    const struct slice *parts;
    size_t count; /* of parts that are left; the first one from `begin` on */
    size_t begin;
};

static void skip(struct offer *offer, size_t length)
{
    while (offer->count > 0 && length >= offer->parts->length - offer->begin) {
        length -= offer->parts->length - offer->begin;
        offer->parts++;
        offer->count--;
        offer->begin = 0;
    }
    ASSERT(offer->count > 0 || length == 0);
    offer->begin += length;
}

/* What goes into the next record, at most `most` bytes; several parts are joined in `scratch`. */
static struct slice next_record(const struct offer *offer, size_t most, char *scratch)
{
    ASSERT(offer->count > 0);
    struct slice first = slice_from(*offer->parts, offer->begin);
    if (first.length >= most || offer->count == 1)
        return slice_until(first, first.length < most ? first.length : most);
    struct text joined = text_over(scratch, most);
    text_add(&joined, first);
    for (size_t i = 1; i < offer->count && joined.length < most; i++) {
        size_t room = most - joined.length;
        struct slice part = offer->parts[i];
        text_add(&joined, slice_until(part, part.length < room ? part.length : room));
    }
    return text_slice(&joined);
}

static size_t record_size(const struct tls *tls)
{
    return tls->burst < BURST_FIRST ? RECORD_FIRST : RECORD_FULL;
}

static void add_to_burst(struct tls *tls, size_t length)
{
    if (tls->burst < BURST_FIRST)
        tls->burst += (uint32_t)length;
}

/* One record more. Returns how many of the bytes are in it, which are fewer where the client has
 * asked for small records (RFC 6066 4); 0: the library makes none now. */
static size_t encrypt(struct tls *tls, struct slice bytes)
{
    size_t written = 0;
    int good = tls->state == TLS_STATE_OPEN
                   ? SSL_write_ex(tls->ssl, bytes.data, bytes.length, &written)
                   : SSL_write_early_data(tls->ssl, bytes.data, bytes.length, &written);
    if (good != 1)
        return 0;
    ASSERT(written <= bytes.length);
    tls->encrypted += written;
    add_to_burst(tls, written);
    return written;
}

static size_t length_of(const struct offer *offer)
{
    size_t length = 0;
    for (size_t i = 0; i < offer->count; i++)
        length += offer->parts[i].length;
    return length - offer->begin;
}

/* As much as there are bytes, and room to gather them. False: no memory. */
static bool encrypt_some(struct tls *tls, struct offer *offer)
{
    struct tls_bytes *bytes = &tls->bytes;
    size_t length = length_of(offer);
    size_t wanted = length + (length / RECORD_FIRST + 2) * RECORD_EXTRA;
    if (wanted > BUFFER_LARGE)
        wanted = BUFFER_LARGE;
    if (tls_bytes_waiting(bytes) == 0 && tls_bytes_room(bytes) < wanted &&
        !tls_bytes_reserve(bytes, wanted))
        return false;
    struct buffer_pools *pools = loop_buffers(bytes->socket->loop);
    struct buffer *scratch = offer->count > 1 ? buffer_new(pools, RECORD_FULL) : NULL;
    bool good = offer->count <= 1 || scratch;
    while (good && offer->count > 0) {
        struct slice record = next_record(offer, record_size(tls), scratch ? scratch->data : NULL);
        if (tls_bytes_room(bytes) < record.length + RECORD_EXTRA)
            break;
        size_t written = encrypt(tls, record);
        if (written == 0)
            break;
        skip(offer, written);
    }
    if (scratch)
        buffer_unref(scratch);
    return good;
}

static enum io flush(struct tls *tls)
{
    enum io io = tls_bytes_flush(&tls->bytes);
    if (io == IO_DONE && tls->shuts_socket) {
        tls->shuts_socket = false;
        socket_shutdown_send(tls->bytes.socket);
    }
    return io;
}

/* What has left counts as sent: all that is encrypted but what may still be waiting. Whoever
 * offered it has to hear of it, else it offers the same again. */
static enum io flush_offer(struct tls *tls, size_t *ret_sent)
{
    enum io io = flush(tls);
    size_t waiting = tls_bytes_waiting(&tls->bytes);
    size_t sent = tls->encrypted > waiting ? tls->encrypted - waiting : 0;
    tls->encrypted -= sent;
    *ret_sent += sent;
    return io;
}

static void note_pause(struct tls *tls)
{
    uint64_t now = loop_now(tls->bytes.socket->loop);
    if (now - tls->moved >= BURST_PAUSE_MS)
        tls->burst = 0;
    tls->moved = now;
}

enum io tls_send(struct tls *tls, const struct slice *parts, size_t count, size_t *ret_sent)
{
    struct offer offer = {.parts = parts, .count = count};
    *ret_sent = 0;
    if (tls->state != TLS_STATE_OPEN && tls->state != TLS_STATE_EARLY)
        return IO_FAILED;
    note_pause(tls);
    if (tls_send_later(tls, parts, count, ret_sent)) {
        add_to_burst(tls, *ret_sent);
        return IO_DONE;
    }
    if (!tls_seal(tls))
        return IO_FAILED;
    skip(&offer, tls->encrypted);
    for (;;) {
        size_t before = tls->encrypted;
        if (!encrypt_some(tls, &offer))
            return tls_fail(tls, ENOMEM);
        bool stands_still = tls->encrypted == before && tls_bytes_waiting(&tls->bytes) == 0;
        enum io io = flush_offer(tls, ret_sent);
        if (io != IO_DONE || offer.count == 0)
            return io;
        if (stands_still)
            return tls_fail(tls, EPROTO);
    }
}

/* ---- receiving */

enum io tls_outcome_of(struct tls *tls, int result)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return flush(tls) == IO_FAILED ? IO_FAILED : IO_PENDING;
    case SSL_ERROR_ZERO_RETURN:
        tls->ended = true;
        return tls_was_cut(tls) ? IO_FAILED : IO_END;
    default:
        return tls_fail(tls, EPROTO);
    }
}

/* To ask the library for what is not there costs nearly as much as a small record. */
static enum io await_news(struct tls *tls)
{
    bool good = flush(tls) != IO_FAILED && socket_watch(tls->bytes.socket);
    return good ? IO_PENDING : IO_FAILED;
}

enum io tls_receive(struct tls *tls, size_t size, struct span *ret_bytes)
{
    if (tls->ended)
        return tls_was_cut(tls) ? IO_FAILED : IO_END;
    if (tls->state != TLS_STATE_OPEN && tls->state != TLS_STATE_SAID_END)
        return tls->state == TLS_STATE_EARLY ? tls_receive_early(tls, size, ret_bytes) : IO_FAILED;
    if (!tls_is_readable(tls))
        return await_news(tls);
    if (!tls_seal(tls))
        return IO_FAILED;
    struct buffer *buffer = buffer_new(loop_buffers(tls->bytes.socket->loop), size);
    if (!buffer)
        return tls_fail(tls, ENOMEM);
    size_t length = 0;
    enum io io = IO_DONE;
    do {
        size_t count = 0;
        int result =
            SSL_read_ex(tls->ssl, buffer->data + length, buffer->capacity - length, &count);
        length += count;
        if (result != 1)
            io = tls_outcome_of(tls, result);
    } while (io == IO_DONE && length < buffer->capacity && tls_is_readable(tls));
    if (length > 0) {
        *ret_bytes = span_take_buffer(buffer, length);
        return IO_DONE; /* what else there is will be told by the next one */
    }
    buffer_unref(buffer);
    return io;
}

/* The library tells both ends as one, so that our direction lives on. */
bool tls_was_cut(const struct tls *tls)
{
    return tls->ended && tls->bytes.ended;
}

bool tls_is_readable(const struct tls *tls)
{
    return tls->ended || tls->state == TLS_STATE_FAILED || tls->early ||
           tls->bytes.received.length > 0 || SSL_has_pending(tls->ssl) ||
           socket_is_readable(tls->bytes.socket);
}

/* ---- the end */

/* RFC 8446 6.1: close_notify. */
static void say_end(struct tls *tls)
{
    if (tls->state != TLS_STATE_OPEN || !tls_seal(tls))
        return;
    tls->state = TLS_STATE_SAID_END;
    if (SSL_shutdown(tls->ssl) < 0)
        ERR_clear_error();
}

void tls_shutdown_send(struct tls *tls)
{
    if (tls->state == TLS_STATE_EARLY) {
        tls->says_end_later = true;
        return;
    }
    say_end(tls);
    tls->shuts_socket = true;
    (void)flush(tls);
}

void tls_say_goodbye(struct tls *tls)
{
    say_end(tls);
    if (tls->state == TLS_STATE_SAID_END && !tls->bytes.socket->broken)
        (void)tls_bytes_flush(&tls->bytes);
}

/* ---- what is told */

const char *tls_version(const struct tls *tls)
{
    return SSL_get_version(tls->ssl);
}

const char *tls_cipher(const struct tls *tls)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(tls->ssl);
    const char *name = cipher ? SSL_CIPHER_standard_name(cipher) : NULL;
    return name ? name : "";
}

const char *tls_problem(const struct tls *tls)
{
    return tls->problem;
}

bool tls_is_resumed(const struct tls *tls)
{
    return SSL_session_reused(tls->ssl) == 1;
}

uint64_t tls_handshake_milliseconds(const struct tls *tls)
{
    ASSERT(tls->state >= TLS_STATE_EARLY);
    return tls->time;
}

bool tls_fits(const struct tls *tls, const struct tls_context *context, struct slice host)
{
    if (tls->client_identity != (context ? context->client_identity : 0))
        return false;
    if (!tls->name || (context && tls->context_serial == context->serial))
        return true;
    X509 *shown = SSL_get_certificate(tls->ssl);
    return shown && tls_certificate_leaf_covers(shown, host, false);
}
