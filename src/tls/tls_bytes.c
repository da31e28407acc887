#include "tls/tls_bytes.h"

#include "base/assert.h"
#include "loop/loop.h"

#include <string.h>

enum { RESERVE_LEAST = BUFFER_MEDIUM }; /* for a flight of the handshake */

bool tls_bytes_reserve(struct tls_bytes *bytes, size_t size)
{
    ASSERT(tls_bytes_waiting(bytes) == 0);
    if (bytes->outbound)
        buffer_unref(bytes->outbound);
    bytes->outbound = buffer_new(loop_buffers(bytes->socket->loop), size);
    bytes->first = bytes->end = 0;
    return bytes->outbound != NULL;
}

size_t tls_bytes_room(const struct tls_bytes *bytes)
{
    return bytes->outbound ? bytes->outbound->capacity - bytes->end : 0;
}

void tls_bytes_fini(struct tls_bytes *bytes)
{
    span_clear(&bytes->received);
    if (bytes->outbound)
        buffer_unref(bytes->outbound);
    bytes->outbound = NULL;
    bytes->first = bytes->end = 0;
}

enum io tls_bytes_flush(struct tls_bytes *bytes)
{
    while (tls_bytes_waiting(bytes) > 0) {
        struct slice rest =
            slice_of(bytes->outbound->data + bytes->first, tls_bytes_waiting(bytes));
        size_t sent = 0;
        enum io io = socket_send(bytes->socket, &rest, 1, &sent);
        bytes->first += (uint32_t)sent;
        if (io != IO_DONE)
            return io;
    }
    if (bytes->outbound)
        buffer_unref(bytes->outbound);
    bytes->outbound = NULL;
    bytes->first = bytes->end = 0;
    return IO_DONE;
}

/* ---- what the library calls */

static int receive(BIO *bio, char *memory, int size)
{
    struct tls_bytes *bytes = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (size <= 0)
        return 0;
    size_t count = bytes->received.length < (size_t)size ? bytes->received.length : (size_t)size;
    if (count > 0) {
        memcpy(memory, span_slice(&bytes->received).data, count);
        span_skip(&bytes->received, count);
        return (int)count;
    }
    switch (socket_receive_into(bytes->socket, memory, (size_t)size, &count)) {
    case IO_DONE:
        return (int)count;
    case IO_END:
        bytes->ended = true;
        return 0;
    case IO_PENDING:
        BIO_set_retry_read(bio);
        return -1;
    case IO_FAILED:
        break;
    }
    return -1;
}

static bool gather_in(struct text *text, struct slice bytes)
{
    if (bytes.length > text->capacity - text->length)
        return false;
    text_add(text, bytes);
    return true;
}

/* Gathers; sends only where there is no room. */
static int gather(BIO *bio, const char *memory, int size)
{
    struct tls_bytes *bytes = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (size <= 0)
        return 0;
    if (bytes->instead)
        return gather_in(bytes->instead, slice_of(memory, (size_t)size)) ? size : -1;
    if (tls_bytes_room(bytes) == 0 && tls_bytes_waiting(bytes) > 0) {
        enum io io = tls_bytes_flush(bytes);
        if (io == IO_PENDING)
            BIO_set_retry_write(bio);
        if (io != IO_DONE)
            return -1;
    }
    if (!bytes->outbound && !tls_bytes_reserve(bytes, RESERVE_LEAST))
        return -1;
    size_t room = tls_bytes_room(bytes), count = (size_t)size < room ? (size_t)size : room;
    memcpy(bytes->outbound->data + bytes->end, memory, count);
    bytes->end += (uint32_t)count;
    return (int)count;
}

/* What is gathered leaves when the connection says so, not when the library does. */
static long control(BIO *bio, int command, long number, void *pointer)
{
    const struct tls_bytes *bytes = BIO_get_data(bio);
    (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH || (command == BIO_CTRL_EOF && bytes->ended);
}

static int create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *tls_bytes_new(void)
{
    /* Nobody looks for it by an index of its own, of which the library has few. */
    BIO_METHOD *methods = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "weir");
    if (!methods)
        return NULL;
    bool good = BIO_meth_set_read(methods, receive) && BIO_meth_set_write(methods, gather) &&
                BIO_meth_set_ctrl(methods, control) && BIO_meth_set_create(methods, create);
    if (good)
        return methods;
    BIO_meth_free(methods);
    return NULL;
}
