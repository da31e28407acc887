/* Listening sockets that outlive the worker: the supervisor holds each, and every worker is given
 * copies of the same ones in the same order, so that no port closes and nobody who waits to be
 * accepted is lost when a worker dies. One thread. */
#pragma once

#include "base/list.h"
#include "sys/socket.h"

struct kept_listeners {
    struct list entries;
};

void kept_listeners_init(struct kept_listeners *listeners);

/* The socket for the next asking of the same address; opened where there is none. It stays ours.
 * The port is named: configurations have no port 0. -EALREADY: all sockets of the address were
 * given, and beside them there cannot be another (sys/open.h). Else -errno: it cannot be had
 * (-EMFILE: a worker has no more loops than it has asked for sockets already). */
int kept_listeners_get(struct kept_listeners *listeners, const struct address *address,
                       const struct sys_listen_options *options);

/* Closes all sockets of an address, and removes the file of a Unix socket; nothing where there are
 * none. */
void kept_listeners_forget(struct kept_listeners *listeners, const struct address *address);

/* Keeps a socket that whoever started Weir has opened, which is ours then. What it is, is given to
 * who asks for its address, and no other is opened beside it. False: no memory. */
bool kept_listeners_add_foreign(struct kept_listeners *listeners, const struct address *address,
                                int fd);

bool kept_listeners_have(const struct kept_listeners *listeners, const struct address *address);

/* A new worker begins to ask. */
void kept_listeners_rewind(struct kept_listeners *listeners);

/* The new worker has failed, and the one before it serves on: closes what was opened since. */
void kept_listeners_drop_fresh(struct kept_listeners *listeners);

/* The new worker has asked for all that it needs: closes what nobody asked for, and removes the
 * files of such Unix sockets. Tells of foreign ones. */
void kept_listeners_settle(struct kept_listeners *listeners);

/* Closes our copies and frees everything; `for_good` removes the files of Unix sockets, too. */
void kept_listeners_fini(struct kept_listeners *listeners, bool for_good);

/* Writes a record for each into an estate, 0 or -errno; and takes one from there. False: it is
 * malformed, or there is no memory. */
int kept_listeners_write(const struct kept_listeners *listeners, int file);
bool kept_listeners_read(struct kept_listeners *listeners, struct slice value);

/* sys_pass_descriptor for each. What was read from an estate is taken over by it: not before are
 * the descriptors ours. */
bool kept_listeners_pass(struct kept_listeners *listeners, bool are_passed);
