#include "sim/queue.h"

#include "base/assert.h"
#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>

void queue_fini(struct queue *queue)
{
    sim_free(queue->data);
    *queue = (struct queue){0};
}

char *queue_grow(struct queue *queue, size_t size)
{
    if (queue->capacity - queue->start - queue->length < size) {
        if (queue->start > 0)
            memmove(queue->data, queue->data + queue->start, queue->length);
        queue->start = 0;
    }
    if (queue->capacity - queue->length < size) {
        queue->capacity = (queue->length + size) * 2;
        queue->data = sim_realloc(queue->data, queue->capacity);
    }
    char *room = queue->data + queue->start + queue->length;
    queue->length += size;
    return room;
}

void queue_put(struct queue *queue, struct slice bytes)
{
    if (bytes.length > 0)
        memcpy(queue_grow(queue, bytes.length), bytes.data, bytes.length);
}

void queue_put_text(struct queue *queue, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ASSERT(length >= 0 && (size_t)length < sizeof(text));
    queue_put(queue, slice_of(text, (size_t)length));
}

void queue_drop(struct queue *queue, size_t count)
{
    ASSERT(count <= queue->length);
    queue->start += count;
    queue->length -= count;
    if (queue->length == 0)
        queue->start = 0;
}

size_t queue_move(struct queue *to, struct queue *from, size_t count)
{
    if (count > from->length)
        count = from->length;
    queue_put(to, slice_until(queue_bytes(from), count));
    queue_drop(from, count);
    return count;
}
