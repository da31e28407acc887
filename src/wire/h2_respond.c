/* What is sent on a stream: heads, content and ends, as their owner gives them. */
#include "base/arena.h"
#include "base/assert.h"
#include "wire/h2_int.h"

enum { LENGTH_DIGITS = 20 };

/* ---- fields */

/* RFC 9113 8.2.2; a length is written from what is known of the body, Host is :authority. */
bool h2_is_sent(const struct field *field)
{
    const uint64_t bits =
        FIELD_BITS_HOP_BY_HOP | FIELD_BIT(FIELD_CONTENT_LENGTH) | FIELD_BIT(FIELD_HOST);
    return field->name.length > 0 && (field->id == FIELD_OTHER || !(bits & FIELD_BIT(field->id)));
}

/* What identifies a user is kept out of the table that later blocks refer to (RFC 7541 7.1.3), and
 * what is another one each time would only drive others out. */
static enum hpack_manner manner_of(enum field_name id)
{
    switch (id) {
    case FIELD_SET_COOKIE:
    case FIELD_COOKIE:
    case FIELD_AUTHORIZATION:
    case FIELD_PROXY_AUTHORIZATION:
        return HPACK_SECRET;
    case FIELD_CONTENT_LENGTH:
    case FIELD_CONTENT_RANGE:
    case FIELD_AGE:
    case FIELD_IF_NONE_MATCH:
    case FIELD_IF_MODIFIED_SINCE:
    case FIELD_LOCATION:
    case FIELD_X_REQUEST_ID:
    case FIELD_X_FORWARDED_FOR:
    case FIELD_X_REAL_IP:
    case FIELD_FORWARDED:
        return HPACK_PLAIN;
    default:
        return HPACK_INDEX;
    }
}

void h2_pack(struct h2 *h2, struct text *text, const struct field *field)
{
    bool is_path = field->id == FIELD_OTHER && slice_equal(field->name, SLICE(":path"));
    hpack_encode(&h2->encoder, text, field, is_path ? HPACK_PLAIN : manner_of(field->id));
}

size_t h2_pack_bound(const struct fields *fields)
{
    size_t bound = HPACK_BLOCK_BOUND;
    for (uint32_t i = 0; i < fields->count; i++)
        bound += hpack_bound(fields->items[i].name, fields->items[i].value);
    return bound;
}

static void pack_sent(struct h2 *h2, struct text *text, const struct fields *fields)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        if (h2_is_sent(&fields->items[i]))
            h2_pack(h2, text, &fields->items[i]);
    }
}

/* ---- heads */

static void pack_length(struct h2 *h2, struct text *text, uint64_t length)
{
    char memory[LENGTH_DIGITS];
    struct text digits = text_over(memory, sizeof(memory));
    text_add_number(&digits, length);
    const struct field field = {
        .name = SLICE("content-length"), .value = text_slice(&digits), .id = FIELD_CONTENT_LENGTH};
    hpack_encode(&h2->encoder, text, &field, HPACK_PLAIN);
}

bool h2_send_head(struct h2_stream *stream, const struct response_head *head,
                  const struct h2_write_head *how, struct arena *arena)
{
    struct h2 *h2 = stream->h2;
    struct text text;
    (void)arena;
    ASSERT(!stream->answered && head->status >= 100 && head->status <= 599);
    stream->answered = head->status >= 200;
    stream->response_ended = how->ends_stream;
    stream->length = how->length;
    if (stream->closed || h2->is_terminated)
        return true;
    size_t bound = h2_pack_bound(&head->fields) +
                   2 * hpack_bound(SLICE("content-length"), SLICE("12345678901234567890"));
    if (!h2_queue_begin_block(h2, bound, &text))
        return false;
    hpack_encode_status(&h2->encoder, &text, head->status);
    pack_sent(h2, &text, &head->fields);
    if (how->announce_length)
        pack_length(h2, &text, head->body_length);
    const struct h2_frame frame = {.stream = stream->id,
                                   .kind = H2_KIND_HEADERS,
                                   .flags = how->ends_stream ? H2_FLAG_END_STREAM : 0};
    stream->end_framed = how->ends_stream;
    h2_queue_end_block(h2, &frame, &text);
    return true;
}

/* ---- bodies */

void h2_send_body(struct h2_stream *stream, struct span piece)
{
    ASSERT(piece.length > 0 && stream->count < H2_PIECES_MAX);
    if (stream->closed || stream->response_ended || stream->end_framed) {
        span_clear(&piece);
        return;
    }
    stream->pieces[(stream->first + stream->count++) % H2_PIECES_MAX] = piece;
    stream->waiting += piece.length;
    h2_stream_ready(stream);
}

static bool has_sent(const struct fields *fields)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        if (h2_is_sent(&fields->items[i]))
            return true;
    }
    return false;
}

bool h2_queue_trailers(struct h2_stream *stream)
{
    struct h2 *h2 = stream->h2;
    struct text text;
    const struct h2_frame frame = {
        .stream = stream->id, .kind = H2_KIND_HEADERS, .flags = H2_FLAG_END_STREAM};
    if (h2->is_terminated)
        return true;
    if (!h2_queue_begin_block(h2, h2_pack_bound(stream->response_trailers), &text))
        return false;
    pack_sent(h2, &text, stream->response_trailers);
    stream->end_framed = true;
    h2_queue_end_block(h2, &frame, &text);
    return true;
}

/* No window stands in the way of an end without content (RFC 9113 6.9). */
bool h2_queue_end(struct h2_stream *stream)
{
    const struct h2_frame frame = {
        .stream = stream->id, .kind = H2_KIND_DATA, .flags = H2_FLAG_END_STREAM};
    ASSERT(stream->waiting == 0 && stream->response_ended && !stream->end_framed);
    if (stream->response_trailers)
        return h2_queue_trailers(stream);
    stream->end_framed = true;
    h2_queue_frame(stream->h2, &frame, SLICE(""));
    return true;
}

bool h2_send_end(struct h2_stream *stream, const struct fields *trailers, struct arena *arena)
{
    (void)arena;
    if (stream->response_ended || stream->closed)
        return true;
    if (trailers && has_sent(trailers) && !stream->is_tunnel)
        stream->response_trailers = trailers;
    stream->response_ended = true;
    if (stream->end_framed || stream->waiting > 0 || !stream->is_open)
        return true;
    return h2_queue_end(stream);
}

bool h2_has_room(const struct h2_stream *stream)
{
    return stream->waiting < H2_WAITING_MAX && stream->count < H2_PIECES_MAX - 1;
}

bool h2_is_written(const struct h2_stream *stream)
{
    return stream->waiting == 0 && (stream->written || !stream->response_ended);
}

void h2_want_room(struct h2_stream *stream)
{
    stream->wants_room = true;
}

uint64_t h2_written(const struct h2_stream *stream)
{
    return stream->bytes_written;
}

uint64_t h2_written_in_all(const struct h2 *h2)
{
    return h2->written;
}

bool h2_is_held_up(const struct h2_stream *stream)
{
    return stream->waiting > 0 && stream->send_window <= 0;
}
