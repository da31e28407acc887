/* From bytes to frames. The payload of a frame that has come whole is read where it lies; of one
 * that is cut over two receives the pieces are joined, save of DATA, which nobody needs whole. */
#include "base/assert.h"
#include "wire/h2_int.h"

#include <string.h>

static struct slice cut(struct slice *rest, size_t length)
{
    struct slice part = slice_until(*rest, length);
    *rest = slice_of(rest->data + part.length, rest->length - part.length);
    return part;
}

/* RFC 9113 3.4. */
COLD static enum h2_error take_preface(struct h2_input *input, struct slice *rest)
{
    struct slice part = cut(rest, input->preface);
    struct slice preface = SLICE(H2_PREFACE);
    struct slice expected = slice_from(preface, preface.length - input->preface);
    input->preface = (uint8_t)(input->preface - part.length);
    bool is_same = slice_equal(part, slice_until(expected, part.length));
    return is_same ? H2_NO_ERROR : H2_PROTOCOL_ERROR;
}

/* ---- payloads */

/* Takes off what may be of no use: the padding and, of HEADERS, the priority of RFC 7540. */
static enum h2_error strip(const struct h2_frame *frame, struct slice *payload)
{
    enum { DEPENDENCY = 5 };
    size_t padding = 0;
    if (frame->flags & H2_FLAG_PADDED) {
        if (payload->length == 0)
            return H2_FRAME_SIZE_ERROR;
        padding = (uint8_t)cut(payload, 1).data[0];
    }
    if (frame->flags & H2_FLAG_PRIORITY) {
        if (payload->length < DEPENDENCY)
            return H2_FRAME_SIZE_ERROR;
        /* RFC 7540 5.3.1: a stream does not depend on itself. */
        if ((h2_number_at(cut(payload, DEPENDENCY).data) & H2_NUMBER_MASK) == frame->stream)
            return H2_PROTOCOL_ERROR;
    }
    if (padding > payload->length)
        return H2_PROTOCOL_ERROR; /* RFC 9113 6.2 */
    payload->length -= padding;
    return H2_NO_ERROR;
}

enum { JOINED_MAX = (H2_GATE_CONTINUATIONS_MAX + 1) * H2_LENGTH_MAX };

/* So much of a block as the gate lets through: a frame, and a few more. */
static bool append(struct h2 *h2, struct span *joined, struct slice bytes)
{
    size_t length = joined->length + bytes.length;
    ASSERT(length <= JOINED_MAX);
    if (!joined->buffer || joined->buffer->capacity < length) {
        size_t grown = 2 * length < JOINED_MAX ? 2 * length : JOINED_MAX;
        struct buffer *buffer = buffer_new(h2->pools, joined->length > 0 ? grown : length);
        if (!buffer)
            return false;
        struct slice before = span_slice(joined);
        if (before.length > 0)
            memcpy(buffer->data, before.data, before.length);
        span_clear(joined);
        *joined = (struct span){.buffer = buffer, .length = (uint32_t)before.length};
    }
    if (bytes.length > 0)
        memcpy(joined->buffer->data + joined->length, bytes.data, bytes.length);
    joined->length = (uint32_t)length;
    return true;
}

static enum h2_error take_headers(struct h2 *h2, const struct h2_frame *frame, struct slice payload)
{
    enum h2_error error = strip(frame, &payload);
    if (error)
        return error;
    if (frame->flags & H2_FLAG_END_HEADERS)
        return h2_take_block(h2, frame, payload);
    h2->joined_frame = *frame;
    return append(h2, &h2->joined, payload) ? H2_NO_ERROR : H2_INTERNAL_ERROR;
}

COLD static enum h2_error take_continuation(struct h2 *h2, const struct h2_frame *frame,
                                            struct slice payload)
{
    if (!append(h2, &h2->joined, payload))
        return H2_INTERNAL_ERROR;
    if (!(frame->flags & H2_FLAG_END_HEADERS))
        return H2_NO_ERROR;
    struct span joined = span_take(&h2->joined);
    enum h2_error error = h2_take_block(h2, &h2->joined_frame, span_slice(&joined));
    span_clear(&joined);
    return error;
}

static enum h2_error take_frame(struct h2 *h2, const struct h2_frame *frame, struct slice payload)
{
    ASSERT(payload.length == frame->length && frame->kind != H2_KIND_DATA);
    switch ((enum h2_kind)frame->kind) {
    case H2_KIND_HEADERS:
        return take_headers(h2, frame, payload);
    case H2_KIND_CONTINUATION:
        return take_continuation(h2, frame, payload);
    default:
        return h2_obey(h2, frame, payload);
    }
}

/* ---- frames */

/* SETTINGS are the first that comes (RFC 9113 3.4). A peer that speaks something else altogether is
 * known by a length that cannot be. */
static enum h2_error begin_frame(struct h2 *h2, const char *head)
{
    struct h2_input *input = &h2->input;
    struct h2_frame *frame = &input->frame;
    *frame = h2_frame_read(head);
    if (!h2->peer.has_spoken && (frame->kind != H2_KIND_SETTINGS || frame->flags & H2_FLAG_ACK) &&
        frame->length <= H2_LENGTH_MAX)
        return H2_PROTOCOL_ERROR;
    if (frame->kind == H2_KIND_HEADERS)
        input->begins = frame->stream > h2->gate.last;
    enum h2_error error = h2_gate_pass(&h2->gate, &h2->settings.gate, frame);
    if (error)
        return error;
    input->is_in_frame = true;
    input->left = frame->length;
    input->padding = 0;
    input->wants_padding_length = frame->flags & H2_FLAG_PADDED;
    return frame->kind == H2_KIND_DATA ? h2_begin_data(h2, frame) : H2_NO_ERROR;
}

