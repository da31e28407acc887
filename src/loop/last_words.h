/* What closed sockets leave behind: bytes that were said to be sent and that the system would not
 * take yet. As the system does with what it has taken, the loop goes on sending them in the
 * background and then ends the connection. Nobody waits for that but who ends the loop. Belongs to
 * one loop. */
#pragma once

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>

struct loop;
struct socket;

enum {
    LAST_WORDS_MS = 30000, /* so long the peer may take to take it */
    LAST_WORDS_MAX = 1024, /* of a loop; they hold descriptors that no limit on clients counts */
};

struct last_words_list {
    struct list list;
    size_t count;
};

/* Takes the descriptor and the rest out of an open socket that has one; it is closed afterwards.
 * False: there are too many, or no memory, and nothing was taken. */
bool last_words_begin(struct socket *socket);

/* Resets the connections that are left. */
void last_words_cut(struct loop *loop);
