#include "loop/farewell.h"

#include "base/assert.h"
#include "base/cold.h"
#include "loop/loop_int.h"
#include "loop/socket.h"
#include "loop/timer.h"
#include "sys/poll.h"

#include <stdlib.h>

struct farewell {
    struct list link;
    struct grave grave;
    struct timer limit;
    struct socket socket;
};

static void bury(struct grave *grave)
{
    free(CONTAINER_OF(grave, struct farewell, grave));
}

COLD static void end(struct farewell *farewell)
{
    struct loop *loop = farewell->socket.loop;
    timer_fini(&farewell->limit);
    list_remove(&farewell->link);
    loop_farewells(loop)->count--;
    socket_close(&farewell->socket, farewell->socket.rest != NULL);
    loop_bury(loop, &farewell->grave, bury);
}

static void on_limit(struct timer *timer)
{
    end(CONTAINER_OF(timer, struct farewell, limit));
}

/* The socket has tried to send its rest before it tells. */
static void on_news(struct socket *socket)
{
    if (!socket->rest)
        end(CONTAINER_OF(socket, struct farewell, socket));
}

COLD bool farewell_begin(struct socket *socket)
{
    ASSERT(socket_is_open(socket) && socket->rest && !socket->queued);
    struct loop *loop = socket->loop;
    struct farewells *farewells = loop_farewells(loop);
    struct farewell *farewell = farewells->count < FAREWELLS_MAX ? malloc(sizeof(*farewell)) : NULL;
    if (!farewell)
        return false;
    int fd = socket->fd;
    if (socket->watched)
        (void)sys_poll_remove(loop_poller(loop), fd);
    socket_init(&farewell->socket, loop, fd, on_news);
    farewell->socket.writable = false;
    farewell->socket.rest = socket->rest;
    socket->rest = NULL;
    socket->watched = false;
    socket->fd = -1;
    timer_init(&farewell->limit, on_limit);
    timer_set(loop, &farewell->limit, FAREWELL_MS);
    list_push_back(&farewells->list, &farewell->link);
    farewells->count++;
    if (!socket_watch(&farewell->socket)) /* tells at once where there is room by now */
        end(farewell);
    return true;
}

void farewells_cut(struct loop *loop)
{
    struct farewells *farewells = loop_farewells(loop);
    while (!list_is_empty(&farewells->list))
        end(CONTAINER_OF(farewells->list.next, struct farewell, link));
}
