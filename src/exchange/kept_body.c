#include "exchange/kept_body.h"

#include "base/assert.h"

#include <string.h>

bool kept_body_add(struct span *body, struct buffer_pools *pools, const struct span *piece,
                   size_t room)
{
    struct slice bytes = span_slice(piece);
    ASSERT(bytes.length > 0 && body->length <= room);
    if (bytes.length > room - body->length)
        return false;
    if (body->buffer) {
        memcpy(body->buffer->data + body->length, bytes.data, bytes.length);
        body->length += piece->length;
        return true;
    }
    struct buffer *buffer = buffer_new(pools, room);
    if (!buffer)
        return false;
    memcpy(buffer->data, bytes.data, bytes.length);
    *body = span_take_buffer(buffer, bytes.length);
    return true;
}
