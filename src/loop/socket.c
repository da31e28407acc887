/* Completions over edge-triggered readiness. `readable` and `writable` remember what the poller
 * told and what the last call showed: a receive that got less than it had room for has emptied the
 * socket, so the next one waits for news without asking the system (which would say EAGAIN). The
 * end of the peer's direction may hide behind such a short receive; `ended` keeps it readable. */
#include "loop/socket.h"

#include "base/assert.h"
#include "base/cold.h"
#include "loop/last_words.h"
#include "loop/loop_int.h"
#include "loop/outbox.h"
#include "sys/poll.h"
#include "sys/socket.h"

#include <errno.h>
#include <stdlib.h>

/* What the system has not taken of an item of the outbox. While there is one the socket is not
 * writable. */
struct socket_rest {
    size_t length;
    char bytes[];
};

static void send_rest(struct socket *socket);

static void on_ready(struct watcher *watcher, unsigned what)
{
    struct socket *socket = CONTAINER_OF(watcher, struct socket, watcher);
    ASSERT(socket_is_open(socket) && socket->watched);
    if (what & SYS_ENDED)
        socket->ended = true;
    if (what & SYS_BROKEN)
        socket->broken = true;
    if (what & (SYS_READABLE | SYS_ENDED | SYS_BROKEN))
        socket->readable = true;
    if (what & (SYS_WRITABLE | SYS_BROKEN))
        socket->writable = true;
    if (socket->rest && socket->writable)
        send_rest(socket);
    socket->on_news(socket);
}

void socket_init(struct socket *socket, struct loop *loop, int fd,
                 void (*on_news)(struct socket *socket))
{
    ASSERT(fd >= 0 && on_news);
    *socket = (struct socket){
        .watcher = {.on_ready = on_ready},
        .loop = loop,
        .on_news = on_news,
        .fd = fd,
        .readable = true,
        .writable = true,
    };
}

COLD enum io socket_fail(struct socket *socket, int error)
{
    socket->error = error;
    socket->broken = true;
    return IO_FAILED;
}

bool socket_was_reset(struct socket *socket)
{
    int error = socket->broken && !socket->error ? sys_socket_error(socket->fd) : 0;
    if (error)
        (void)socket_fail(socket, -error);
    return socket->error != 0;
}

bool socket_watch(struct socket *socket)
{
    if (socket->watched)
        return true;
    int error = sys_poll_add(loop_poller(socket->loop), socket->fd, &socket->watcher, false);
    socket->watched = error == 0;
    if (error)
        (void)socket_fail(socket, -error);
    return error == 0;
}

static enum io pending(struct socket *socket)
{
    return socket_watch(socket) ? IO_PENDING : IO_FAILED;
}

enum io socket_connect(struct socket *socket, struct loop *loop, const struct address *address,
                       void (*on_news)(struct socket *socket))
{
    ASSERT(address->ip.kind != ADDRESS_NONE);
    bool is_pending = false;
    int fd = sys_connect(address, &is_pending);
    if (fd < 0) {
        *socket = (struct socket){.loop = loop, .fd = -1};
        return socket_fail(socket, -fd);
    }
    socket_init(socket, loop, fd, on_news);
    socket->readable = false;
    if (!is_pending)
        return IO_DONE;
    socket->connecting = true;
    socket->writable = false;
    return pending(socket);
}

enum io socket_connected(struct socket *socket)
{
    ASSERT(socket_is_open(socket));
    if (!socket->connecting)
        return socket->broken ? IO_FAILED : IO_DONE;
    if (!socket->writable)
        return pending(socket);
    int error = sys_socket_error(socket->fd);
    if (error)
        return socket_fail(socket, -error);
    socket->connecting = false;
    return IO_DONE;
}

/* Where receiving is worth asking the system; `readable` is true. */
static inline enum io receive(struct socket *socket, char *memory, size_t size, size_t *ret_count)
{
    ssize_t count = sys_receive(socket->fd, memory, size);
    if (count > 0) {
        socket->readable = (size_t)count == size || socket->ended;
        *ret_count = (size_t)count;
        return IO_DONE;
    }
    if (count == 0)
        return IO_END;
    if (count != -EAGAIN)
        return socket_fail(socket, (int)-count);
    socket->readable = false;
    return pending(socket);
}

enum io socket_receive(struct socket *socket, size_t size, struct span *ret_bytes)
{
    ASSERT(socket_is_open(socket));
    if (!socket->readable)
        return pending(socket);
    struct buffer *buffer = buffer_new(loop_buffers(socket->loop), size);
    if (!buffer)
        return socket_fail(socket, ENOMEM);
    size_t count = 0;
    enum io io = receive(socket, buffer->data, buffer->capacity, &count);
    if (io == IO_DONE)
        *ret_bytes = span_take_buffer(buffer, count);
    else
        buffer_unref(buffer);
    return io;
}

