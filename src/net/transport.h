/* A transport carries bytes to and from one peer: TCP or a Unix socket. Everything above speaks to
 * it alone and knows no socket. Belongs to one loop. */
#pragma once

#include "loop/socket.h"
#include "sys/socket.h"

struct transport {
    struct socket socket;
};

/* Receives into a fresh buffer of about `size` bytes, as socket_receive. */
static inline enum io transport_receive(struct transport *transport, size_t size,
                                        struct span *ret_bytes)
{
    return socket_receive(&transport->socket, size, ret_bytes);
}

/* Sends what there is room for, as socket_send. */
static inline enum io transport_send(struct transport *transport, const struct slice *parts,
                                     size_t count, size_t *ret_sent)
{
    return socket_send(&transport->socket, parts, count, ret_sent);
}

/* Whether both are plain sockets, between which bytes can go without passing through us. */
static inline bool transports_can_pump(const struct transport *from, const struct transport *to)
{
    (void)from;
    (void)to;
    return true;
}

/* Ends our direction. */
static inline void transport_shutdown_send(struct transport *transport)
{
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
    return transport->socket.error != 0;
}

/* Both ends of the connection, as the system tells them; a system call. */
static inline void transport_ends(const struct transport *transport, struct sys_ends *ret_ends)
{
    sys_socket_ends(transport->socket.fd, ret_ends);
}

static inline void transport_close(struct transport *transport, bool reset)
{
    socket_close(&transport->socket, reset);
}
