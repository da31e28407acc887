#include "base/assert.h"
#include "http/byte_class.h"
#include "wire/h1_int.h"

enum {
    CHUNK_LINE_MAX = 1024,
    /* Extensions that data does not outweigh are work for nothing. */
    CHUNK_OVERHEAD_MAX = 16 * 1024,
    CHUNK_DIGITS_MAX = 16,
};

/* RFC 9112 7.1: where the next byte of a chunked body stands. */
enum chunk_state {
    CHUNK_SIZE, /* the first: a body starts as zeroes */
    CHUNK_NAME_START,
    CHUNK_NAME,
    CHUNK_VALUE_START,
    CHUNK_VALUE,
    CHUNK_QUOTED,
    CHUNK_QUOTED_PAIR,
    CHUNK_QUOTED_END,
    CHUNK_LINE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILERS,
    CHUNK_BAD,
};

/* Behind a whole size, name or value: a further extension or the end of the line. */
static enum chunk_state after_part(char byte)
{
    return byte == ';' ? CHUNK_NAME_START : byte == '\r' ? CHUNK_LINE_LF : CHUNK_BAD;
}

static enum chunk_state size_byte(struct h1_body *body, char byte)
{
    if (!byte_is(byte, BYTE_HEX))
        return body->line_length > 1 ? after_part(byte) : CHUNK_BAD;
    if (body->line_length > CHUNK_DIGITS_MAX || body->remaining >> 59)
        return CHUNK_BAD;
    body->remaining = body->remaining << 4 | hex_value(byte);
    return CHUNK_SIZE;
}

static enum chunk_state extension_byte(enum chunk_state state, char byte)
{
    bool token = byte_is(byte, BYTE_TOKEN);
    switch (state) {
    case CHUNK_NAME_START:
        return token ? CHUNK_NAME : CHUNK_BAD;
    case CHUNK_NAME:
        return token ? CHUNK_NAME : byte == '=' ? CHUNK_VALUE_START : after_part(byte);
    case CHUNK_VALUE_START:
        return token ? CHUNK_VALUE : byte == '"' ? CHUNK_QUOTED : CHUNK_BAD;
    case CHUNK_VALUE:
        return token ? CHUNK_VALUE : after_part(byte);
    case CHUNK_QUOTED:
        if (byte == '"')
            return CHUNK_QUOTED_END;
        if (byte == '\\')
            return CHUNK_QUOTED_PAIR;
        return byte_is(byte, BYTE_FIELD) ? CHUNK_QUOTED : CHUNK_BAD;
    case CHUNK_QUOTED_PAIR:
        return byte_is(byte, BYTE_FIELD) ? CHUNK_QUOTED : CHUNK_BAD;
    case CHUNK_QUOTED_END:
        return after_part(byte);
    default:
        UNREACHABLE();
    }
}

/* The line is complete; its chunk pays for extensions with its data. */
static enum chunk_state end_line(struct h1_body *body)
{
    ASSERT(body->state == CHUNK_LINE_LF);
    body->line_length = 0;
    if (body->remaining == 0)
        return CHUNK_TRAILERS;
    body->overhead -= body->remaining < body->overhead ? (uint32_t)body->remaining : body->overhead;
    return CHUNK_DATA;
}

static enum chunk_state line_byte(struct h1_body *body, char byte)
{
    if (++body->line_length > CHUNK_LINE_MAX)
        return CHUNK_BAD;
    switch (body->state) {
    case CHUNK_SIZE:
        return size_byte(body, byte);
    case CHUNK_LINE_LF:
        return byte == '\n' ? end_line(body) : CHUNK_BAD;
    default:
        if (++body->overhead > CHUNK_OVERHEAD_MAX)
            return CHUNK_BAD;
        return extension_byte(body->state, byte);
    }
}

/* Any byte that is not data. */
static enum chunk_state next_state(struct h1_body *body, char byte)
{
    switch (body->state) {
    case CHUNK_DATA_CR:
        return byte == '\r' ? CHUNK_DATA_LF : CHUNK_BAD;
    case CHUNK_DATA_LF:
        return byte == '\n' ? CHUNK_SIZE : CHUNK_BAD;
    default:
        return line_byte(body, byte);
    }
}

/* As much of `bytes` from `start` on as belongs to the body, or to the chunk. */
static enum h1_body_event take_piece(struct h1_body *body, struct slice bytes, size_t start,
                                     size_t *ret_consumed, struct slice *ret_piece)
{
    ASSERT(body->remaining > 0 && start <= bytes.length);
    struct slice piece = slice_from(bytes, start);
    if (piece.length > body->remaining)
        piece.length = (size_t)body->remaining;
    body->remaining -= piece.length;
    *ret_consumed = start + piece.length;
    if (slice_is_empty(piece))
        return H1_BODY_MORE;
    *ret_piece = piece;
    return H1_BODY_PIECE;
}

static enum h1_body_event read_chunked(struct h1_body *body, struct slice bytes,
                                       size_t *ret_consumed, struct slice *ret_piece)
{
    size_t at = 0;
    while (at < bytes.length && body->state < CHUNK_TRAILERS && body->state != CHUNK_DATA)
        body->state = (uint8_t)next_state(body, bytes.data[at++]);
    *ret_consumed = at;
    if (body->state == CHUNK_TRAILERS)
        return H1_BODY_TRAILERS;
    if (body->state == CHUNK_BAD) {
        body->error = body->side == H1_REQUEST ? ERROR_BAD_CHUNK : ERROR_BAD_RESPONSE_CHUNK;
        return H1_BODY_BAD;
    }
    if (body->state != CHUNK_DATA)
        return H1_BODY_MORE;
    enum h1_body_event event = take_piece(body, bytes, at, ret_consumed, ret_piece);
    if (body->remaining == 0)
        body->state = CHUNK_DATA_CR;
    return event;
}

enum h1_body_event h1_read_body(struct h1_body *body, struct slice bytes, size_t *ret_consumed,
                                struct slice *ret_piece)
{
    *ret_consumed = 0;
    switch (body->framing) {
    case H1_FRAMING_NONE:
        break;
    case H1_FRAMING_COUNTED:
        if (body->remaining > 0)
            return take_piece(body, bytes, 0, ret_consumed, ret_piece);
        break;
    case H1_FRAMING_CHUNKED:
        return read_chunked(body, bytes, ret_consumed, ret_piece);
    case H1_FRAMING_CLOSE:
        *ret_consumed = bytes.length;
        if (slice_is_empty(bytes))
            return H1_BODY_MORE;
        *ret_piece = bytes;
        return H1_BODY_PIECE;
    }
    return H1_BODY_END;
}

bool h1_body_may_end_here(const struct h1_body *body)
{
    switch (body->framing) {
    case H1_FRAMING_NONE:
    case H1_FRAMING_CLOSE:
        return true;
    case H1_FRAMING_COUNTED:
        return body->remaining == 0;
    case H1_FRAMING_CHUNKED:
        break;
    }
    return false;
}
