/* A stream: what came on it and waits to be taken, and who owns it. */
#include "base/arena.h"
#include "base/assert.h"
#include "wire/h2_int.h"

#include <string.h>

struct h2_stream *h2_stream_new(struct h2 *h2, int32_t id)
{
    struct h2_stream *stream = small_new_cleared(&h2->pools->small, sizeof(*stream));
    if (!stream)
        return NULL;
    stream->h2 = h2;
    stream->id = id;
    list_init(&stream->news);
    list_init(&stream->body);
    list_push_back(&h2->streams, &stream->link);
    return stream;
}

struct h2_stream *h2_stream_find(struct h2 *h2, int32_t id)
{
    if (!h2->recent || h2->recent->id != id)
        h2->recent = nghttp2_session_get_stream_user_data(h2->session, id);
    return h2->recent;
}

void h2_stream_lose(struct h2_stream *stream)
{
    if (stream->h2->recent == stream)
        stream->h2->recent = NULL;
}

static struct h2_piece *first_piece(struct h2_stream *stream)
{
    if (list_is_empty(&stream->body))
        return NULL;
    return CONTAINER_OF(stream->body.next, struct h2_piece, link);
}

static struct span take_piece(struct h2_piece *piece)
{
    struct span span = piece->span;
    list_remove(&piece->link);
    small_free(piece);
    return span;
}

/* Returns how many bytes that was. */
static size_t drop_body(struct h2_stream *stream)
{
    size_t dropped = 0;
    for (struct h2_piece *piece = first_piece(stream); piece; piece = first_piece(stream)) {
        struct span span = take_piece(piece);
        dropped += span.length;
        span_clear(&span);
    }
    return dropped;
}

void h2_stream_free(struct h2_stream *stream)
{
    ASSERT(!stream->owner);
    h2_stream_lose(stream);
    list_remove(&stream->link);
    list_remove(&stream->news);
    (void)drop_body(stream);
    for (; stream->count > 0; stream->count--) {
        span_clear(&stream->pieces[stream->first]);
        stream->first = (stream->first + 1) % H2_PIECES_MAX;
    }
    for (uint32_t i = 0; stream->interim && i < H2_INTERIM_MAX; i++)
        h2_block_clear(&stream->interim[i]);
    small_free(stream->interim);
    h2_block_clear(&stream->head);
    h2_block_clear(&stream->trailers);
    small_free(stream);
}

void h2_stream_note(struct h2_stream *stream)
{
    stream->wants_room = false;
    if (list_is_empty(&stream->news))
        list_push_back(&stream->h2->news, &stream->news);
}

/* ---- the owner */

void *h2_owner(const struct h2_stream *stream)
{
    return stream->owner;
}

void h2_own(struct h2_stream *stream, void *owner)
{
    ASSERT(!stream->owner && owner && (stream->is_request || stream->h2->is_to_server));
    stream->owner = owner;
}

bool h2_is_gone(const struct h2_stream *stream)
{
    return stream->closed && !(stream->ended && stream->written);
}

void h2_release(struct h2_stream *stream, enum h2_error error)
{
    nghttp2_session *session = stream->h2->session;
    ASSERT(stream->is_request || stream->h2->is_to_server);
    size_t dropped = drop_body(stream);
    if (dropped > 0)
        (void)nghttp2_session_consume_connection(session, dropped);
    if (!stream->closed) {
        (void)nghttp2_session_set_stream_user_data(session, stream->id, NULL);
        if (!stream->ended || !stream->written)
            (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id,
                                            (uint32_t)error);
    }
    stream->owner = NULL;
    h2_stream_free(stream);
}

/* ---- the request's body */

/* A piece is taken whole, so that nobody else has its buffer while it is filled. */
static size_t room_behind(const struct h2_piece *piece)
{
    const struct span *span = &piece->span;
    return span->buffer->capacity - span->offset - span->length;
}

static struct h2_piece *add_piece(struct h2_stream *stream, size_t length)
{
    struct h2_piece *piece = small_new(&stream->h2->pools->small, sizeof(*piece));
    struct buffer *buffer =
        piece ? buffer_new(stream->h2->pools, length > BUFFER_SMALL ? BUFFER_MEDIUM : BUFFER_SMALL)
              : NULL;
    if (!buffer) {
        small_free(piece);
        return NULL;
    }
    piece->span = (struct span){.buffer = buffer};
    list_push_back(&stream->body, &piece->link);
    return piece;
}

/* Bytes are copied, and buffers filled: what came in a thousand small frames must not hold a
 * thousand buffers. */
bool h2_stream_receive(struct h2_stream *stream, struct slice bytes)
{
    while (bytes.length > 0) {
        struct h2_piece *last = list_is_empty(&stream->body)
                                    ? NULL
                                    : CONTAINER_OF(stream->body.previous, struct h2_piece, link);
        if (!last || room_behind(last) == 0)
            last = add_piece(stream, bytes.length);
        if (!last)
            return false;
        size_t room = room_behind(last);
        struct slice part = slice_until(bytes, bytes.length < room ? bytes.length : room);
        struct span *span = &last->span;
        memcpy(span->buffer->data + span->offset + span->length, part.data, part.length);
        span->length += (uint32_t)part.length;
        bytes = slice_from(bytes, part.length);
    }
    return true;
}

static enum h2_body end_body(struct h2_stream *stream, struct arena *arena, struct fields *trailers)
{
    ASSERT(stream->ended);
    if (stream->trailers.bytes.length > 0 && trailers->capacity == 0 &&
        !h2_read_trailers(&stream->trailers, arena, trailers))
        return H2_BODY_NO_MEMORY;
    return H2_BODY_END;
}

enum h2_body h2_take_body(struct h2_stream *stream, struct arena *arena, struct fields *trailers,
                          struct span *ret_piece)
{
    struct h2_piece *piece = first_piece(stream);
    /* A server may end its response without having taken all of the request (RFC 9113 8.1). */
    bool is_whole = stream->h2->is_to_server && stream->ended;
    if (h2_is_gone(stream) && !is_whole)
        return H2_BODY_GONE;
    if (!piece)
        return stream->ended ? end_body(stream, arena, trailers) : H2_BODY_WAIT;
    *ret_piece = take_piece(piece);
    (void)nghttp2_session_consume(stream->h2->session, stream->id, ret_piece->length);
    return H2_BODY_PIECE;
}
