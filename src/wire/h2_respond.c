/* Responses: heads, and bodies that wait in their streams until windows let them go. */
#include "base/arena.h"
#include "base/assert.h"
#include "wire/h2_int.h"

#include <string.h>

enum { FRAME_HEAD = 9, STATUS_DIGITS = 3, LENGTH_DIGITS = 20 };

/* ---- heads */

static nghttp2_nv pair(struct slice name, struct slice value, uint8_t flags)
{
    return (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.data,
        .value = (uint8_t *)(uintptr_t)value.data,
        .namelen = name.length,
        .valuelen = value.length,
        .flags = flags,
    };
}

nghttp2_nv h2_pair(struct slice name, struct slice value)
{
    return pair(name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME);
}

/* RFC 9113 8.2.2; a length is written from what is known of the body, Host is :authority. */
static bool is_left_out(const struct field *field)
{
    const uint64_t bits =
        FIELD_BITS_HOP_BY_HOP | FIELD_BIT(FIELD_CONTENT_LENGTH) | FIELD_BIT(FIELD_HOST);
    return field->name.length == 0 || (field->id != FIELD_OTHER && bits & FIELD_BIT(field->id));
}

static bool is_secret(enum field_name id)
{
    return id == FIELD_SET_COOKIE || id == FIELD_COOKIE || id == FIELD_AUTHORIZATION;
}

/* A name that we do not know the library copies, in small letters. What identifies a user is kept
 * out of the table that later blocks refer to (RFC 7541 7.1.3). */
static nghttp2_nv pair_of(const struct field *field)
{
    uint8_t secrecy = is_secret(field->id) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
    if (field->id == FIELD_OTHER)
        return pair(field->name, field->value, secrecy);
    return pair(field_name_small(field->id), field->value, NGHTTP2_NV_FLAG_NO_COPY_NAME | secrecy);
}

size_t h2_add_fields(nghttp2_nv *pairs, const struct fields *fields)
{
    size_t count = 0;
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->items[i];
        if (!is_left_out(field))
            pairs[count++] = pair_of(field);
    }
    return count;
}

static int submit(struct h2_stream *stream, const nghttp2_nv *pairs, size_t count, bool is_interim,
                  bool ends_stream);

/* A stream that is gone is no error: its end is on its way to whoever owns it. */
static bool is_good(int result)
{
    return result != NGHTTP2_ERR_NOMEM;
}

bool h2_send_head(struct h2_stream *stream, const struct response_head *head,
                  const struct h2_write_head *how, struct arena *arena)
{
    char memory[STATUS_DIGITS + LENGTH_DIGITS];
    struct text status = text_over(memory, STATUS_DIGITS);
    struct text length = text_over(memory + STATUS_DIGITS, LENGTH_DIGITS);
    ASSERT(!stream->answered && head->status >= 100 && head->status <= 599);
    nghttp2_nv *pairs = arena_alloc(arena, (head->fields.count + 2) * sizeof(*pairs));
    if (!pairs)
        return false;
    text_add_number(&status, head->status);
    pairs[0] = h2_pair(SLICE(":status"), text_slice(&status));
    size_t count = 1 + h2_add_fields(pairs + 1, &head->fields);
    if (how->announce_length) {
        text_add_number(&length, head->body_length);
        pairs[count++] = h2_pair(SLICE("content-length"), text_slice(&length));
    }
    stream->answered = head->status >= 200;
    stream->response_ended = how->ends_stream;
    stream->length = how->length;
    return is_good(submit(stream, pairs, count, !stream->answered, how->ends_stream));
}

/* ---- bodies */

static void resume(struct h2_stream *stream)
{
    if (stream->is_deferred)
        (void)nghttp2_session_resume_data(stream->h2->session, stream->id);
    stream->is_deferred = false;
}

void h2_send_body(struct h2_stream *stream, struct span piece)
{
    ASSERT(piece.length > 0 && stream->count < H2_PIECES_MAX);
    if (stream->closed || stream->response_ended) {
        span_clear(&piece);
        return;
    }
    stream->pieces[(stream->first + stream->count++) % H2_PIECES_MAX] = piece;
    stream->waiting += piece.length;
    resume(stream);
}

