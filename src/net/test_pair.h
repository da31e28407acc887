/* A transport on a loop with the bare descriptor of its peer, for the tests of this floor. */
#pragma once

#include "loop/loop.h"
#include "net/transport.h"
#include "sys/clock.h"
#include "sys/socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct test_pair {
    struct transport transport;
    int peer; /* -1: closed */
    unsigned news;
};

static void test_pair_on_news(struct socket *socket)
{
    CONTAINER_OF(socket, struct test_pair, transport.socket)->news++;
}

/* Over an abstract Unix address of its own: what is sent is there at once. */
static inline void test_pair_open(struct test_pair *pair, struct loop *loop)
{
    struct address address = {.ip = {.kind = ADDRESS_UNIX}};
    struct text name = text_over(address.path, ADDRESS_PATH_MAX);
    uint64_t random = 0;
    sys_random(&random, sizeof(random));
    text_print(&name, "@weir-test-%llx", (unsigned long long)random);
    struct sys_listen_options options = {.backlog = 1};
    int listening = sys_listen(&address, &options);
    assert_true(listening >= 0);
    bool pending = false;
    pair->peer = sys_connect(&address, &pending);
    assert_true(pair->peer >= 0 && !pending);
    struct ip ip;
    uint16_t port;
    int accepted = sys_accept(listening, &ip, &port);
    assert_true(accepted >= 0);
    sys_close(listening);
    socket_init(&pair->transport.socket, loop, accepted, test_pair_on_news);
    pair->transport.tls = NULL;
    pair->news = 0;
}

static inline void test_pair_close_peer(struct test_pair *pair)
{
    if (pair->peer >= 0)
        sys_close(pair->peer);
    pair->peer = -1;
}

static inline void test_pair_close(struct test_pair *pair)
{
    transport_close(&pair->transport, false);
    test_pair_close_peer(pair);
}

/* Writes what there is room for; returns how much. */
static inline size_t test_pair_write(struct test_pair *pair, struct slice bytes)
{
    size_t total = 0;
    while (total < bytes.length) {
        struct slice rest = slice_from(bytes, total);
        ssize_t written = sys_send(pair->peer, &rest, 1);
        if (written <= 0)
            break;
        total += (size_t)written;
    }
    return total;
}

/* Reads what is there, at most `size`; returns how much. */
static inline size_t test_pair_read(struct test_pair *pair, char *memory, size_t size)
{
    size_t total = 0;
    while (total < size) {
        ssize_t got = sys_receive(pair->peer, memory + total, size - total);
        if (got <= 0)
            break;
        total += (size_t)got;
    }
    return total;
}

/* Turns until there was news. */
static inline void test_pair_await(struct test_pair *pair, struct loop *loop)
{
    unsigned before = pair->news;
    while (pair->news == before)
        loop_turn(loop, -1);
}
