#include "tls/tls_der.h"

/* The length, in as few bytes as it can be written in. False: it is none. */
static bool take_length(struct slice *rest, size_t *ret_length)
{
    enum { LONG = 0x80, BYTES_MAX = 4 };
    if (rest->length == 0)
        return false;
    size_t first = (unsigned char)rest->data[0], count = first & ~(size_t)LONG, length = 0;
    *rest = slice_from(*rest, 1);
    *ret_length = first;
    if (first < LONG)
        return true;
    if (count == 0 || count > BYTES_MAX || count > rest->length || rest->data[0] == 0)
        return false;
    for (size_t i = 0; i < count; i++)
        length = length << 8 | (unsigned char)rest->data[i];
    *rest = slice_from(*rest, count);
    *ret_length = length;
    return length >= LONG;
}

bool tls_der_next(struct slice *rest, struct der_item *ret_item)
{
    enum { MANY_BYTES = 0x1f }; /* the tag goes on behind it */
    struct slice after = *rest;
    size_t length;
    if (after.length == 0)
        return false;
    ret_item->tag = (uint8_t)after.data[0];
    after = slice_from(after, 1);
    if ((ret_item->tag & MANY_BYTES) == MANY_BYTES || !take_length(&after, &length) ||
        length > after.length)
        return false;
    ret_item->content = slice_until(after, length);
    after = slice_from(after, length);
    ret_item->whole = slice_until(*rest, rest->length - after.length);
    *rest = after;
    return true;
}

bool tls_der_take(struct slice *rest, uint8_t tag, struct slice *ret_content)
{
    struct slice after = *rest;
    struct der_item item;
    if (!tls_der_next(&after, &item) || item.tag != tag)
        return false;
    *rest = after;
    *ret_content = item.content;
    return true;
}
