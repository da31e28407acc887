/* What the sockets of a loop have said in little in one turn. It leaves at the turn's end, one
 * behind the other: a send is long code of the kernel's, which between two exchanges would drive
 * ours out of the processor's caches, and be driven out by it. Belongs to one loop. */
#pragma once

#include "base/assert.h"
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
    uint32_t offset;
    uint16_t length;
    uint16_t room; /* behind it, for what the socket's sealer makes of it; 0: it leaves as it is */
};

struct outbox {
    uint32_t count, used; /* items, and bytes of all */
    uint32_t draft;       /* where it begins, where there is one */
    bool has_draft;
    bool seals; /* some were put in to be sealed */
    struct outbox_item items[OUTBOX_ITEMS];
    char bytes[OUTBOX_BYTES];
};

/* Copies the parts, `total` bytes in all; with `room`, they are to be sealed. Returns the item's
 * number, from 1; 0: there is none left, or it is empty or too long to wait. */
static inline uint32_t outbox_put(struct outbox *outbox, struct socket *socket,
                                  const struct slice *parts, size_t count, size_t total,
                                  size_t room)
{
    if (total == 0 || total > OUTBOX_ITEM_MAX || total + room > OUTBOX_BYTES - outbox->used ||
        outbox->count == OUTBOX_ITEMS)
        return 0;
    char *at = outbox->bytes + outbox->used;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, parts[i].data, parts[i].length);
        at += parts[i].length;
    }
    outbox->items[outbox->count++] = (struct outbox_item){.socket = socket,
                                                          .offset = outbox->used,
                                                          .length = (uint16_t)total,
                                                          .room = (uint16_t)room};
    outbox->used += (uint32_t)(total + room);
    outbox->seals |= room > 0;
    return outbox->count;
}

/* ---- A draft is what is written where it will be sent from. There is one at a time, which is good
 * for any number of turns, but where it lies changes when one ends. */

/* Begins one, with room for OUTBOX_ITEM_MAX bytes. False: there is one already, or too little room.
 */
static inline bool outbox_begin_draft(struct outbox *outbox)
{
    if (outbox->has_draft || OUTBOX_ITEM_MAX > OUTBOX_BYTES - outbox->used ||
        outbox->count == OUTBOX_ITEMS)
        return false;
    outbox->has_draft = true;
    outbox->draft = outbox->used;
    outbox->used += OUTBOX_ITEM_MAX;
    return true;
}

static inline char *outbox_draft(struct outbox *outbox)
{
    return outbox->bytes + outbox->draft;
}

/* The draft is no more but for its first `length` bytes. What follows it stays where it is. */
static inline void outbox_end_draft(struct outbox *outbox, uint32_t length)
{
    outbox->has_draft = false;
    if (outbox->used == outbox->draft + OUTBOX_ITEM_MAX)
        outbox->used = outbox->draft + length;
}

/* Makes of the first `length` bytes, more than none, an item. Returns its number, from 1; 0: there
 * is none left, and the draft is as it was. */
static inline uint32_t outbox_put_draft(struct outbox *outbox, struct socket *socket,
                                        uint32_t length)
{
    if (outbox->count == OUTBOX_ITEMS)
        return 0;
    outbox->items[outbox->count++] =
        (struct outbox_item){.socket = socket, .offset = outbox->draft, .length = (uint16_t)length};
    outbox_end_draft(outbox, length);
    return outbox->count;
}

/* ---- leaving */

/* Has an item sealed that was put in to be, if it is not yet. */
void outbox_seal(struct outbox *outbox, uint32_t number);

/* Takes an item out, sealed where it was to be; empty: that failed. Its bytes are good until the
 * next one is put in. */
static inline struct slice outbox_take(struct outbox *outbox, uint32_t number)
{
    ASSERT(number > 0 && number <= outbox->count);
    struct outbox_item *item = &outbox->items[number - 1];
    ASSERT(item->socket);
    if (item->room > 0)
        outbox_seal(outbox, number);
    item->socket = NULL;
    return slice_of(outbox->bytes + item->offset, item->length);
}

/* Has what is to be sealed sealed, then socket_depart called for each that is still in it, in their
 * order; what is put in meanwhile is the last. */
void outbox_let_go(struct outbox *outbox);

/* Whether all items were taken out, and there is no draft. */
bool outbox_is_empty(const struct outbox *outbox);
