/* What is little is encrypted at the end of the turn, where it leaves: over all connections in one
 * piece, for the library's code for a record is as much as the processor's cache for code holds.
 * Until then its bytes lie in the loop's outbox, and count as sent. Records are numbered in the
 * order in which they are made (RFC 8446 5.3), so what waits is made into records before the
 * library makes any other, or reads what it may have to answer. */
#include "tls/tls_int.h"

#include "base/assert.h"
#include "loop/outbox.h"

#include <errno.h>
#include <openssl/err.h>

enum {
    PIECE_LEAST = 512, /* bytes of a record; who asks for small ones gets no smaller (RFC 6066 4) */
    RECORD_GROWTH = 128, /* more than a record has beside its bytes: the most is 85, or 82 where TLS
                          * 1.0 puts an empty one before it */
};

/* A change of keys that the client has asked for goes before it, as a record of its own. */
static size_t room_for(size_t length)
{
    return length + (length / PIECE_LEAST + 2) * RECORD_GROWTH;
}

static size_t seal(struct socket_sealer *sealer, struct slice bytes, char *memory, size_t room)
{
    struct tls *tls = CONTAINER_OF(sealer, struct tls, sealer);
    struct text records = text_over(memory, room);
    ASSERT(tls->state == TLS_STATE_OPEN && tls_bytes_waiting(&tls->bytes) == 0);
    tls->bytes.instead = &records;
    for (size_t written = 0; bytes.length > 0; bytes = slice_from(bytes, written)) {
        if (SSL_write_ex(tls->ssl, bytes.data, bytes.length, &written) != 1)
            break;
    }
    tls->bytes.instead = NULL;
    if (bytes.length == 0)
        return records.length;
    ERR_clear_error();
    tls->state = TLS_STATE_FAILED;
    (void)socket_fail(tls->bytes.socket, EPROTO);
    return 0;
}

void tls_become_sealer(struct tls *tls)
{
    tls->sealer.seal = seal;
    tls->bytes.socket->sealer = &tls->sealer;
}

void tls_cease_sealer(struct tls *tls)
{
    socket_seal(tls->bytes.socket);
    tls->bytes.socket->sealer = NULL;
}

bool tls_send_later(struct tls *tls, const struct slice *parts, size_t count, size_t *ret_sent)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    if (length == 0 || length > OUTBOX_ITEM_MAX || tls->state != TLS_STATE_OPEN ||
        tls->encrypted > 0 || tls_bytes_waiting(&tls->bytes) > 0 ||
        !socket_send_sealed(tls->bytes.socket, parts, count, length, room_for(length)))
        return false;
    *ret_sent = length;
    return true;
}

bool tls_seal(struct tls *tls)
{
    socket_seal(tls->bytes.socket);
    return tls->state != TLS_STATE_FAILED;
}
