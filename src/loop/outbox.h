/* What the sockets of a loop have said in little in one turn. It leaves at the turn's end, one
 * behind the other: a send is long code of the kernel's, which between two exchanges would drive
 * ours out of the processor's caches, and be driven out by it. Belongs to one loop. */
#pragma once

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct socket;

enum {
    OUTBOX_ITEMS = 128,
    OUTBOX_ITEM_MAX = 4096, /* bytes of a send that may wait */
    OUTBOX_BYTES = 64 * 1024,
};

struct outbox_item {
    struct socket *socket; /* NULL: taken out */
    uint32_t offset, length;
};

struct outbox {
    uint32_t count, used; /* items, and bytes of all */
    struct outbox_item items[OUTBOX_ITEMS];
    char bytes[OUTBOX_BYTES];
};

/* Copies the parts, `total` bytes in all. Returns the item's number, from 1; 0: no room, or it is
 * too long to wait. */
uint32_t outbox_put(struct outbox *outbox, struct socket *socket, const struct slice *parts,
                    size_t count, size_t total);

/* Takes an item out. Its bytes are good until the next one is put in. */
struct slice outbox_take(struct outbox *outbox, uint32_t number);

/* Has socket_depart called for each that is still in it, in their order; what is put in meanwhile
 * is the last. */
void outbox_let_go(struct outbox *outbox);

/* Whether all items were taken out. */
bool outbox_is_empty(const struct outbox *outbox);