/* The head of a frame, which most often lies there whole. */
static enum h2_error take_head(struct h2 *h2, struct slice *rest)
{
    struct h2_input *input = &h2->input;
    if (input->have == 0 && rest->length >= H2_HEAD_LENGTH)
        return begin_frame(h2, cut(rest, H2_HEAD_LENGTH).data);
    struct slice part = cut(rest, (size_t)(H2_HEAD_LENGTH - input->have));
    memcpy(input->head + input->have, part.data, part.length);
    input->have = (uint8_t)(input->have + part.length);
    if (input->have < H2_HEAD_LENGTH)
        return H2_NO_ERROR;
    input->have = 0;
    return begin_frame(h2, input->head);
}

static enum h2_error take_whole(struct h2 *h2, struct slice *rest)
{
    struct h2_input *input = &h2->input;
    uint32_t length = input->frame.length;
    if (input->payload.length == 0 && rest->length >= length) {
        input->is_in_frame = false;
        return take_frame(h2, &input->frame, cut(rest, length));
    }
    if (!input->payload.buffer) {
        struct buffer *buffer = buffer_new(h2->pools, length);
        if (!buffer)
            return H2_INTERNAL_ERROR;
        input->payload = (struct span){.buffer = buffer};
    }
    if (!append(h2, &input->payload, cut(rest, length - input->payload.length)))
        return H2_INTERNAL_ERROR;
    if (input->payload.length < length)
        return H2_NO_ERROR;
    struct span payload = span_take(&input->payload);
    input->is_in_frame = false;
    enum h2_error error = take_frame(h2, &input->frame, span_slice(&payload));
    span_clear(&payload);
    return error;
}

/* What is not known is not kept either (RFC 9113 5.5). */
static void skip(struct h2_input *input, struct slice *rest)
{
    input->left -= (uint32_t)cut(rest, input->left).length;
    input->is_in_frame = input->left > 0;
}

/* RFC 9113 6.1: padding is no content, but counts in the windows. */
static enum h2_error take_padding_length(struct h2 *h2, struct slice *rest)
{
    struct h2_input *input = &h2->input;
    if (input->frame.length == 0)
        return H2_FRAME_SIZE_ERROR;
    uint32_t padding = (uint8_t)cut(rest, 1).data[0];
    input->wants_padding_length = false;
    if (padding >= input->frame.length)
        return H2_PROTOCOL_ERROR;
    input->left = input->frame.length - 1 - padding;
    input->padding = padding;
    h2_drop_data(h2, &input->frame, padding + 1);
    return h2_gate_pass_padded(&h2->gate, &h2->settings.gate, &input->frame, padding);
}

static enum h2_error take_content(struct h2 *h2, struct slice *rest)
{
    struct h2_input *input = &h2->input;
    enum h2_error error = H2_NO_ERROR;
    if (input->wants_padding_length)
        error = take_padding_length(h2, rest);
    struct slice content = cut(rest, input->left);
    input->left -= (uint32_t)content.length;
    if (content.length > 0 && !error)
        error = h2_take_data(h2, &input->frame, content);
    input->padding -= (uint32_t)cut(rest, input->padding).length;
    if (input->left == 0 && input->padding == 0) {
        input->is_in_frame = false;
        if (!error)
            h2_end_data(h2, &input->frame);
    }
    return error;
}

/* A frame without payload is whole when nothing more has come. */
static bool has_more(const struct h2_input *input, struct slice rest)
{
    bool is_empty = input->is_in_frame && input->frame.length == 0;
    return rest.length > 0 || is_empty;
}

static enum h2_error take_bytes(struct h2 *h2, struct slice rest)
{
    struct h2_input *input = &h2->input;
    enum h2_error error = H2_NO_ERROR;
    while (!error && !h2->is_terminated && has_more(input, rest)) {
        if (input->preface > 0)
            error = take_preface(input, &rest);
        else if (!input->is_in_frame)
            error = take_head(h2, &rest);
        else if (input->frame.kind == H2_KIND_DATA)
            error = take_content(h2, &rest);
        else if (!h2_is_known(input->frame.kind))
            skip(input, &rest);
        else
            error = take_whole(h2, &rest);
        if (h2->is_flooded)
            return H2_ENHANCE_YOUR_CALM;
    }
    return error;
}

enum h2_error h2_receive(struct h2 *h2, struct slice bytes, uint64_t now)
{
    if (h2->is_terminated)
        return h2->error;
    h2_gate_turn_over(&h2->gate, now);
    enum h2_error error = take_bytes(h2, bytes);
    if (error)
        h2_terminate(h2, error);
    return h2->error;
}

bool h2_is_in_block(const struct h2 *h2)
{
    bool is_in_headers = h2->input.is_in_frame && h2->input.frame.kind == H2_KIND_HEADERS;
    return h2->gate.block != 0 || is_in_headers;
}
