#include "sys/poll.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct sys_poller {
    int epoll, wake;
};

static int add(const struct sys_poller *poller, int fd, void *owner, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = owner}};
    return epoll_ctl(poller->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

struct sys_poller *sys_poller_new(void)
{
    struct sys_poller *poller = calloc(1, sizeof(*poller));
    if (!poller)
        return NULL;
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    poller->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (poller->epoll < 0 || poller->wake < 0 ||
        add(poller, poller->wake, NULL, EPOLLIN | EPOLLET) != 0) {
        sys_poller_free(poller);
        return NULL;
    }
    return poller;
}

void sys_poller_free(struct sys_poller *poller)
{
    if (!poller)
        return;
    if (poller->epoll >= 0)
        (void)close(poller->epoll);
    if (poller->wake >= 0)
        (void)close(poller->wake);
    free(poller);
}

int sys_poll_add(struct sys_poller *poller, int fd, void *owner, bool listening)
{
    ASSERT(owner);
    uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    return add(poller, fd, owner, listening ? EPOLLIN | EPOLLEXCLUSIVE : events);
}

int sys_poll_remove(struct sys_poller *poller, int fd)
{
    return epoll_ctl(poller->epoll, EPOLL_CTL_DEL, fd, NULL) == 0 ? 0 : -errno;
}

#define IS_TOLD_AS(what, events) _Static_assert((unsigned)(what) == (unsigned)(events), #events)
IS_TOLD_AS(SYS_READABLE, EPOLLIN);
IS_TOLD_AS(SYS_WRITABLE, EPOLLOUT);
IS_TOLD_AS(SYS_ENDED, EPOLLRDHUP);
IS_TOLD_AS(SYS_BROKEN, EPOLLHUP | EPOLLERR);

size_t sys_poll_wait(struct sys_poller *poller, struct sys_ready *ret_ready, size_t max,
                     int timeout_ms)
{
    enum { BATCH = 128 };
    struct epoll_event events[BATCH];
    int count = epoll_wait(poller->epoll, events, max < BATCH ? (int)max : BATCH, timeout_ms);
    for (int i = 0; i < count; i++)
        ret_ready[i] = (struct sys_ready){events[i].data.ptr, events[i].events};
    return count > 0 ? (size_t)count : 0;
}

void sys_poll_wake(struct sys_poller *poller)
{
    /* Edge-triggered: each write is an edge, and nobody needs to read the counter. It cannot
     * overflow in the life of a process. */
    uint64_t one = 1;
    ssize_t written = write(poller->wake, &one, sizeof(one));
    ASSERT(written == sizeof(one));
}
