/* Early data of clients. The library is asked for it before anything else of a handshake, where any
 * site takes it; the client has none, or is refused, and the handshake goes on as always; or its
 * data is read in the middle of it. */
#include "tls/tls_context_int.h"
#include "tls/tls_int.h"

#include "base/assert.h"
#include "loop/loop.h"

#include <errno.h>
#include <openssl/err.h>

/* One record of the largest size: more than the head of any usual request. The library reads no
 * more of what it refuses, either (SSL_set_recv_max_early_data), so it is the same for all sites
 * and for ever: a ticket of before a change may be used after it. */
enum { EARLY_MAX = SSL3_RT_MAX_PLAIN_LENGTH };

void tls_set_early(struct tls *tls, const struct tls_context *context)
{
    if (context->takes_early)
        (void)SSL_set_max_early_data(tls->ssl, EARLY_MAX);
}

/* The library has seen before that the hello was made by who has the ticket, and is of this time.
 */
int tls_on_early_offered(SSL *ssl, void *unused)
{
    struct tls *tls = tls_of(ssl);
    unsigned char random[TLS_HELLO_RANDOM_SIZE];
    (void)unused;
    if (SSL_get_client_random(ssl, random, sizeof(random)) != sizeof(random))
        return 0;
    int64_t now = loop_wall(tls->bytes.socket->loop);
    tls->early_outcome = (uint8_t)tls_hellos_admit(tls->entrance->hellos, now, random);
    return tls->early_outcome == TLS_EARLY_ACCEPTED;
}

/* Our half of the handshake leaves at once: the client is waiting for it, and the answer may take
 * its time. A connection that is gone will be found to be. */
static int begin(struct tls *tls)
{
    ASSERT(tls->state == TLS_STATE_HANDSHAKE);
    tls_open_up(tls);
    tls->state = TLS_STATE_EARLY;
    tls->looks_for_early = false;
    (void)tls_bytes_flush(&tls->bytes);
    return 1;
}

/* Whether all that the library waits for is early data. */
static bool is_awaited(const SSL *ssl)
{
    return SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_ACCEPTED && SSL_want_read(ssl);
}

int tls_look_for_early(struct tls *tls)
{
    struct buffer *buffer = buffer_new(loop_buffers(tls->bytes.socket->loop), BUFFER_SMALL);
    size_t length = 0;
    if (!buffer) {
        ERR_raise(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE);
        return -1;
    }
    int result = SSL_read_early_data(tls->ssl, buffer->data, buffer->capacity, &length);
    if (result == SSL_READ_EARLY_DATA_SUCCESS) {
        tls->early = buffer;
        tls->early_length = (uint16_t)length;
        return begin(tls);
    }
    buffer_unref(buffer);
    if (result == SSL_READ_EARLY_DATA_ERROR)
        return is_awaited(tls->ssl) ? begin(tls) : -1;
    tls->looks_for_early = false;
    return SSL_accept(tls->ssl);
}

/* ---- in the middle of the handshake */

static enum io end(struct tls *tls)
{
    int result = SSL_accept(tls->ssl);
    if (result != 1)
        return tls_outcome_of(tls, result);
    tls->state = TLS_STATE_OPEN;
    if (tls->says_end_later)
        tls_shutdown_send(tls);
    return IO_DONE;
}

static enum io read_some(struct tls *tls, struct buffer *buffer, size_t *ret_length)
{
    switch (SSL_read_early_data(tls->ssl, buffer->data, buffer->capacity, ret_length)) {
    case SSL_READ_EARLY_DATA_SUCCESS:
        return IO_DONE;
    case SSL_READ_EARLY_DATA_FINISH:
        tls->has_read_early = true;
        return IO_DONE;
    default:
        return tls_outcome_of(tls, -1);
    }
}

static struct span take_first(struct tls *tls)
{
    struct span first = span_take_buffer(tls->early, tls->early_length);
    tls->early = NULL;
    return first;
}

enum io tls_receive_early(struct tls *tls, size_t size, struct span *ret_bytes)
{
    ASSERT(tls->state == TLS_STATE_EARLY);
    if (tls->early) {
        *ret_bytes = take_first(tls);
        return IO_DONE;
    }
    if (!tls->has_read_early) {
        struct buffer *buffer = buffer_new(loop_buffers(tls->bytes.socket->loop), size);
        size_t length = 0;
        if (!buffer)
            return tls_fail(tls, ENOMEM);
        enum io io = read_some(tls, buffer, &length);
        if (length > 0) {
            *ret_bytes = span_take_buffer(buffer, length);
            return IO_DONE;
        }
        buffer_unref(buffer);
        if (io != IO_DONE)
            return io;
    }
    enum io io = end(tls);
    return io == IO_DONE ? tls_receive(tls, size, ret_bytes) : io;
}

/* ---- what is told */

bool tls_is_early(const struct tls *tls)
{
    return tls->state == TLS_STATE_EARLY;
}

enum tls_early_outcome tls_early_outcome(const struct tls *tls)
{
    bool is_refused = SSL_get_early_data_status(tls->ssl) == SSL_EARLY_DATA_REJECTED;
    return tls->early_outcome ? (enum tls_early_outcome)tls->early_outcome
           : is_refused       ? TLS_EARLY_UNFIT
                              : TLS_EARLY_NONE;
}

const char *tls_early_outcome_name(enum tls_early_outcome outcome)
{
    static const char *const names[] = {
#define TLS_EARLY_NAME(name) #name,
        TLS_EARLY_OUTCOMES(TLS_EARLY_NAME)
#undef TLS_EARLY_NAME
    };
    ASSERT(outcome < TLS_EARLY_COUNT);
    return names[outcome];
}
