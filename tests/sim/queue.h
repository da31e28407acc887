/* Bytes in their order: put in at the end, taken from the beginning. */
#pragma once

#include "base/slice.h"

struct queue {
    char *data;
    size_t start, length, capacity;
};

void queue_fini(struct queue *queue);

/* Room for `size` bytes at the end, which then belong to the queue. */
char *queue_grow(struct queue *queue, size_t size);

void queue_put(struct queue *queue, struct slice bytes);
void queue_put_text(struct queue *queue, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline struct slice queue_bytes(const struct queue *queue)
{
    return slice_of(queue->data ? queue->data + queue->start : NULL, queue->length);
}

void queue_drop(struct queue *queue, size_t count);

/* Moves at most `count` bytes; returns how many. */
size_t queue_move(struct queue *to, struct queue *from, size_t count);
