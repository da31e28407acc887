#include "net/listener.h"

#include "base/assert.h"
#include "sys/socket.h"

#include <errno.h>

enum {
    BACKLOG = 4096,
    ACCEPTS_PER_TURN = 64, /* then running exchanges have their turn */
    PAUSE_MS = 100,
};

int listener_open(struct listener *listener, struct sys_opener *opener,
                  const struct address *address, unsigned loops, bool is_first)
{
    ASSERT(loops > 0 && loops <= LISTENER_LOOPS_MAX);
    *listener = (struct listener){.address = *address};
    bool share = address->ip.kind != ADDRESS_UNIX && loops > 1;
    unsigned wanted = share ? loops : 1;
    struct sys_listen_options options = {.share = share, .backlog = BACKLOG};
    struct address bound = *address;
    for (unsigned i = 0; i < wanted; i++) {
        options.is_first = is_first && i == 0;
        int fd = opener->listen(opener, &bound, &options);
        if (fd == -EALREADY && i > 0)
            break;
        if (fd < 0) {
            listener_close(listener);
            return fd;
        }
        listener->sockets[listener->socket_count++] = fd;
        bound.port = sys_local_port(fd);
    }
    listener->port = bound.port;
    return 0;
}

void listener_close(struct listener *listener)
{
    for (unsigned i = 0; i < listener->socket_count; i++)
        sys_close(listener->sockets[i]);
    listener->socket_count = 0;
}

static bool is_out_of_descriptors(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

/* Accepts at most so many. False: the process is out of descriptors. */
static bool accept_some(struct listener_share *share, unsigned most)
{
    ASSERT(share->on_client && most > 0);
    for (unsigned i = 0; i < most; i++) {
        struct ip peer;
        uint16_t port;
        int fd = sys_accept(share->acceptor.fd, &peer, &port);
        if (fd == -ECONNABORTED)
            continue; /* that one is gone; others may wait */
        if (fd < 0)
            return !is_out_of_descriptors(fd);
        share->on_client(share, fd, &peer, port);
    }
    return true;
}

static void on_news(struct acceptor *acceptor)
{
    struct listener_share *share = CONTAINER_OF(acceptor, struct listener_share, acceptor);
    if (accept_some(share, ACCEPTS_PER_TURN))
        return;
    acceptor_fini(&share->acceptor);
    timer_set(acceptor->loop, &share->pause, PAUSE_MS);
}

static void on_pause_over(struct timer *timer)
{
    ASSERT(!timer_is_set(timer));
    struct listener_share *share = CONTAINER_OF(timer, struct listener_share, pause);
    struct loop *loop = share->acceptor.loop;
    if (!acceptor_init(&share->acceptor, loop, share->acceptor.fd, on_news))
        timer_set(loop, &share->pause, PAUSE_MS);
}

void listener_share_open(struct listener_share *share, struct loop *loop, unsigned loop_index)
{
    const struct listener *listener = share->listener;
    ASSERT(listener->socket_count > 0);
    unsigned index = loop_index % listener->socket_count;
    timer_init(&share->pause, on_pause_over);
    if (!acceptor_init(&share->acceptor, loop, listener->sockets[index], on_news))
        timer_set(loop, &share->pause, PAUSE_MS);
}

void listener_share_close(struct listener_share *share)
{
    (void)accept_some(share, BACKLOG);
    if (!timer_is_set(&share->pause))
        acceptor_fini(&share->acceptor);
    timer_fini(&share->pause);
}
