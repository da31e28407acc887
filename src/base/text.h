/* A text under construction, in memory of fixed size that somebody else owns. What does not fit is
 * cut, and the text remembers that it was: build first, ask `text_is_cut` once. Any thread. */
#pragma once

#include "base/slice.h"

struct text {
    char *data;
    size_t length, capacity;
    bool cut;
};

/* Writes into `memory`, which must outlive the text. */
static inline struct text text_over(char *memory, size_t capacity)
{
    return (struct text){.data = memory, .capacity = capacity};
}

static inline void text_add(struct text *text, struct slice bytes)
{
    size_t room = text->capacity - text->length;
    if (bytes.length > room) {
        text->cut = true;
        bytes.length = room;
    }
    if (bytes.length == 0)
        return;
    memcpy(text->data + text->length, bytes.data, bytes.length);
    text->length += bytes.length;
}

static inline void text_add_byte(struct text *text, char byte)
{
    if (text->length < text->capacity)
        text->data[text->length++] = byte;
    else
        text->cut = true;
}

/* Writes its digits, TEXT_DIGITS_MAX at most, and returns the place behind them. */
enum { TEXT_DIGITS_MAX = 20 };
static inline char *text_put_number(char *to, uint64_t number)
{
    size_t length = 1;
    for (uint64_t more = 10; number >= more && length < TEXT_DIGITS_MAX; more *= 10)
        length++;
    for (char *at = to + length; at > to; number /= 10)
        *--at = (char)('0' + number % 10);
    return to + length;
}

void text_add_number(struct text *text, uint64_t number);
void text_add_hex(struct text *text, uint64_t number);

/* printf, for what is not on the way of an exchange. */
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline struct slice text_slice(const struct text *text)
{
    return slice_of(text->data, text->length);
}

static inline bool text_is_cut(const struct text *text)
{
    return text->cut;
}