enum io socket_receive_into(struct socket *socket, char *memory, size_t size, size_t *ret_count)
{
    ASSERT(socket_is_open(socket) && size > 0);
    return socket->readable ? receive(socket, memory, size, ret_count) : pending(socket);
}

/* ---- sending */

/* What the system said when it was given `total` bytes: `sent` bytes, or -errno. IO_PENDING: it
 * took less than all. */
static enum io outcome(struct socket *socket, ssize_t sent, size_t total)
{
    if (sent >= 0 && (size_t)sent == total)
        return IO_DONE;
    if (sent < 0 && sent != -EAGAIN) {
        socket->readable = true; /* what the peer said last may not have been told of yet */
        return socket_fail(socket, (int)-sent);
    }
    socket->writable = false;
    return pending(socket);
}

static enum io send_now(struct socket *socket, const struct slice *parts, size_t count,
                        size_t total, size_t *ret_sent)
{
    ssize_t sent = sys_send(socket->fd, parts, count);
    *ret_sent = sent > 0 ? (size_t)sent : 0;
    return outcome(socket, sent, total);
}

COLD static enum io keep_rest(struct socket *socket, struct slice bytes)
{
    ASSERT(!socket->rest && bytes.length > 0);
    socket->rest = malloc(sizeof(*socket->rest) + bytes.length);
    if (!socket->rest) {
        socket->writable = true;
        return socket_fail(socket, ENOMEM);
    }
    socket->rest->length = bytes.length;
    memcpy(socket->rest->bytes, bytes.data, bytes.length);
    return IO_PENDING;
}

COLD static void drop_rest(struct socket *socket)
{
    free(socket->rest);
    socket->rest = NULL;
}

/* Of what was said to be sent, some is lost, and whoever sent it believes that it is gone. */
COLD static void lose(struct socket *socket)
{
    socket->torn = true;
    socket->readable = true; /* why, or what the peer said last */
}

/* Not inlined: who has no rest need not pay for the guard of its frame. */
COLD __attribute__((noinline)) static void send_rest(struct socket *socket)
{
    struct socket_rest *rest = socket->rest;
    struct slice part = slice_of(rest->bytes, rest->length);
    size_t sent = 0;
    enum io io = send_now(socket, &part, 1, rest->length, &sent);
    rest->length -= sent;
    memmove(rest->bytes, rest->bytes + sent, rest->length);
    if (io == IO_PENDING)
        return;
    drop_rest(socket);
    if (io == IO_FAILED)
        lose(socket);
    else if (socket->shuts)
        (void)sys_shutdown_send(socket->fd);
}

COLD static enum io not_all_left(struct socket *socket, struct slice bytes, ssize_t sent)
{
    enum io io = bytes.length > 0 ? outcome(socket, sent, bytes.length) : IO_FAILED;
    if (io == IO_PENDING)
        io = keep_rest(socket, slice_from(bytes, sent > 0 ? (size_t)sent : 0));
    if (io == IO_FAILED)
        lose(socket);
    return io;
}

/* Sends what this socket had in the outbox. IO_DONE: all is gone. */
static inline enum io send_queued(struct socket *socket, struct slice bytes)
{
    socket->queued = 0;
    ssize_t sent = bytes.length > 0 ? sys_send_one(socket->fd, bytes) : 0;
    if (sent > 0 && (size_t)sent == bytes.length)
        return IO_DONE;
    return not_all_left(socket, bytes, sent);
}

/* Lets go what must leave before anything else is done. */
static inline enum io send_earlier(struct socket *socket)
{
    if (!socket->queued)
        return IO_DONE;
    return send_queued(socket, outbox_take(loop_outbox(socket->loop), socket->queued));
}

void socket_depart(struct socket *socket, struct slice bytes)
{
    ASSERT(socket_is_open(socket) && socket->queued);
    if (send_queued(socket, bytes) == IO_FAILED)
        socket->on_news(socket);
}

enum io socket_send(struct socket *socket, const struct slice *parts, size_t count,
                    size_t *ret_sent)
{
    ASSERT(socket_is_open(socket) && count > 0);
    *ret_sent = 0;
    enum io io = send_earlier(socket);
    if (io == IO_FAILED)
        return IO_FAILED;
    if (!socket->writable)
        return pending(socket);
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += parts[i].length;
    if (!socket->broken)
        socket->queued = outbox_put(loop_outbox(socket->loop), socket, parts, count, total, 0);
    else if (socket->torn)
        return IO_FAILED;
    if (!socket->queued) /* too long, or broken: what comes of it is to be known at once */
        return send_now(socket, parts, count, total, ret_sent);
    *ret_sent = total;
    return IO_DONE;
}

/* Whether what is said next can wait for the end of the turn: nothing that was said before waits.
 */
static inline bool can_put(const struct socket *socket)
{
    ASSERT(socket_is_open(socket));
    return !socket->queued && socket->writable && !socket->broken;
}

