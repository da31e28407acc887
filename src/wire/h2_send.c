/* Content on its way out: it waits in its stream until the windows let it go (RFC 9113 5.2), and
 * goes in the order of its urgency (RFC 9218 10). Within one, what is of use in parts goes in turn,
 * a frame each; of the rest one stream after the other, the older first. */
#include "base/assert.h"
#include "wire/h2_int.h"

/* ---- the order */

static bool is_ready(const struct h2_stream *stream)
{
    return !stream->closed && stream->waiting > 0 && stream->send_window > 0;
}

static void put_in_order(struct h2_stream *stream)
{
    struct list *ready = &stream->h2->ready[stream->urgency], *place = ready;
    while (!stream->is_incremental && place->previous != ready &&
           CONTAINER_OF(place->previous, struct h2_stream, ready)->id > stream->id)
        place = place->previous;
    list_insert_before(place, &stream->ready);
    stream->h2->ready_urgencies |= 1U << stream->urgency;
}

static void take_out(struct h2_stream *stream)
{
    struct h2 *h2 = stream->h2;
    list_remove(&stream->ready);
    if (list_is_empty(&h2->ready[stream->urgency]))
        h2->ready_urgencies &= ~(1U << stream->urgency);
}

void h2_stream_ready(struct h2_stream *stream)
{
    if (stream->held_back.bytes.length > 0)
        return; /* it stands in another list, and waits for more than windows */
    bool is_listed = !list_is_empty(&stream->ready);
    if (is_ready(stream) == is_listed)
        return;
    if (is_listed)
        take_out(stream);
    else
        put_in_order(stream);
}

void h2_stream_set_priority(struct h2_stream *stream, uint8_t urgency, bool is_incremental)
{
    ASSERT(urgency < H2_URGENCIES);
    if (!list_is_empty(&stream->ready))
        take_out(stream);
    stream->urgency = urgency;
    stream->is_incremental = is_incremental;
    h2_stream_ready(stream);
}

static struct h2_stream *next_ready(const struct h2 *h2)
{
    if (h2->ready_urgencies == 0 || h2->send_window <= 0)
        return NULL;
    const struct list *ready = &h2->ready[__builtin_ctz(h2->ready_urgencies)];
    ASSERT(!list_is_empty(ready));
    return CONTAINER_OF(ready->next, struct h2_stream, ready);
}

/* ---- frames */

/* Whether the response ends with that many bytes more. An end that comes later would be a frame of
 * its own. */
static bool is_last(const struct h2_stream *stream, size_t part)
{
    if (part < stream->waiting)
        return false;
    bool is_whole = stream->length > 0 && stream->bytes_written + part == stream->length;
    return stream->response_ended || is_whole;
}

static size_t least(int64_t a, int64_t b)
{
    return (size_t)(a < b ? a : b);
}

static void move_content(struct h2_stream *stream, struct text *text, size_t length)
{
    ASSERT(length <= stream->waiting);
    stream->waiting -= length;
    stream->bytes_written += length;
    while (length > 0) {
        struct span *piece = &stream->pieces[stream->first];
        size_t part = length < piece->length ? length : piece->length;
        text_add(text, slice_until(span_slice(piece), part));
        span_skip(piece, part);
        length -= part;
        if (piece->length > 0)
            break;
        stream->first = (stream->first + 1) % H2_PIECES_MAX;
        stream->count--;
    }
}

/* Its turn is over, where others wait for theirs. */
static void pass_turn(struct h2_stream *stream)
{
    if (is_ready(stream) && stream->is_incremental) {
        list_remove(&stream->ready);
        list_push_back(&stream->h2->ready[stream->urgency], &stream->ready);
    }
    h2_stream_ready(stream);
}

static void write_frame(struct h2_stream *stream, struct text *text, size_t part, bool ends)
{
    char head[H2_HEAD_LENGTH];
    const struct h2_frame frame = {.length = (uint32_t)part,
                                   .stream = stream->id,
                                   .kind = H2_KIND_DATA,
                                   .flags = ends ? H2_FLAG_END_STREAM : 0};
    h2_frame_write(head, &frame);
    text_add(text, slice_of(head, sizeof(head)));
    move_content(stream, text, part);
    stream->send_window -= (int64_t)part;
    stream->h2->send_window -= (int64_t)part;
    stream->h2->written += part;
    h2_gate_earn(&stream->h2->gate, (uint32_t)part);
}

/* False: it does not fit. */
static bool write_content(struct h2_stream *stream, struct text *text)
{
    struct h2 *h2 = stream->h2;
    size_t window = least(stream->send_window, h2->send_window);
    size_t part = least((int64_t)least((int64_t)stream->waiting, H2_PAYLOAD_MAX), (int64_t)window);
    if (text->capacity - text->length < H2_HEAD_LENGTH + part)
        return false;
    bool ends = is_last(stream, part);
    bool has_trailers = ends && stream->response_trailers;
    write_frame(stream, text, part, ends && !has_trailers);
    pass_turn(stream);
    if (stream->wants_room && stream->waiting <= H2_WAITING_LOW && !stream->response_ended)
        h2_stream_note(stream);
    stream->end_framed |= ends;
    if (has_trailers && !h2_queue_trailers(stream))
        h2_terminate(h2, H2_INTERNAL_ERROR);
    else if (ends && !has_trailers)
        h2_stream_written(stream);
    return true;
}

/* ---- all of it */

bool h2_has_output(const struct h2 *h2)
{
    return h2->queue.bytes.length > 0 || h2->owes_preface ||
           (!h2->is_terminated && next_ready(h2) != NULL);
}

static void write_preface(struct h2 *h2, struct text *text)
{
    struct slice preface = SLICE(H2_PREFACE);
    if (text->capacity - text->length < preface.length)
        return;
    text_add(text, preface);
    h2->owes_preface = false;
}

void h2_write(struct h2 *h2, struct text *text)
{
    if (h2->owes_preface)
        write_preface(h2, text);
    if (h2->owes_preface)
        return;
    h2_queue_write(h2, text);
    while (h2->queue.bytes.length == 0 && !h2->is_terminated) {
        struct h2_stream *stream = next_ready(h2);
        if (!stream || !write_content(stream, text))
            return;
        h2_queue_write(h2, text);
    }
}
