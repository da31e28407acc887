#include "loop/outbox.h"

#include "base/assert.h"
#include "loop/socket.h"

uint32_t outbox_put(struct outbox *outbox, struct socket *socket, const struct slice *parts,
                    size_t count, size_t total)
{
    if (total > OUTBOX_ITEM_MAX || total > OUTBOX_BYTES - outbox->used ||
        outbox->count == OUTBOX_ITEMS)
        return 0;
    char *at = outbox->bytes + outbox->used;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, parts[i].data, parts[i].length);
        at += parts[i].length;
    }
    outbox->items[outbox->count++] =
        (struct outbox_item){.socket = socket, .offset = outbox->used, .length = (uint32_t)total};
    outbox->used += (uint32_t)total;
    return outbox->count;
}

struct slice outbox_take(struct outbox *outbox, uint32_t number)
{
    ASSERT(number > 0 && number <= outbox->count);
    struct outbox_item *item = &outbox->items[number - 1];
    ASSERT(item->socket);
    item->socket = NULL;
    return slice_of(outbox->bytes + item->offset, item->length);
}

void outbox_let_go(struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->count; i++) {
        if (outbox->items[i].socket)
            socket_depart(outbox->items[i].socket);
    }
    outbox->count = outbox->used = 0;
}

bool outbox_is_empty(const struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->count; i++) {
        if (outbox->items[i].socket)
            return false;
    }
    return true;
}
