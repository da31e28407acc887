/* A transport carries bytes to and from one peer: TCP or a Unix socket, with TLS or without.
 * Everything above speaks to it alone and knows no socket. Belongs to one loop. */
#pragma once

#include "loop/socket.h"
#include "sys/socket.h"
#include "tls/tls.h"

struct transport {
    struct socket socket;
    struct tls *tls; /* over the socket; NULL: none */
};

/* Receives into a fresh buffer of about `size` bytes, as socket_receive. */
static inline enum io transport_receive(struct transport *transport, size_t size,
                                        struct span *ret_bytes)
{
    if (transport->tls)
        return tls_receive(transport->tls, size, ret_bytes);
    return socket_receive(&transport->socket, size, ret_bytes);
}

/* Sends what there is room for, as socket_send. What was not sent is to be offered again next (see
 * tls_send). */
static inline enum io transport_send(struct transport *transport, const struct slice *parts,
                                     size_t count, size_t *ret_sent)
{
    if (transport->tls)
        return tls_send(transport->tls, parts, count, ret_sent);
    return socket_send(&transport->socket, parts, count, ret_sent);
}

/* Takes the bytes, all of them, as socket_put; over TLS none. */
static inline bool transport_put(struct transport *transport, struct slice bytes)
{
    return !transport->tls && socket_put(&transport->socket, bytes);
}

/* Whether that may be what is next sent: nothing that was sent before waits. */
static inline bool transport_takes_draft(const struct transport *transport)
{
    return !transport->tls && transport->socket.queued == 0;
}

/* Whether a receive could find something, or the end, without waiting. */
static inline bool transport_is_readable(const struct transport *transport)
{
    return transport->tls ? tls_is_readable(transport->tls)
                          : socket_is_readable(&transport->socket);
}

/* Whether a receive would only say IO_PENDING. */
static inline bool transport_awaits_news(const struct transport *transport)
{
    return transport->socket.watched && !transport_is_readable(transport);
}

/* Whether both are plain sockets, between which bytes can go without passing through us. */
static inline bool transports_can_pump(const struct transport *from, const struct transport *to)
{
    return !from->tls && !to->tls;
}

/* Ends our direction. */
static inline void transport_shutdown_send(struct transport *transport)
{
    if (transport->tls)
        tls_shutdown_send(transport->tls);
    else
        socket_shutdown_send(&transport->socket);
}

/* Whether the system told that the connection is over in both directions. */
static inline bool transport_is_broken(const struct transport *transport)
{
    return transport->socket.broken;
}

/* Whether an operation has failed: the peer, or the way to it, broke down. A peer on a Unix socket
 * that ends in good order leaves the transport broken, but not failed. */
static inline bool transport_has_failed(const struct transport *transport)
{
    return transport->socket.error != 0 || (transport->tls && tls_was_cut(transport->tls));
}

/* What was sent and the peer has not taken yet, as sys_unsent; a system call. */
static inline bool transport_unsent(const struct transport *transport, uint64_t *ret_count)
{
    return sys_unsent(transport->socket.fd, ret_count);
}

/* Both ends of the connection, as the system tells them; a system call. */
static inline void transport_ends(const struct transport *transport, struct sys_ends *ret_ends)
{
    sys_socket_ends(transport->socket.fd, ret_ends);
}

static inline void transport_close(struct transport *transport, bool reset)
{
    if (transport->tls && !reset)
        tls_say_goodbye(transport->tls);
    if (transport->tls)
        tls_free(transport->tls);
    transport->tls = NULL;
    socket_close(&transport->socket, reset);
}
