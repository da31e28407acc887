/* Sockets, as system calls: nothing waits, nothing is remembered. Negative results are -errno, so
 * that no caller reads errno. The simulation replaces this file. Any thread. */
#pragma once

#include "base/address.h"

#include <sys/types.h>

struct sys_listen_options {
    bool share;      /* one of several sockets on the same address (SO_REUSEPORT) */
    bool is_first;   /* no other socket of ours has its port, so nobody else's may have it either */
    bool is_private; /* Unix: only the user who opens it may connect */
    int backlog;
};

/* A listening socket that does not block, or -errno. What its clients are sent over the loopback
 * interface is not paced (BBR), where it is bound to an address of that. Unix: a socket left over
 * by a dead process is replaced, one that answers is not (-EADDRINUSE). */
int sys_listen(const struct address *address, const struct sys_listen_options *options);

/* Removes the file of a Unix socket that nobody listens on any more. Other addresses leave nothing
 * behind. */
void sys_listen_forget(const struct address *address);

/* The same, though somebody may still accept from it: who has connected is not lost. */
void sys_listen_remove(const struct address *address);

/* Whether it is a stream socket that listens, and where; from now on it does not block. */
bool sys_listening_address(int fd, struct address *ret_address);

/* The port that the system chose for a socket bound to port 0. */
uint16_t sys_local_port(int fd);

/* Both ends of a connection; what the system does not tell is ADDRESS_NONE and 0. */
struct sys_ends {
    struct ip local, peer;
    uint16_t local_port, peer_port;
};
void sys_socket_ends(int fd, struct sys_ends *ret_ends);

/* The next client of a listening socket, ready for use: it does not block, and TCP does not delay
 * small segments. -EAGAIN: nobody waits. */
int sys_accept(int fd, struct ip *ret_peer, uint16_t *ret_port);

/* The user at the other end of a Unix socket; UINT32_MAX where it cannot be told. */
uint32_t sys_peer_user(int fd);

/* Begins a connection; the descriptor comes back at once. To a loopback address it is not paced.
 * `*ret_pending` tells whether it has yet to become writable (then sys_socket_error tells the
 * outcome). */
int sys_connect(const struct address *address, bool *ret_pending);

/* A datagram socket that sends to the address and does not block, or -errno. */
int sys_connect_datagram(const struct address *address);

/* 0 or -errno: what became of a connection. */
int sys_socket_error(int fd);

/* How many bytes the system holds that were sent: the peer has not taken them, and over TCP not
 * even acknowledged them. False: the system does not tell. */
bool sys_unsent(int fd, uint64_t *ret_count);

/* How many connections wait at a listening TCP socket to be accepted, and how many may. False: the
 * system does not tell. */
bool sys_accept_queue(int fd, uint32_t *ret_waiting, uint32_t *ret_limit);

/* Bytes received, 0 at the peer's end, or -errno. */
ssize_t sys_receive(int fd, void *memory, size_t size);

/* Bytes sent, or -errno; never a signal. At most SYS_PARTS_MAX parts. */
enum { SYS_PARTS_MAX = 64 };
ssize_t sys_send(int fd, const struct slice *parts, size_t count);
ssize_t sys_send_one(int fd, struct slice part);

/* Ends our direction; the peer reads its end. */
int sys_shutdown_send(int fd);

/* A close that the peer sees as a reset: what was sent and not yet taken is lost. */
void sys_close_reset(int fd);

void sys_close(int fd);

/* A pipe for sys_splice, with room for about `size` bytes. 0 or -errno. */
int sys_pipe(int ret_ends[2], size_t size);

/* Moves up to `count` bytes between a socket and a pipe without copying them. As sys_receive. */
ssize_t sys_splice(int from, int to, size_t count, bool more_follows);

/* Raises the limit of open descriptors to what the system allows; returns it. */
uint64_t sys_raise_descriptor_limit(void);
