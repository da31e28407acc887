/* A stream: what came on it and waits to be taken, and who owns it. */
#include "base/arena.h"
#include "base/assert.h"
#include "wire/h2_int.h"
#include "wire/h2_priority.h"

#include <string.h>

/* ---- beginning */

struct h2_stream *h2_stream_new(struct h2 *h2, uint32_t id)
{
    struct h2_stream *stream = small_new_cleared(&h2->pools->small, sizeof(*stream));
    if (!stream)
        return NULL;
    stream->h2 = h2;
    stream->id = id;
    stream->urgency = H2_URGENCY_DEFAULT;
    stream->send_window = h2->peer.window;
    stream->receive_window = h2->settings.window;
    list_init(&stream->news);
    list_init(&stream->ready);
    list_init(&stream->body);
    list_push_back(&h2->streams, &stream->link);
    return stream;
}

static struct h2_stream **place_of(struct h2 *h2, uint32_t id)
{
    return &h2->table[id / 2 & h2->table_mask];
}

void h2_stream_open(struct h2_stream *stream)
{
    struct h2 *h2 = stream->h2;
    struct h2_stream **place = place_of(h2, stream->id);
    stream->next = *place;
    *place = stream;
    stream->is_open = true;
    h2->recent = stream;
    h2->open++;
}

struct h2_stream *h2_stream_find(struct h2 *h2, uint32_t id)
{
    struct h2_stream *stream = h2->recent;
    if (stream && stream->id == id)
        return stream;
    for (stream = *place_of(h2, id); stream && stream->id != id; stream = stream->next)
        continue;
    h2->recent = stream;
    return stream;
}

/* ---- the end */

static void leave_table(struct h2_stream *stream)
{
    struct h2 *h2 = stream->h2;
    struct h2_stream **place = place_of(h2, stream->id);
    while (*place != stream)
        place = &(*place)->next;
    *place = stream->next;
    stream->is_open = false;
    h2->recent = NULL;
    h2->open--;
    h2_queue_rest(h2);
}

/* Nothing comes or goes any more; where it was one of those that a server takes at once, the next
 * one may go. */
static void shut(struct h2_stream *stream)
{
    struct h2 *h2 = stream->h2;
    stream->closed = true;
    if (!stream->ended)
        h2_expect_late(h2, stream->receive_window);
    if (stream->is_open)
        leave_table(stream);
    if (stream->held_back.bytes.length > 0)
        list_remove(&stream->ready);
    h2_block_clear(&stream->held_back);
    h2_stream_ready(stream);
    if (!list_is_empty(&h2->held_back))
        h2_let_ask(h2);
}

void h2_stream_close(struct h2_stream *stream, uint32_t error)
{
    ASSERT(!stream->closed);
    shut(stream);
    if (!stream->error)
        stream->error = error;
    if (stream->owner || !list_is_empty(&stream->news))
        h2_stream_note(stream);
    else
        h2_stream_free(stream);
}

static void settle(struct h2_stream *stream)
{
    if (stream->ended && stream->written)
        h2_stream_close(stream, H2_NO_ERROR);
}

void h2_stream_ended(struct h2_stream *stream)
{
    stream->ended = true;
    h2_stream_note(stream);
    settle(stream);
}

void h2_stream_written(struct h2_stream *stream)
{
    stream->written = true;
    if (stream->wants_room)
        h2_stream_note(stream);
    settle(stream);
}

static void send_reset(struct h2 *h2, uint32_t id, enum h2_error error)
{
    char bytes[4];
    const struct h2_frame frame = {
        .length = sizeof(bytes), .stream = id, .kind = H2_KIND_RST_STREAM};
    h2_number_write(bytes, (uint32_t)error);
    h2_queue_frame(h2, &frame, slice_of(bytes, sizeof(bytes)));
}

void h2_reset(struct h2 *h2, uint32_t id, enum h2_error error)
{
    struct h2_stream *stream = h2_stream_find(h2, id);
    send_reset(h2, id, error);
    if (stream)
        h2_stream_close(stream, (uint32_t)error);
}

void h2_stream_reset_malformed(struct h2_stream *stream)
{
    stream->ended = false;
    h2_reset(stream->h2, stream->id, H2_PROTOCOL_ERROR);
}

/* ---- what goes with it */

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

/* What nobody takes any more opens the connection's window as well. */
static void drop_body(struct h2_stream *stream)
{
    size_t dropped = 0;
    for (struct h2_piece *piece = first_piece(stream); piece; piece = first_piece(stream)) {
        struct span span = take_piece(piece);
        dropped += span.length;
        span_clear(&span);
    }
    if (dropped > 0)
        h2_consume(stream->h2, NULL, dropped);
}

void h2_stream_free(struct h2_stream *stream)
{
    ASSERT(!stream->owner && !stream->is_open && list_is_empty(&stream->ready));
    list_remove(&stream->link);
    list_remove(&stream->news);
    drop_body(stream);
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
    struct h2 *h2 = stream->h2;
    ASSERT(stream->is_request || h2->is_to_server);
    if (!stream->closed) {
        if (stream->is_open)
            send_reset(h2, stream->id, error);
        shut(stream);
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
    h2_consume(stream->h2, stream, ret_piece->length);
    return H2_BODY_PIECE;
}
