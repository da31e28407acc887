#include "wire/grpc_health.h"

#include "base/assert.h"

enum {
    PREFIX = 5, /* compressed or not, and the length */
    BITS = 7,   /* of a number in each byte; the eighth says that more follow */
    NUMBER_BYTES_MAX = 10,
    FIELD = 1, /* of both messages: service, status */
    TYPE_BITS = 3,
};

/* How a field's value is written; groups are of the past. */
enum type { TYPE_NUMBER = 0, TYPE_64_BITS = 1, TYPE_BYTES = 2, TYPE_32_BITS = 5 };

/* ---- asking */

static void add_number(struct text *text, uint64_t number)
{
    for (; number >> BITS > 0; number >>= BITS)
        text_add_byte(text, (char)(0x80 | (number & 0x7f)));
    text_add_byte(text, (char)number);
}

void grpc_health_ask(struct text *text, struct slice service)
{
    char memory[4];
    struct text head = text_over(memory, sizeof(memory));
    ASSERT(service.length <= GRPC_HEALTH_SERVICE_MAX);
    if (service.length > 0) {
        add_number(&head, FIELD << TYPE_BITS | TYPE_BYTES);
        add_number(&head, service.length);
    }
    size_t length = head.length + service.length;
    text_add_byte(text, 0);
    for (int shift = 24; shift >= 0; shift -= 8)
        text_add_byte(text, (char)(length >> shift & 0xff));
    text_add(text, text_slice(&head));
    text_add(text, service);
}

/* ---- reading */

static bool take_number(struct slice *rest, uint64_t *ret_number)
{
    *ret_number = 0;
    for (unsigned i = 0; i < NUMBER_BYTES_MAX && i < rest->length; i++) {
        uint64_t byte = (unsigned char)rest->data[i];
        *ret_number |= (byte & 0x7f) << (BITS * i);
        if (byte & 0x80)
            continue;
        *rest = slice_from(*rest, i + 1);
        return true;
    }
    return false;
}

static bool skip(struct slice *rest, uint64_t length)
{
    if (length > rest->length)
        return false;
    *rest = slice_from(*rest, (size_t)length);
    return true;
}

/* Of a number it is the value; what else a later version may say is passed over. */
static bool take_value(struct slice *rest, unsigned type, uint64_t *ret_number)
{
    switch (type) {
    case TYPE_NUMBER:
        return take_number(rest, ret_number);
    case TYPE_64_BITS:
        return skip(rest, 8);
    case TYPE_32_BITS:
        return skip(rest, 4);
    case TYPE_BYTES:
        return take_number(rest, ret_number) && skip(rest, *ret_number);
    default:
        return false;
    }
}

static bool read_message(struct slice rest, uint64_t *ret_status)
{
    *ret_status = GRPC_HEALTH_UNKNOWN; /* what is not written is zero */
    while (rest.length > 0) {
        uint64_t tag = 0, number = 0;
        if (!take_number(&rest, &tag) || !take_value(&rest, tag & 7, &number))
            return false;
        if (tag == (FIELD << TYPE_BITS | TYPE_NUMBER))
            *ret_status = number;
    }
    return true;
}

bool grpc_health_read(struct slice body, uint64_t *ret_status)
{
    size_t length = 0;
    if (body.length < PREFIX || body.data[0] != 0)
        return false;
    for (unsigned i = 1; i < PREFIX; i++)
        length = length << 8 | (unsigned char)body.data[i];
    return length == body.length - PREFIX && read_message(slice_from(body, PREFIX), ret_status);
}
