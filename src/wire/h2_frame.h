/* What a frame of HTTP/2 looks like (RFC 9113 4.1 and 6): kinds, flags, sizes, and its numbers,
 * which are big-endian. Pure. */
#pragma once

#include "base/slice.h"
#include "base/text.h"

#include <endian.h>

/* RFC 9113 6, RFC 9218 7.1. */
enum h2_kind {
    H2_KIND_DATA,
    H2_KIND_HEADERS,
    H2_KIND_PRIORITY,
    H2_KIND_RST_STREAM,
    H2_KIND_SETTINGS,
    H2_KIND_PUSH_PROMISE,
    H2_KIND_PING,
    H2_KIND_GOAWAY,
    H2_KIND_WINDOW_UPDATE,
    H2_KIND_CONTINUATION,
    H2_KIND_PRIORITY_UPDATE = 16,
};

enum {
    H2_FLAG_END_STREAM = 0x1,
    H2_FLAG_ACK = 0x1,
    H2_FLAG_END_HEADERS = 0x4,
    H2_FLAG_PADDED = 0x8,
    H2_FLAG_PRIORITY = 0x20,
};

enum {
    H2_HEAD_LENGTH = 9,          /* of a frame's head */
    H2_LENGTH_MAX = 16 * 1024,   /* of a payload: SETTINGS_MAX_FRAME_SIZE, which we leave at its
                                    least */
    H2_NUMBER_MASK = 0x7fffffff, /* of streams and windows: without the reserved bit */
    H2_SETTING_LENGTH = 6,       /* of one, its number and its value */
};

/* RFC 9113 6.5.2, RFC 8441 3, RFC 9218 2.1. */
enum h2_setting {
    H2_SETTING_HEADER_TABLE_SIZE = 1,
    H2_SETTING_ENABLE_PUSH = 2,
    H2_SETTING_MAX_CONCURRENT_STREAMS = 3,
    H2_SETTING_INITIAL_WINDOW_SIZE = 4,
    H2_SETTING_MAX_FRAME_SIZE = 5,
    H2_SETTING_MAX_HEADER_LIST_SIZE = 6,
    H2_SETTING_ENABLE_CONNECT_PROTOCOL = 8,
    H2_SETTING_NO_RFC7540_PRIORITIES = 9,
};

/* The head of a frame. */
struct h2_frame {
    uint32_t length; /* of the payload */
    uint32_t stream;
    uint8_t kind; /* enum h2_kind, or one that is not known */
    uint8_t flags;
};

static inline bool h2_is_known(uint8_t kind)
{
    return kind <= H2_KIND_CONTINUATION || kind == H2_KIND_PRIORITY_UPDATE;
}

static inline uint32_t h2_number_at(const char *bytes)
{
    uint32_t number;
    memcpy(&number, bytes, sizeof(number));
    return be32toh(number);
}

/* Of H2_HEAD_LENGTH bytes. */
static inline struct h2_frame h2_frame_read(const char *bytes)
{
    return (struct h2_frame){
        .length = h2_number_at(bytes) >> 8,
        .stream = h2_number_at(bytes + 5) & H2_NUMBER_MASK,
        .kind = (uint8_t)bytes[3],
        .flags = (uint8_t)bytes[4],
    };
}

static inline void h2_number_write(char *to, uint32_t number)
{
    number = htobe32(number);
    memcpy(to, &number, sizeof(number));
}

/* Into H2_HEAD_LENGTH bytes. */
static inline void h2_frame_write(char *to, const struct h2_frame *frame)
{
    h2_number_write(to, frame->length << 8 | frame->kind);
    to[4] = (char)frame->flags;
    h2_number_write(to + 5, frame->stream);
}