bool h2_send_end(struct h2_stream *stream, const struct fields *trailers, struct arena *arena)
{
    if (stream->response_ended || stream->closed)
        return true;
    if (trailers && trailers->count > 0 && !stream->is_tunnel) {
        nghttp2_nv *pairs = arena_alloc(arena, trailers->count * sizeof(*pairs));
        if (!pairs)
            return false;
        stream->response_trailer_count = h2_add_fields(pairs, trailers);
        stream->response_trailers = stream->response_trailer_count > 0 ? pairs : NULL;
    }
    stream->response_ended = true;
    resume(stream);
    return true;
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

/* ---- what the library asks for */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Trailers are queued when the last of the body is, so that they come behind it. */
static uint32_t end_flags(struct h2_stream *stream)
{
    if (!stream->response_trailers)
        return NGHTTP2_DATA_FLAG_EOF;
    (void)nghttp2_submit_trailer(stream->h2->session, stream->id, stream->response_trailers,
                                 stream->response_trailer_count);
    return NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
}

/* Whether the response ends with that many bytes more. An end that comes later would have to wait
 * for a window, which the last byte may have used up. */
static bool is_last(const struct h2_stream *stream, size_t part)
{
    if (part < stream->waiting)
        return false;
    bool is_whole = stream->length > 0 && stream->bytes_written + part == stream->length;
    return stream->response_ended || is_whole;
}

/* How much goes into the next frame; the bytes themselves are taken by h2_send_content. */
ssize_t h2_offer_content(nghttp2_session *session, int32_t id, uint8_t *unused, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct h2_stream *stream = h2_stream_find(user, id);
    (void)session, (void)unused, (void)source;
    if (!stream)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    stream->is_deferred = stream->waiting == 0 && !stream->response_ended;
    if (stream->is_deferred)
        return NGHTTP2_ERR_DEFERRED;
    size_t part = least(stream->waiting, least(length, H2_FRAME_ROOM - FRAME_HEAD));
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (is_last(stream, part))
        *flags |= end_flags(stream);
    return (ssize_t)part;
}

static int submit(struct h2_stream *stream, const nghttp2_nv *pairs, size_t count, bool is_interim,
                  bool ends_stream)
{
    nghttp2_session *session = stream->h2->session;
    const nghttp2_data_provider content = {.read_callback = h2_offer_content};
    if (is_interim)
        return nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, stream->id, NULL, pairs, count,
                                      NULL);
    return nghttp2_submit_response(session, stream->id, pairs, count,
                                   ends_stream ? NULL : &content);
}

static void move_content(struct h2_stream *stream, struct text *text, size_t length)
{
    ASSERT(length <= stream->waiting);
    stream->waiting -= length;
    stream->bytes_written += length;
    while (length > 0) {
        struct span *piece = &stream->pieces[stream->first];
        size_t part = least(length, piece->length);
        text_add(text, slice_until(span_slice(piece), part));
        span_skip(piece, part);
        length -= part;
        if (piece->length > 0)
            break;
        stream->first = (stream->first + 1) % H2_PIECES_MAX;
        stream->count--;
    }
}

int h2_send_content(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                    size_t length, nghttp2_data_source *source, void *user)
{
    struct h2 *h2 = user;
    struct h2_stream *stream = h2_stream_find(h2, frame->hd.stream_id);
    (void)session, (void)source;
    if (!stream)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    ASSERT(h2->text && frame->data.padlen == 0);
    if (h2->text->capacity - h2->text->length < FRAME_HEAD + length)
        return NGHTTP2_ERR_WOULDBLOCK;
    text_add(h2->text, slice_of((const char *)head, FRAME_HEAD));
    move_content(stream, h2->text, length);
    if (stream->wants_room && stream->waiting <= H2_WAITING_LOW && !stream->response_ended)
        h2_stream_note(stream);
    return 0;
}
