/* How the library gets at the bytes of a connection: it reads from the socket into its own buffer,
 * and what it writes is gathered and sent in few pieces. */
#pragma once

#include "base/buffer.h"
#include "base/text.h"
#include "loop/socket.h"

#include <openssl/bio.h>

struct tls_bytes {
    struct socket *socket;
    struct span received;    /* before TLS began; goes first */
    struct buffer *outbound; /* gathered; NULL: nothing */
    uint32_t first, end;     /* of what is in it */
    bool ended;              /* the socket gives no more */
    struct text *instead;    /* where to gather, and not in `outbound`; NULL: nowhere */
};

/* The methods of a BIO, whose data is a struct tls_bytes. NULL: no memory. */
BIO_METHOD *tls_bytes_new(void);

static inline uint32_t tls_bytes_waiting(const struct tls_bytes *bytes)
{
    return bytes->end - bytes->first;
}

/* Makes room for `size` bytes to be gathered; nothing is waiting. False: no memory. */
bool tls_bytes_reserve(struct tls_bytes *bytes, size_t size);

/* How many more may be gathered without sending. */
size_t tls_bytes_room(const struct tls_bytes *bytes);

/* Sends what was gathered. IO_DONE: all is gone, and the buffer given back. */
enum io tls_bytes_flush(struct tls_bytes *bytes);

/* Drops all. */
void tls_bytes_fini(struct tls_bytes *bytes);
