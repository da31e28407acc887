/* What waits to be written, frame by frame: heads, packed when they are queued, because each block
 * builds on those before it (RFC 9113 4.3), and frames without content. */
#include "base/assert.h"
#include "wire/h2_int.h"

#include <string.h>

/* ---- room */

static char *end_of(const struct h2_queue *queue)
{
    const struct span *bytes = &queue->bytes;
    return bytes->buffer->data + bytes->offset + bytes->length;
}

static size_t room_of(const struct h2_queue *queue)
{
    const struct span *bytes = &queue->bytes;
    return bytes->buffer ? bytes->buffer->capacity - bytes->offset - bytes->length : 0;
}

/* Room for that many bytes in one piece. */
COLD static bool make_room(struct h2 *h2, size_t more)
{
    struct span *bytes = &h2->queue.bytes;
    size_t length = bytes->length;
    if (bytes->buffer && bytes->offset >= length && bytes->buffer->capacity - length >= more) {
        memcpy(bytes->buffer->data, bytes->buffer->data + bytes->offset, length);
        bytes->offset = 0;
        return true;
    }
    struct buffer *buffer = buffer_new(h2->pools, length > 0 ? 2 * length + more : more);
    if (!buffer)
        return false;
    if (length > 0)
        memcpy(buffer->data, span_slice(bytes).data, length);
    span_clear(bytes);
    *bytes = (struct span){.buffer = buffer, .length = (uint32_t)length};
    return true;
}

/* Drops what has been written; what is empty stays where it is, for the next one. */
static void skip(struct h2_queue *queue, size_t length)
{
    struct span *bytes = &queue->bytes;
    ASSERT(length <= bytes->length && queue->frames > 0);
    bytes->length -= (uint32_t)length;
    bytes->offset = bytes->length > 0 ? bytes->offset + (uint32_t)length : 0;
    queue->frames--;
}

/* A small buffer stays for what streams that are open will say. */
void h2_queue_rest(struct h2 *h2)
{
    struct span *bytes = &h2->queue.bytes;
    bool stays = h2->open > 0 && bytes->buffer && bytes->buffer->capacity <= BUFFER_SMALL;
    if (bytes->length == 0 && !stays)
        span_clear(bytes);
}

static bool has_room(struct h2 *h2, size_t more)
{
    return room_of(&h2->queue) >= more || make_room(h2, more);
}

/* ---- into it */

/* The gate counts resets of ours when they are written. Of a peer that takes nothing none is, and
 * each stream above the limit would have one more wait. */
static void count(struct h2 *h2)
{
    h2->queue.frames++;
    if (h2->queue.frames > h2->settings.streams + H2_QUEUED_MAX)
        h2->is_flooded = true;
}

void h2_queue_frame(struct h2 *h2, const struct h2_frame *frame, struct slice payload)
{
    size_t length = H2_HEAD_LENGTH + payload.length;
    ASSERT(frame->length == payload.length);
    if (h2->is_terminated)
        return;
    if (!has_room(h2, length)) {
        h2->error = h2->error ? h2->error : H2_INTERNAL_ERROR;
        h2->is_terminated = true; /* without a word, for which there is no memory either */
        return;
    }
    char *to = end_of(&h2->queue);
    h2_frame_write(to, frame);
    if (payload.length > 0)
        memcpy(to + H2_HEAD_LENGTH, payload.data, payload.length);
    h2->queue.bytes.length += (uint32_t)length;
    count(h2);
}

bool h2_queue_begin_block(struct h2 *h2, size_t bound, struct text *ret_text)
{
    size_t heads = (1 + bound / H2_PAYLOAD_MAX) * H2_HEAD_LENGTH;
    if (!has_room(h2, bound + heads))
        return false;
    *ret_text = text_over(end_of(&h2->queue) + H2_HEAD_LENGTH, bound);
    return true;
}

/* The first `length` bytes of the payload stand in their place; those behind make room for a head.
 */
static char *cut_block(char *to, struct h2_frame *frame, size_t length)
{
    char *rest = to + H2_HEAD_LENGTH + H2_PAYLOAD_MAX;
    frame->length = H2_PAYLOAD_MAX;
    h2_frame_write(to, frame);
    memmove(rest + H2_HEAD_LENGTH, rest, length - H2_PAYLOAD_MAX);
    return rest;
}

void h2_queue_end_block(struct h2 *h2, const struct h2_frame *frame, struct text *text)
{
    struct h2_frame part = *frame;
    char *to = text->data - H2_HEAD_LENGTH;
    size_t rest = text->length, all = H2_HEAD_LENGTH + rest;
    ASSERT(!text_is_cut(text) && to == end_of(&h2->queue));
    for (; rest > H2_PAYLOAD_MAX; rest -= H2_PAYLOAD_MAX) {
        to = cut_block(to, &part, rest);
        part = (struct h2_frame){.stream = frame->stream, .kind = H2_KIND_CONTINUATION};
        all += H2_HEAD_LENGTH;
        count(h2);
    }
    part.length = (uint32_t)rest;
    part.flags |= H2_FLAG_END_HEADERS;
    h2_frame_write(to, &part);
    h2->queue.bytes.length += (uint32_t)all;
    count(h2);
}

/* ---- out of it */

/* Errors that the peer brings about; INTERNAL_ERROR and CANCEL are ours. */
static bool is_peers(uint32_t error)
{
    return error == H2_PROTOCOL_ERROR || error == H2_FLOW_CONTROL_ERROR ||
           error == H2_STREAM_CLOSED || error == H2_FRAME_SIZE_ERROR || error == H2_REFUSED_STREAM;
}

COLD static void note_reset(struct h2 *h2, uint32_t error)
{
    if (error == H2_PROTOCOL_ERROR)
        h2->malformed++;
    if (is_peers(error) && !h2_gate_reset(&h2->gate, &h2->settings.gate) && !h2->error)
        h2_terminate(h2, H2_ENHANCE_YOUR_CALM);
}

static void note_written(struct h2 *h2, const struct h2_frame *frame)
{
    h2_gate_earn(&h2->gate, 0);
    struct h2_stream *stream =
        frame->flags & H2_FLAG_END_STREAM ? h2_stream_find(h2, frame->stream) : NULL;
    if (stream)
        h2_stream_written(stream);
}

void h2_queue_write(struct h2 *h2, struct text *text)
{
    struct h2_queue *queue = &h2->queue;
    while (queue->bytes.length > 0) {
        struct slice waiting = span_slice(&queue->bytes);
        struct h2_frame frame = h2_frame_read(waiting.data);
        size_t length = H2_HEAD_LENGTH + frame.length;
        ASSERT(length <= waiting.length);
        if (text->capacity - text->length < length)
            return;
        text_add(text, slice_until(waiting, length));
        uint32_t error =
            frame.kind == H2_KIND_RST_STREAM ? h2_number_at(waiting.data + H2_HEAD_LENGTH) : 0;
        skip(queue, length);
        if (frame.kind == H2_KIND_RST_STREAM)
            note_reset(h2, error);
        else if (frame.kind <= H2_KIND_HEADERS)
            note_written(h2, &frame);
    }
    h2_queue_rest(h2);
}
