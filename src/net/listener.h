/* Listening: sockets are opened once, as many per TCP address as there are loops, and each loop
 * accepts from its own. */
#pragma once

#include "loop/socket.h"
#include "loop/timer.h"
#include "sys/open.h"

enum { LISTENER_LOOPS_MAX = 256 };

/* One address with its sockets, shared by all loops; lives in the registry of listeners and
 * outlives snapshots. */
struct listener {
    struct address address;
    uint16_t port;         /* the bound one, where the address says 0 */
    unsigned socket_count; /* fewer than loops where they cannot be many (Unix): some share one */
    int sockets[LISTENER_LOOPS_MAX];
};

/* Binds and listens; `is_first` as sys_listen has it. 0, or -errno with nothing left open. */
int listener_open(struct listener *listener, struct sys_opener *opener,
                  const struct address *address, unsigned loops, bool is_first);
void listener_close(struct listener *listener);

/* A loop's share in a listener. */
struct listener_share {
    struct acceptor acceptor;
    struct timer pause;              /* set while the process is out of descriptors */
    const struct listener *listener; /* while it is open */
    void *owner;
    /* The descriptor is the receiver's. */
    void (*on_client)(struct listener_share *share, int fd, const struct ip *peer, uint16_t port);
};

/* When the system is out of descriptors or refuses for another reason, accepting pauses for a
 * moment and is tried again, so that the clients that wait do not keep the loop busy. */
void listener_share_open(struct listener_share *share, struct loop *loop, unsigned loop_index);

/* Accepts until nobody waits, then stops listening on this loop. */
void listener_share_close(struct listener_share *share);