bool socket_put(struct socket *socket, struct slice bytes)
{
    if (!can_put(socket))
        return false;
    struct outbox *outbox = loop_outbox(socket->loop);
    socket->queued = outbox_put(outbox, socket, &bytes, 1, bytes.length, 0);
    return socket->queued != 0;
}

bool socket_put_draft(struct socket *socket, uint32_t length)
{
    if (!can_put(socket))
        return false;
    socket->queued = outbox_put_draft(loop_outbox(socket->loop), socket, length);
    return socket->queued != 0;
}

bool socket_send_sealed(struct socket *socket, const struct slice *parts, size_t count,
                        size_t total, size_t room)
{
    ASSERT(socket_is_open(socket) && socket->sealer && total > 0 && room > 0);
    if (send_earlier(socket) != IO_DONE || !socket->writable || socket->broken)
        return false;
    socket->queued = outbox_put(loop_outbox(socket->loop), socket, parts, count, total, room);
    return socket->queued != 0;
}

void socket_seal(struct socket *socket)
{
    if (socket->queued)
        outbox_seal(loop_outbox(socket->loop), socket->queued);
}

/* ---- splicing */

enum io socket_splice_in(struct socket *socket, int pipe, size_t count, size_t *ret_moved)
{
    ASSERT(socket_is_open(socket) && pipe >= 0 && count > 0);
    *ret_moved = 0;
    if (!socket->readable)
        return pending(socket);
    ssize_t moved = sys_splice(socket->fd, pipe, count, false);
    if (moved == 0)
        return IO_END;
    if (moved < 0 && moved != -EAGAIN)
        return socket_fail(socket, (int)-moved);
    if (moved > 0) {
        *ret_moved = (size_t)moved;
        return IO_DONE;
    }
    socket->readable = socket->ended;
    return pending(socket);
}

enum io socket_splice_out(struct socket *socket, int pipe, size_t count, bool more_follows,
                          size_t *ret_moved)
{
    ASSERT(socket_is_open(socket) && pipe >= 0 && count > 0);
    *ret_moved = 0;
    if (send_earlier(socket) == IO_FAILED || socket->torn)
        return IO_FAILED;
    if (!socket->writable)
        return pending(socket);
    ssize_t moved = sys_splice(pipe, socket->fd, count, more_follows);
    if (moved < 0 && moved != -EAGAIN)
        return socket_fail(socket, (int)-moved);
    if (moved > 0) {
        *ret_moved = (size_t)moved;
        return IO_DONE;
    }
    socket->writable = false;
    return pending(socket);
}

/* ---- the end */

void socket_shutdown_send(struct socket *socket)
{
    ASSERT(socket_is_open(socket));
    (void)send_earlier(socket);
    if (socket->rest)
        socket->shuts = true;
    else if (!socket->torn)
        (void)sys_shutdown_send(socket->fd); /* a connection that is over already needs no end */
}

/* Whether the loop goes on sending the rest; else it is lost. */
COLD static bool close_later(struct socket *socket, bool reset)
{
    if (!reset && last_words_begin(socket))
        return true;
    drop_rest(socket);
    socket->torn = true;
    return false;
}

void socket_close(struct socket *socket, bool reset)
{
    if (!socket_is_open(socket))
        return;
    (void)send_earlier(socket);
    loop_forget(socket->loop, &socket->watcher);
    if (socket->rest && close_later(socket, reset))
        return;
    if (reset || socket->torn)
        sys_close_reset(socket->fd);
    else
        sys_close(socket->fd);
    socket->fd = -1;
    socket->watched = false;
}

int socket_detach(struct socket *socket)
{
    ASSERT(socket_is_open(socket));
    if (send_earlier(socket) != IO_DONE || socket->rest || socket->torn)
        return -1;
    int fd = socket->fd;
    loop_forget(socket->loop, &socket->watcher);
    if (socket->watched)
        (void)sys_poll_remove(loop_poller(socket->loop), fd);
    socket->fd = -1;
    socket->watched = false;
    return fd;
}

static void on_acceptor_ready(struct watcher *watcher, unsigned what)
{
    struct acceptor *acceptor = CONTAINER_OF(watcher, struct acceptor, watcher);
    if (what & (SYS_READABLE | SYS_BROKEN))
        acceptor->on_news(acceptor);
}

bool acceptor_init(struct acceptor *acceptor, struct loop *loop, int fd,
                   void (*on_news)(struct acceptor *acceptor))
{
    ASSERT(fd >= 0 && on_news);
    *acceptor = (struct acceptor){
        .watcher = {.on_ready = on_acceptor_ready},
        .loop = loop,
        .fd = fd,
        .on_news = on_news,
    };
    return sys_poll_add(loop_poller(loop), fd, &acceptor->watcher, true) == 0;
}

void acceptor_fini(struct acceptor *acceptor)
{
    loop_forget(acceptor->loop, &acceptor->watcher);
    (void)sys_poll_remove(loop_poller(acceptor->loop), acceptor->fd);
}
