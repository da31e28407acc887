/* The floor under every proxy: a bare TCP relay. It reads nothing of what it passes on; a small
 * request and its answer cost it two receives and two sends, and one server connection belongs
 * to each client connection.
 *
 *     relay PORT SERVER_PORT [THREADS]
 *
 * A pair holds no buffer: each thread has one, and only what a slow reader did not take at once
 * is kept aside, until it is gone nothing more is read for that reader. */
#include "socket.h"
#include <pthread.h>

enum { BUFFER_SIZE = 64 * 1024, EVENTS_MAX = 256, THREADS_MAX = 64 };

struct side {
    struct side *other;
    struct pair *pair;
    char *kept; /* what this side did not take yet; NULL when nothing waits */
    size_t kept_length;
    size_t kept_sent;
    int fd;
    bool ended; /* this side sent its end, and the other was told */
};

/* Owned by its thread; freed between two batches of events, which may still name its sides. */
struct pair {
    struct side client;
    struct side server;
    struct pair *next_dead;
    bool dead;
};

struct relay {
    int epoll;
    int listener;
    uint16_t server_port;
    struct pair *dead;
    char buffer[BUFFER_SIZE];
};

static void pair_retire(struct relay *relay, struct pair *pair)
{
    if (pair->dead) {
        return;
    }
    pair->dead = true;
    close(pair->client.fd);
    close(pair->server.fd);
    pair->next_dead = relay->dead;
    relay->dead = pair;
}

static void bury_dead(struct relay *relay)
{
    while (relay->dead) {
        struct pair *pair = relay->dead;
        relay->dead = pair->next_dead;
        free(pair->client.kept);
        free(pair->server.kept);
        free(pair);
    }
}

static void pair_open(struct relay *relay, int client)
{
    int server = socket_connect(relay->server_port);
    if (server < 0) {
        close(client);
        return;
    }
    struct pair *pair = must_allocate(1, sizeof *pair);
    pair->client = (struct side){.other = &pair->server, .pair = pair, .fd = client};
    pair->server = (struct side){.other = &pair->client, .pair = pair, .fd = server};
    socket_watch(relay->epoll, client, &pair->client);
    socket_watch(relay->epoll, server, &pair->server);
}

/* Returns how much the side took, 0 where it takes nothing now, -1 where it is gone. */
static ssize_t side_send(struct side *to, const char *bytes, size_t length)
{
    ssize_t sent = send(to->fd, bytes, length, MSG_NOSIGNAL);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

static bool send_or_keep(struct side *to, const char *bytes, size_t length)
{
    ssize_t sent = side_send(to, bytes, length);
    if (sent < 0) {
        return false;
    }
    if ((size_t)sent < length) {
        to->kept_length = length - (size_t)sent;
        to->kept_sent = 0;
        to->kept = must_allocate(1, to->kept_length);
        memcpy(to->kept, bytes + sent, to->kept_length);
    }
    return true;
}

static bool send_kept(struct side *to)
{
    ssize_t sent = side_send(to, to->kept + to->kept_sent, to->kept_length - to->kept_sent);
    if (sent < 0) {
        return false;
    }
    to->kept_sent += (size_t)sent;
    if (to->kept_sent == to->kept_length) {
        free(to->kept);
        to->kept = NULL;
    }
    return true;
}

/* Passes on the end of one side. False when both have ended. */
static bool pass_end(struct side *from)
{
    from->ended = true;
    shutdown(from->other->fd, SHUT_WR);
    return !from->other->ended;
}

/* Moves what one side sent to the other. A short read means that nothing more is there, unless
 * the end may stand behind it (`to_end`). Returns false when the pair is done. */
static bool pump(struct relay *relay, struct side *from, bool to_end)
{
    while (!from->ended && !from->other->kept) {
        ssize_t length = recv(from->fd, relay->buffer, BUFFER_SIZE, 0);
        if (length == 0) {
            return pass_end(from);
        }
        if (length < 0) {
            return errno == EAGAIN;
        }
        if (!send_or_keep(from->other, relay->buffer, (size_t)length)) {
            return false;
        }
        if (length < BUFFER_SIZE && !to_end) {
            return true;
        }
    }
    return true;
}

static bool side_run(struct relay *relay, struct side *side, uint32_t events)
{
    if (side->kept && (events & EPOLLOUT)) {
        if (!send_kept(side)) {
            return false;
        }
        if (!side->kept && !pump(relay, side->other, true)) {
            return false;
        }
    }
    if (events & ~(uint32_t)EPOLLOUT) {
        return pump(relay, side, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    }
    return true;
}

static void accept_all(struct relay *relay)
{
    for (int fd; (fd = socket_accept(relay->listener)) >= 0;) {
        pair_open(relay, fd);
    }
}

static void on_event(struct relay *relay, struct side *side, uint32_t events)
{
    if (!side) {
        accept_all(relay);
    } else if (!side->pair->dead && !side_run(relay, side, events)) {
        pair_retire(relay, side->pair);
    }
}

static void *relay_run(void *argument)
{
    struct relay *relay = argument;
    struct epoll_event events[EVENTS_MAX];
    socket_watch(relay->epoll, relay->listener, NULL);
    for (;;) {
        int count = epoll_wait(relay->epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            on_event(relay, events[i].data.ptr, events[i].events);
        }
        bury_dead(relay);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: relay PORT SERVER_PORT [THREADS]\n");
        return 2;
    }
    uint64_t threads = argc == 4 ? must_number(argv[3], THREADS_MAX) : 1;
    for (uint64_t i = 1; i <= threads; i++) {
        struct relay *relay = must_allocate(1, sizeof *relay);
        relay->epoll = must(epoll_create1(0), "epoll_create1");
        relay->listener = socket_listen((uint16_t)must_number(argv[1], UINT16_MAX));
        relay->server_port = (uint16_t)must_number(argv[2], UINT16_MAX);
        pthread_t thread;
        if (i == threads) {
            relay_run(relay);
        } else if (pthread_create(&thread, NULL, relay_run, relay) != 0) {
            must(-1, "pthread_create");
        }
    }
    return 0;
}
