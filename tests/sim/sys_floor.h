/* What the files that stand in for src/sys/ share: the table of descriptors. Using a descriptor
 * that is not open, or of the wrong kind, breaks a rule. */
#pragma once

#include "sim/fault.h"
#include "sim/network.h"
#include "sys/poll.h"

enum descriptor_kind { DESCRIPTOR_FREE, DESCRIPTOR_SOCKET, DESCRIPTOR_LISTENER, DESCRIPTOR_PIPE };

/* Where clients of the product arrive: an address, with a listening socket or several that share
 * it. */
struct gate {
    struct port port;
    struct list members;
    unsigned count;
};

struct listening {
    struct list link; /* among the gate's members */
    struct gate *gate;
    struct list waiting; /* of struct arrival */
    int fd;
};

struct tube {
    struct queue bytes;
    size_t capacity;
    unsigned holders;
};

struct descriptor {
    enum descriptor_kind kind;
    int number;
    struct end *end;
    struct listening *listening;
    struct tube *tube;
    bool writes_tube; /* the end of a pipe to write to */
    struct sys_poller *poller;
    void *watcher;
    struct list ready; /* in the poller's list of what may have news */
};

/* Of the lowest number that is free. -EMFILE. */
int descriptor_new(enum descriptor_kind kind);
struct descriptor *descriptor_get(int fd, enum descriptor_kind kind);
void descriptor_free(int fd);
struct descriptor *descriptor_any(int fd);

unsigned descriptors_open(void);
void descriptors_begin(void);
void poll_begin(void);
void descriptors_end(void); /* none may be left */

/* There may be news on it: the poller looks. */
void poll_tell(int fd);

/* What a poll of a socket says now. */
unsigned poll_socket(struct end *end);

/* Each system call begins here: time passes, and what arrives meanwhile arrives. */
void floor_enter(void);

/* Lets the world go on until a loop with one of the pollers may turn; and which of them may. */
void floor_wait(void);
bool floor_may_turn(const struct sys_poller *poller);

/* Called before every wait: a turn of the loop is over. */
extern void (*floor_on_turn)(void);
