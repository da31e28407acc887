#include "loop/last_words.h"

#include "base/assert.h"
#include "base/cold.h"
#include "loop/loop_int.h"
#include "loop/socket.h"
#include "loop/timer.h"
#include "sys/poll.h"

#include <stdlib.h>

struct last_words {
    struct list link;
    struct grave grave;
    struct timer limit;
    struct socket socket;
};

static void bury(struct grave *grave)
{
    free(CONTAINER_OF(grave, struct last_words, grave));
}

COLD static void end(struct last_words *words)
{
    struct loop *loop = words->socket.loop;
    timer_fini(&words->limit);
    list_remove(&words->link);
    loop_last_words(loop)->count--;
    socket_close(&words->socket, words->socket.rest != NULL);
    loop_bury(loop, &words->grave, bury);
}

static void on_limit(struct timer *timer)
{
    end(CONTAINER_OF(timer, struct last_words, limit));
}

/* The socket has tried to send its rest before it tells. */
static void on_news(struct socket *socket)
{
    if (!socket->rest)
        end(CONTAINER_OF(socket, struct last_words, socket));
}

COLD bool last_words_begin(struct socket *socket)
{
    ASSERT(socket_is_open(socket) && socket->rest && !socket->queued);
    struct loop *loop = socket->loop;
    struct last_words_list *all = loop_last_words(loop);
    struct last_words *words = all->count < LAST_WORDS_MAX ? malloc(sizeof(*words)) : NULL;
    if (!words)
        return false;
    int fd = socket->fd;
    if (socket->watched)
        (void)sys_poll_remove(loop_poller(loop), fd);
    socket_init(&words->socket, loop, fd, on_news);
    words->socket.writable = false;
    words->socket.rest = socket->rest;
    socket->rest = NULL;
    socket->watched = false;
    socket->fd = -1;
    timer_init(&words->limit, on_limit);
    timer_set(loop, &words->limit, LAST_WORDS_MS);
    list_push_back(&all->list, &words->link);
    all->count++;
    if (!socket_watch(&words->socket)) /* tells at once where there is room by now */
        end(words);
    return true;
}

void last_words_cut(struct loop *loop)
{
    struct last_words_list *all = loop_last_words(loop);
    while (!list_is_empty(&all->list))
        end(CONTAINER_OF(all->list.next, struct last_words, link));
}
