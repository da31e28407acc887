#include "loop/outbox.h"

#include "base/assert.h"
#include "base/cold.h"
#include "loop/socket.h"

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

static void seal_all(struct outbox *outbox)
{
    for (uint32_t number = 1; number <= outbox->count; number++) {
        if (outbox->items[number - 1].socket)
            outbox_seal(outbox, number);
    }
}

COLD static void keep_draft(struct outbox *outbox)
{
    memmove(outbox->bytes, outbox_draft(outbox), OUTBOX_ITEM_MAX);
    outbox->draft = 0;
    outbox->used = OUTBOX_ITEM_MAX;
}

void outbox_let_go(struct outbox *outbox)
{
    if (outbox->seals)
        seal_all(outbox);
    for (uint32_t i = 0; i < outbox->count; i++) {
        struct socket *socket = outbox->items[i].socket;
        if (socket)
            socket_depart(socket, outbox_take(outbox, i + 1));
    }
    outbox->count = outbox->used = 0;
    outbox->seals = false;
    if (outbox->has_draft)
        keep_draft(outbox);
}

bool outbox_is_empty(const struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->count; i++) {
        if (outbox->items[i].socket)
            return false;
    }
    return !outbox->has_draft;
}
