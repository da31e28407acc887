#pragma once
/* What the tools of the benchmark share: sockets on loopback, and the end of the tool where
 * something fails that never should. Each tool is one file; nothing here depends on src/. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SOCKET_BACKLOG = 4096,
    SOCKET_EVENTS = EPOLLIN | EPOLLOUT | EPOLLRDHUP, /* asked for once, always with EPOLLET */
};

/* Returns `result` of a call, or ends the tool with the reason where it failed. */
static inline int must(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

static inline void *must_allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) {
        must(-1, "calloc");
    }
    return memory;
}

/* Reads a whole number of the command line; anything else ends the tool. */
static inline uint64_t must_number(const char *text, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || value > max) {
        fprintf(stderr, "not a number up to %llu: %s\n", (unsigned long long)max, text);
        exit(2);
    }
    return value;
}

static inline struct sockaddr_in socket_loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A small answer must not wait for the acknowledgement of the one before. */
static inline void socket_no_delay(int fd)
{
    int on = 1;
    must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
}

/* A listening socket at every address of loopback (127.0.0.0/8), non-blocking; several threads may
 * each open their own on one port. */
static inline int socket_listen(uint16_t port)
{
    int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
    int on = 1;
    must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    must(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), "SO_REUSEPORT");
    must(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), "SO_BINDTODEVICE");
    struct sockaddr_in address = socket_loopback(port);
    address.sin_addr.s_addr = htonl(INADDR_ANY); /* of that device */
    must(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
    must(listen(fd, SOCKET_BACKLOG), "listen");
    return fd;
}

/* A non-blocking connection on its way to the port; -1 and errno where it was refused at once. */
static inline int socket_connect(uint16_t port)
{
    int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
    struct sockaddr_in address = socket_loopback(port);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    socket_no_delay(fd);
    return fd;
}

/* The next waiting connection, or -1 when there is none. */
static inline int socket_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno != EAGAIN && errno != ECONNABORTED) {
            must(fd, "accept");
        }
        return -1;
    }
    socket_no_delay(fd);
    return fd;
}

/* Registers a socket once for its life, edge-triggered; `owner` comes back with its events. */
static inline void socket_watch(int epoll, int fd, void *owner)
{
    struct epoll_event event = {.events = SOCKET_EVENTS | EPOLLET, .data.ptr = owner};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}
