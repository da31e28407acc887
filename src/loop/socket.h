/* A socket on a loop, spoken to in completions: receive and send finish at once or say PENDING, and
 * then the receiver of news is called when trying again makes sense. Nobody is called from inside
 * the call. The engine behind is epoll, edge-triggered; no call is made to the system that cannot
 * do anything. Belongs to one loop. */
#pragma once

#include "base/address.h"
#include "base/buffer.h"
#include "loop/loop_int.h"

enum io {
    IO_DONE,    /* as asked, or as much as there was */
    IO_PENDING, /* nothing more for now; news will come */
    IO_END,     /* receive: the peer has ended its direction */
    IO_FAILED,  /* the connection is over; see socket_error */
};

/* Makes of what a socket has in the outbox what leaves: a transport that encrypts. */
struct socket_sealer {
    /* Writes what `bytes` become into `memory`, at most `room`; does nothing to the socket beyond
     * socket_fail. Returns its length; 0: it failed. */
    size_t (*seal)(struct socket_sealer *sealer, struct slice bytes, char *memory, size_t room);
};

struct socket {
    struct watcher watcher;
    struct loop *loop;
    void (*on_news)(struct socket *socket); /* something changed: try again */
    int fd;                                 /* -1: closed */
    int error;                              /* errno of the failure, 0 for none */
    bool readable;                          /* a receive may find something */
    bool writable;                          /* a send may find room */
    bool connecting;                        /* not known yet whether it reaches the peer */
    bool ended;               /* the end of the peer's direction is on its way to us */
    bool broken;              /* over, told by the system */
    bool watched;             /* known to the poller */
    bool torn;                /* what was sent was lost: nothing may come behind it but a reset */
    bool shuts;               /* ends our direction when `rest` has gone */
    uint32_t queued;          /* its item in the loop's outbox; 0: none */
    struct socket_rest *rest; /* of that, what the system did not take; NULL: nothing */
    struct socket_sealer *sealer; /* for socket_send_sealed; not its own; NULL: none */
};

/* Takes over a connected descriptor. It is not watched by the poller before the first IO_PENDING,
 * so that a connection that comes and goes in one turn costs no more than it must. */
void socket_init(struct socket *socket, struct loop *loop, int fd,
                 void (*on_news)(struct socket *socket));

/* Begins a connection. IO_PENDING: news will tell; IO_DONE; IO_FAILED. */
enum io socket_connect(struct socket *socket, struct loop *loop, const struct address *address,
                       void (*on_news)(struct socket *socket));

/* What became of a connection that was pending; also watches for news after IO_PENDING. */
enum io socket_connected(struct socket *socket);

/* Receives once into a fresh buffer of about `size` bytes. IO_DONE gives at least one byte. */
enum io socket_receive(struct socket *socket, size_t size, struct span *ret_bytes);

/* The same into memory of the caller. IO_DONE: `*ret_count` bytes, at least one. */
enum io socket_receive_into(struct socket *socket, char *memory, size_t size, size_t *ret_count);

/* Sends what the parts hold, as far as there is room. `*ret_sent` bytes are taken, also with
 * IO_PENDING. A little (OUTBOX_ITEM_MAX) leaves at the end of the turn (or at the beginning of the
 * next one), or before whatever is next done to the socket; where that fails news comes, and what
 * is tried next says why. */
enum io socket_send(struct socket *socket, const struct slice *parts, size_t count,
                    size_t *ret_sent);

/* Takes the bytes, all of them, where they can wait for the end of the turn, as socket_send does.
 * False: it took none, and socket_send says what becomes of them. */
bool socket_put(struct socket *socket, struct slice bytes);

/* The same with the first `length` bytes of the draft in the loop's outbox (loop/outbox.h), which
 * is then over; where it says false it is as it was. */
bool socket_put_draft(struct socket *socket, uint32_t length);

/* Takes all that the parts hold, `total` bytes, as socket_send takes a little; they leave as what
 * the socket's sealer makes of them in `room` bytes, at the end of the turn, one behind the other
 * for all sockets. False: nothing was taken. */
bool socket_send_sealed(struct socket *socket, const struct slice *parts, size_t count,
                        size_t total, size_t room);

/* Has the sealer make now what is still to be made of it; where that fails news comes. */
void socket_seal(struct socket *socket);

/* Moves up to `count` bytes to or from a pipe. IO_PENDING: the socket has none or no room (the
 * caller makes sure that the pipe is not the one that waits). */
enum io socket_splice_in(struct socket *socket, int pipe, size_t count, size_t *ret_moved);
enum io socket_splice_out(struct socket *socket, int pipe, size_t count, bool more_follows,
                          size_t *ret_moved);

/* Ends our direction. */
void socket_shutdown_send(struct socket *socket);

/* Whether a receive could find something, or the end, without waiting. */
static inline bool socket_is_readable(const struct socket *socket)
{
    return socket->readable;
}

/* Makes sure that news will come, though nothing was asked yet. False: the system refused. */
bool socket_watch(struct socket *socket);

/* Whether the peer has torn the connection down, in place of ending it; where the system told that
 * it is over, a system call. What came before may still be received. */
bool socket_was_reset(struct socket *socket);

/* What was received makes no sense to whoever reads from this socket: it counts as broken from now
 * on. Returns IO_FAILED. */
enum io socket_fail(struct socket *socket, int error);

/* Closes; `reset` lets the peer see that it was not in order. No news comes any more, also not what
 * is on its way in this turn. What was sent before goes on its way even where the system has no
 * room for it yet (loop/last_words.h), but not with `reset`. */
void socket_close(struct socket *socket, bool reset);

static inline bool socket_is_open(const struct socket *socket)
{
    return socket->fd >= 0;
}

/* Gives the descriptor away, out of the loop: to another loop. The socket is closed afterwards. -1:
 * it still has something to send, and stays as it is. */
int socket_detach(struct socket *socket);

/* The end of the turn has come for what this socket has in the outbox, from which it was taken;
 * empty: it could not be sealed. */
void socket_depart(struct socket *socket, struct slice bytes);

/* ---- a descriptor on which to accept. */

struct acceptor {
    struct watcher watcher;
    struct loop *loop;
    int fd;
    void (*on_news)(struct acceptor *acceptor); /* somebody waits */
};

/* Does not own the descriptor. False: the system refused. */
bool acceptor_init(struct acceptor *acceptor, struct loop *loop, int fd,
                   void (*on_news)(struct acceptor *acceptor));
void acceptor_fini(struct acceptor *acceptor);
