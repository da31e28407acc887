/* The virtual network: connections as TCP makes them. Each direction has a bounded queue at the
 * sender and one at the receiver; bytes go from one to the other in pieces, after a while. Ends are
 * held by the product through descriptors (sys_socket.c), or by simulated clients and servers
 * directly. Nothing here waits; results below zero are -errno, as the system's. */
#pragma once

#include "base/address.h"
#include "base/list.h"
#include "sim/queue.h"
#include "sim/world.h"

struct connection;

struct end {
    struct connection *connection;
    struct end *other;
    struct ip ip; /* of this end */
    uint16_t port;
    struct queue in;  /* arrived, not yet received */
    struct queue out; /* sent, under way to the other end */
    size_t in_max, out_max;
    size_t glued;    /* bytes at the beginning of `out` that arrive in one piece */
    bool connecting; /* not known yet whether it reaches the other side */
    bool out_ended;  /* an end follows behind `out` */
    bool in_ended;   /* the other side's end has arrived */
    bool shut;       /* no more may be sent */
    bool closed;     /* nobody holds this end any more */
    bool reset;      /* over, by a reset or a refusal */
    bool wants_room; /* a send found no room: room is news */
    bool forgets;    /* a reset destroys what was not received yet (not so on Linux) */
    int error;       /* errno that the next call tells */
    int fd;          /* the product's descriptor for it, or -1 */
    void *owner;     /* the simulated client or server */
    void (*on_news)(struct end *end); /* something changed */
    struct event transfer, resetting;
    struct event nudge; /* of the product's: an edge that was promised */
};

struct connection {
    struct list link;
    unsigned number;
    struct end ends[2]; /* 0: who connected */
    struct address to;
    struct event outcome, breaking;
};

/* What the network is like. */
struct network {
    uint32_t latency_us;          /* of a piece, at most */
    uint32_t piece;               /* bytes of a piece, at most */
    uint32_t out_least, out_most; /* what an end may have under way */
    uint32_t in_least, in_most;   /* what it may have received */
    uint32_t break_one_in; /* a connection is reset at some time, once in so many; 0: never */
    uint32_t break_us;     /* within that time */
};

void network_begin(const struct network *network, uint64_t seed);

/* All ends must be closed or reset; frees everything. */
void network_end(void);

/* Connections that ever were, and bytes under way. */
unsigned network_connections(void);

/* ---- where connections arrive */

enum port_answer { PORT_ACCEPTS, PORT_REFUSES, PORT_IGNORES };

struct port {
    struct list link;
    struct address address;
    void *owner;
    enum port_answer (*on_knock)(struct port *port);
    void (*on_arrival)(struct port *port, struct end *end);
};

/* False: the address is taken. */
bool port_open(struct port *port);
void port_close(struct port *port);

/* ---- ends */

/* Begins a connection; the end's news tell the outcome. On a Unix address there is no waiting, and
 * NULL is a refusal. */
struct end *end_connect(const struct address *address, const struct ip *from,
                        void (*on_news)(struct end *end), void *owner);

/* Bytes taken, or -errno. */
int64_t end_send(struct end *end, struct slice bytes);

/* Bytes put into `memory`, 0 at the other side's end, or -errno. */
int64_t end_receive(struct end *end, void *memory, size_t size);

/* The next `count` bytes that are sent arrive together. */
void end_glue(struct end *end, size_t count);

void end_shutdown(struct end *end);

/* Unread bytes make it a reset, as on Linux (RFC 2525 2.17). */
void end_close(struct end *end);
void end_reset(struct end *end);

/* The error that was not told yet, 0 for none. */
int end_take_error(struct end *end);

/* Room for a send, and whether that is enough to be told of. */
size_t end_room(const struct end *end);
bool end_is_writable(const struct end *end);
