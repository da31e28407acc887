#include "net/h1_reader.h"

#include "base/arena.h"
#include "base/assert.h"

void h1_reader_init(struct h1_reader *reader)
{
    *reader = (struct h1_reader){.receive_size = BUFFER_SMALL};
}

void h1_reader_fini(struct h1_reader *reader)
{
    span_clear(&reader->inbound);
}

/* Who fills its buffers gets larger ones, who does not gets smaller ones. */
static void adapt_size(struct h1_reader *reader, size_t received)
{
    ASSERT(received > 0);
    if (received >= reader->receive_size)
        reader->receive_size = received >= BUFFER_MEDIUM ? BUFFER_LARGE : BUFFER_MEDIUM;
    else if (received < BUFFER_MEDIUM && reader->receive_size == BUFFER_LARGE)
        reader->receive_size = BUFFER_MEDIUM;
}

static enum read_event receive_first(struct h1_reader *reader, struct transport *transport)
{
    switch (transport_receive(transport, reader->receive_size, &reader->inbound)) {
    case IO_PENDING:
        return READ_WAIT;
    case IO_END:
    case IO_FAILED:
        reader->ended = true;
        return READ_CUT;
    case IO_DONE:
        adapt_size(reader, reader->inbound.length);
        return READ_PIECE;
    }
    UNREACHABLE();
}

/* Behind what is there already. A function of its own, and not inlined: what comes whole need not
 * pay for the guard of its frame. */
__attribute__((noinline)) static enum read_event
receive_more(struct h1_reader *reader, struct transport *transport, enum error_code *ret_error)
{
    struct span before = span_take(&reader->inbound);
    enum read_event event = receive_first(reader, transport);
    struct span received = span_take(&reader->inbound);
    reader->inbound = before;
    if (event == READ_PIECE &&
        !span_append(&reader->inbound, received, loop_buffers(transport->socket.loop))) {
        *ret_error = ERROR_OUT_OF_MEMORY;
        return READ_FAILED;
    }
    return event;
}

enum read_event h1_reader_receive(struct h1_reader *reader, struct transport *transport,
                                  enum error_code *ret_error)
{
    if (reader->ended)
        return READ_CUT;
    return h1_reader_has_leftover(reader) ? receive_more(reader, transport, ret_error)
                                          : receive_first(reader, transport);
}

enum read_event h1_reader_find_head(struct h1_reader *reader, struct transport *transport,
                                    const struct h1_limits *limits, enum h1_side side,
                                    enum error_code *ret_error)
{
    ASSERT(reader->scan.length == 0);
    for (;;) {
        if (h1_reader_has_leftover(reader)) {
            switch (h1_scan_head(span_slice(&reader->inbound), limits, side, &reader->scan)) {
            case H1_COMPLETE:
                return READ_HEAD;
            case H1_BAD:
                *ret_error = reader->scan.error;
                return READ_FAILED;
            case H1_MORE:
                break;
            }
        }
        enum read_event event = h1_reader_receive(reader, transport, ret_error);
        if (event == READ_CUT && !h1_reader_has_leftover(reader))
            return READ_END;
        if (event != READ_PIECE)
            return event;
    }
}

struct span h1_reader_take_head(struct h1_reader *reader)
{
    uint32_t length = reader->scan.length;
    ASSERT(length > 0 && length <= reader->inbound.length);
    struct span head = span_cut(&reader->inbound, length);
    reader->scan = (struct h1_scan){0};
    return head;
}

/* The trailers' slices would point into bytes that go: what is kept of them is copied. */
static bool keep_fields(struct fields *fields, struct arena *arena)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        struct field *field = &fields->items[i];
        field->name = arena_copy(arena, field->name);
        field->value = arena_copy(arena, field->value);
        field->is_line = false;
        if (!field->name.data || !field->value.data)
            return false;
    }
    return true;
}

static enum read_event read_trailers(struct h1_reader *reader, const struct h1_limits *limits,
                                     enum h1_side side, struct arena *arena,
                                     struct fields *trailers, enum error_code *ret_error)
{
    ASSERT(reader->body.framing == H1_FRAMING_CHUNKED);
    struct slice bytes = span_slice(&reader->inbound);
    switch (h1_scan_trailers(bytes, limits, side, &reader->scan)) {
    case H1_MORE:
        return READ_WAIT;
    case H1_BAD:
        *ret_error = reader->scan.error;
        return READ_FAILED;
    case H1_COMPLETE:
        break;
    }
    *ret_error = h1_parse_trailers(bytes, &reader->scan, side, arena, trailers);
    if (*ret_error == ERROR_NONE && !keep_fields(trailers, arena))
        *ret_error = ERROR_OUT_OF_MEMORY;
    if (*ret_error != ERROR_NONE)
        return READ_FAILED;
    span_skip(&reader->inbound, reader->scan.length);
    reader->scan = (struct h1_scan){0};
    reader->body.framing = H1_FRAMING_NONE;
    return READ_END;
}

/* One step through what was received. READ_WAIT: it needs more bytes. */
static enum read_event step(struct h1_reader *reader, const struct h1_limits *limits,
                            enum h1_side side, struct arena *arena, struct fields *trailers,
                            struct span *ret_piece, enum error_code *ret_error)
{
    struct slice bytes = span_slice(&reader->inbound), data = {0};
    size_t consumed = 0;
    enum h1_body_event event = h1_read_body(&reader->body, bytes, &consumed, &data);
    struct span used = span_cut(&reader->inbound, consumed);
    if (event == H1_BODY_PIECE) {
        span_skip(&used, consumed - data.length); /* what frames the piece stands before it */
        *ret_piece = used;
        return READ_PIECE;
    }
    span_clear(&used);
    switch (event) {
    case H1_BODY_END:
        return READ_END;
    case H1_BODY_MORE:
        return READ_WAIT;
    case H1_BODY_TRAILERS:
        return read_trailers(reader, limits, side, arena, trailers, ret_error);
    case H1_BODY_BAD:
        *ret_error = reader->body.error;
        return READ_FAILED;
    case H1_BODY_PIECE:
        break;
    }
    UNREACHABLE();
}

static bool is_counted(const struct h1_body *body)
{
    return body->framing == H1_FRAMING_COUNTED && body->remaining > 0;
}

enum read_event h1_reader_read_body(struct h1_reader *reader, struct transport *transport,
                                    const struct h1_limits *limits, enum h1_side side,
                                    struct arena *arena, struct fields *trailers,
                                    struct span *ret_piece, enum error_code *ret_error)
{
    ASSERT(ret_piece->length == 0 && reader->scan.lines <= limits->header_count + 1);
    for (;;) {
        if (h1_reader_has_leftover(reader) && is_counted(&reader->body)) {
            *ret_piece =
                span_cut(&reader->inbound, h1_body_take(&reader->body, reader->inbound.length));
            return READ_PIECE;
        }
        enum read_event event = step(reader, limits, side, arena, trailers, ret_piece, ret_error);
        if (event != READ_WAIT)
            return event;
        event = h1_reader_receive(reader, transport, ret_error);
        if (event == READ_CUT && h1_body_may_end_here(&reader->body) &&
            !transport_has_failed(transport))
            return READ_END;
        if (event != READ_PIECE)
            return event;
    }
}
