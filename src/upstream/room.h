/* Room for connections: where the circuit breaker of an upstream has max_connections, one more is
 * opened only where there is room. A connection has its room from before it is opened until after
 * it is closed, on whatever loop, in use or idle. Where there is none, an idle one has to go first:
 * one of this loop at once, else another loop is asked by mailbox, one after the other, whether it
 * has one. That search brings the room with it, so that nobody else takes it on the way. */
#pragma once

#include "base/cold.h"
#include "loop/loop.h"
#include "upstream/breaker.h"

struct upstreams;

/* On whose account a connection is opened. */
struct connection_account {
    struct breaker *breaker;
    uint32_t limit; /* of connections; 0: any number */
    bool has_room;  /* it was found already */
};

/* Takes what room there is, on the account or by closing idle connections of this loop. */
bool room_take(struct upstreams *upstreams, struct connection_account *account);

/* A connection is gone. */
static inline void room_give_back(struct breaker *breaker)
{
    breaker_disconnect(breaker);
}

/* On its way over the other loops. */
struct room_search {
    struct message message;
    struct upstreams *home;
    struct connection_account account;
    unsigned at;  /* whom it asks, in the circle */
    bool is_over; /* it is back; `account.has_room` says with what */
    void *owner;  /* NULL: has left */
    void (*on_end)(void *owner);
};

/* Sets out; `on_end` comes from the loop, once. NULL: there is nobody to ask, or no memory. */
COLD struct room_search *room_search(struct upstreams *upstreams,
                                     const struct connection_account *account, void *owner,
                                     void (*on_end)(void *owner));

/* The owner leaves it: what it has found, or will find, goes back, and `search` is gone. */
COLD void room_search_leave(struct room_search *search);
