#include "loop/outbox.h"

#include "base/assert.h"
#include "loop/socket.h"

uint32_t outbox_put(struct outbox *outbox, struct socket *socket, const struct slice *parts,
                    size_t count, size_t total, size_t room)
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

void outbox_seal(struct outbox *outbox, uint32_t number)
{
    ASSERT(number > 0 && number <= outbox->count);
    struct outbox_item *item = &outbox->items[number - 1];
    ASSERT(item->socket);
    if (item->room == 0)
        return;
    struct socket_sealer *sealer = item->socket->sealer;
    char *bytes = outbox->bytes + item->offset;
    size_t size =
        sealer->seal(sealer, slice_of(bytes, item->length), bytes + item->length, item->room);
    ASSERT(size <= item->room);
    item->offset += item->length;
    item->length = (uint16_t)size;
    item->room = 0;
}

struct slice outbox_take(struct outbox *outbox, uint32_t number)
{
    ASSERT(number > 0 && number <= outbox->count);
    struct outbox_item *item = &outbox->items[number - 1];
    ASSERT(item->socket);
    if (item->room > 0)
        outbox_seal(outbox, number);
    item->socket = NULL;
    return slice_of(outbox->bytes + item->offset, item->length);
}

static void seal_all(struct outbox *outbox)
{
    for (uint32_t number = 1; number <= outbox->count; number++) {
        if (outbox->items[number - 1].socket)
            outbox_seal(outbox, number);
    }
}

void outbox_let_go(struct outbox *outbox)
{
    if (outbox->seals)
        seal_all(outbox);
    for (uint32_t i = 0; i < outbox->count; i++) {
        if (outbox->items[i].socket)
            socket_depart(outbox->items[i].socket);
    }
    outbox->count = outbox->used = 0;
    outbox->seals = false;
}

bool outbox_is_empty(const struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->count; i++) {
        if (outbox->items[i].socket)
            return false;
    }
    return true;
}
