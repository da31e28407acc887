/* What upstreams.c and lending.c share. */
#pragma once

#include "upstream/upstreams.h"

struct farewell_letter;
struct pool;
struct server_pool;

struct upstreams {
    struct loop *loop;
    struct server_registry *registry;
    const struct lending_circle *circle; /* NULL: nobody to borrow from */
    unsigned index;                      /* in the circle */
    uint32_t loans_asked;                /* and not answered yet */
    uint32_t waiters;                    /* in queues, or with a message under way */
    uint32_t searches;                   /* for room, under way or not taken note of (room.h) */
    struct pool *connections;
    struct server_pool **pools; /* by server id; made when first used */
    uint32_t pool_count;
    struct balancer **balancers; /* by the index of the upstream; made when first used */
    uint32_t balancer_count;
};

/* Connections of HTTP/2 carry many calls, which are counted by themselves: one more, if the server
 * may have it; one less. */
bool upstreams_admit(struct server *server, uint32_t limit);
void upstreams_discharge(struct server *server);

/* The connections of HTTP/2 that take calls. NULL: no memory. */
struct list *upstreams_shared(struct upstreams *upstreams, struct server *server);

/* The server has left an upstream: its idle connections are closed. */
void upstreams_close_idle_to(struct upstreams *upstreams, const struct server *server);

/* Nobody names the server: its idle connections are closed, and the letter is answered when none is
 * left. */
void upstreams_let_go(struct upstreams *upstreams, struct farewell_letter *letter);

/* Closes an idle connection that counts there. False: this loop has none. */
COLD bool upstreams_close_idle_of(struct upstreams *upstreams, const struct breaker *breaker);

/* An idle connection on its way from one loop to another. */
struct lent_connection {
    int fd;                  /* -1: there was none */
    unsigned moves;          /* of its server, when it was opened */
    struct breaker *breaker; /* in which it counts, also on its way */
};

/* One leaves this loop for another. False: there is none. */
bool upstreams_give_idle(struct upstreams *upstreams, struct server *server,
                         struct lent_connection *ret_lent);

/* It has come, or none has: for a user that still connects to the server, else for the pool. */
void upstreams_take_loan(struct upstreams *upstreams, struct server *server,
                         const struct lent_connection *lent);
