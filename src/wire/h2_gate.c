#include "wire/h2_gate.h"

#include "base/assert.h"

void h2_gate_init(struct h2_gate *gate)
{
    *gate = (struct h2_gate){0};
}

void h2_gate_init_to_server(struct h2_gate *gate)
{
    *gate = (struct h2_gate){.is_to_server = true};
}

/* ---- the streams */

static uint64_t bit_of(uint32_t stream)
{
    return UINT64_C(1) << (stream / 2 % 64);
}

static uint64_t *word_of(uint64_t *bits, uint32_t stream)
{
    return &bits[stream / 2 / 64 % (H2_GATE_MEMORY / 64)];
}

static void set(uint64_t *bits, uint32_t stream, bool value)
{
    uint64_t *word = word_of(bits, stream);
    *word = value ? *word | bit_of(stream) : *word & ~bit_of(stream);
}

/* Those in between will never begin (RFC 9113 5.1.1). */
static void begin_stream(struct h2_gate *gate, uint32_t stream)
{
    ASSERT(stream > gate->last && stream % 2 == 1);
    uint32_t skipped = (stream - gate->last) / 2;
    for (uint32_t i = 0; i < skipped && i < H2_GATE_MEMORY; i++)
        set(gate->begun, stream - 2 * i, false);
    gate->last = stream;
    set(gate->begun, stream, true);
    set(gate->ended, stream, false);
}

void h2_gate_ask(struct h2_gate *gate, uint32_t stream)
{
    begin_stream(gate, stream);
}

/* What is too long ago the stream knows, where it is still there; else nobody listens to it. */
static bool is_remembered(const struct h2_gate *gate, uint32_t stream)
{
    return stream <= gate->last && (gate->last - stream) / 2 < H2_GATE_MEMORY;
}

/* What is wrong with a frame that goes on with a request. */
static enum h2_error check_open(struct h2_gate *gate, uint32_t stream)
{
    if (stream % 2 == 0 || stream > gate->last)
        return H2_PROTOCOL_ERROR;
    if (!is_remembered(gate, stream))
        return H2_NO_ERROR;
    if (!(*word_of(gate->begun, stream) & bit_of(stream)))
        return H2_PROTOCOL_ERROR;
    return *word_of(gate->ended, stream) & bit_of(stream) ? H2_STREAM_CLOSED : H2_NO_ERROR;
}

static void note_end(struct h2_gate *gate, uint32_t stream)
{
    if (is_remembered(gate, stream))
        set(gate->ended, stream, true);
}

/* ---- counting */

void h2_gate_turn_over(struct h2_gate *gate, uint64_t now)
{
    if (now - gate->began < H2_GATE_PERIOD_MS)
        return;
    bool is_long_ago = now - gate->began >= 2 * (uint64_t)H2_GATE_PERIOD_MS;
    gate->resets = is_long_ago ? 0 : gate->resets / 2;
    gate->controls = is_long_ago ? 0 : gate->controls / 2;
    gate->earned = is_long_ago ? 0 : gate->earned / 2;
    gate->pieces = is_long_ago ? 0 : gate->pieces / 2;
    gate->began = now;
}

static enum h2_error count_control(struct h2_gate *gate, const struct h2_gate_limits *limits)
{
    gate->controls++;
    bool too_many = gate->controls > (uint64_t)limits->controls + gate->earned;
    return too_many ? H2_ENHANCE_YOUR_CALM : H2_NO_ERROR;
}

bool h2_gate_reset(struct h2_gate *gate, const struct h2_gate_limits *limits)
{
    gate->resets++;
    return gate->resets <= limits->resets;
}

/* ---- frames */

static enum h2_error check_headers(struct h2_gate *gate, const struct h2_frame *frame)
{
    enum h2_error error = H2_NO_ERROR;
    if (frame->stream > gate->last && frame->stream % 2 == 1 && !gate->is_to_server)
        begin_stream(gate, frame->stream);
    else
        error = check_open(gate, frame->stream);
    gate->earned++;
    gate->block = frame->flags & H2_FLAG_END_HEADERS ? 0 : frame->stream;
    gate->block_more = 0;
    if (frame->flags & H2_FLAG_END_STREAM)
        note_end(gate, frame->stream);
    return error;
}

static enum h2_error check_continuation(struct h2_gate *gate, const struct h2_frame *frame)
{
    if (++gate->block_more > H2_GATE_CONTINUATIONS_MAX)
        return H2_ENHANCE_YOUR_CALM;
    if (frame->flags & H2_FLAG_END_HEADERS)
        gate->block = 0;
    return H2_NO_ERROR;
}

static enum h2_error count_data(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                const struct h2_frame *frame, bool is_empty)
{
    if (is_empty && !(frame->flags & H2_FLAG_END_STREAM))
        return count_control(gate, limits);
    gate->earned++;
    return H2_NO_ERROR;
}

static enum h2_error check_data(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                const struct h2_frame *frame)
{
    enum h2_error error = check_open(gate, frame->stream);
    if (frame->flags & H2_FLAG_END_STREAM)
        note_end(gate, frame->stream);
    if (error)
        return error;
    if (frame->flags & H2_FLAG_PADDED)
        return H2_NO_ERROR; /* it is counted when it is known what its padding leaves */
    return count_data(gate, limits, frame, frame->length == 0);
}

enum h2_error h2_gate_pass_padded(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                  const struct h2_frame *frame, uint32_t padding)
{
    return count_data(gate, limits, frame, padding + 1 >= frame->length);
}

enum h2_error h2_gate_pass_vain(struct h2_gate *gate, const struct h2_gate_limits *limits)
{
    if (gate->earned > 0)
        gate->earned--;
    return count_control(gate, limits);
}

/* Whether a reset can end nothing any more, as far as is known. */
static bool has_ended(struct h2_gate *gate, uint32_t stream)
{
    return !is_remembered(gate, stream) || *word_of(gate->ended, stream) & bit_of(stream);
}

/* A stream is reset once: towards servers, where there is no other limit, further ones count. */
static enum h2_error check_rst_stream(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                      const struct h2_frame *frame)
{
    if (frame->length != 4)
        return H2_FRAME_SIZE_ERROR;
    if (frame->stream % 2 == 0 || frame->stream > gate->last)
        return H2_PROTOCOL_ERROR;
    bool is_vain = has_ended(gate, frame->stream);
    note_end(gate, frame->stream);
    if (is_vain && count_control(gate, limits))
        return H2_ENHANCE_YOUR_CALM;
    return h2_gate_reset(gate, limits) ? H2_NO_ERROR : H2_ENHANCE_YOUR_CALM;
}

static enum h2_error check_priority(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                    const struct h2_frame *frame)
{
    if (frame->stream == 0)
        return H2_PROTOCOL_ERROR;
    if (frame->length != 5)
        return H2_FRAME_SIZE_ERROR;
    return count_control(gate, limits);
}

static enum h2_error check_settings(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                    const struct h2_frame *frame)
{
    bool is_acknowledgement = frame->flags & H2_FLAG_ACK;
    if (frame->stream != 0)
        return H2_PROTOCOL_ERROR;
    if (frame->length % H2_SETTING_LENGTH != 0 || (is_acknowledgement && frame->length > 0))
        return H2_FRAME_SIZE_ERROR;
    if (frame->length > H2_GATE_SETTINGS_MAX * H2_SETTING_LENGTH)
        return H2_ENHANCE_YOUR_CALM;
    return count_control(gate, limits);
}

static enum h2_error check_window_update(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                         const struct h2_frame *frame)
{
    bool has_begun = frame->stream % 2 == 1 && frame->stream <= gate->last;
    if (frame->stream != 0 && !has_begun)
        return H2_PROTOCOL_ERROR;
    if (frame->length != 4)
        return H2_FRAME_SIZE_ERROR;
    if (gate->pieces == 0)
        return count_control(gate, limits);
    gate->pieces--;
    return H2_NO_ERROR;
}

/* PING has one length, GOAWAY a least (RFC 9113 6.7, 6.8). */
static enum h2_error check_of_connection(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                         const struct h2_frame *frame)
{
    bool is_long = frame->kind == H2_KIND_GOAWAY && frame->length > 8;
    if (frame->stream != 0)
        return H2_PROTOCOL_ERROR;
    if (frame->length != 8 && !is_long)
        return H2_FRAME_SIZE_ERROR;
    return count_control(gate, limits);
}

/* RFC 9113 6.10: nothing stands between the frames of a block. */
static bool keeps_block_together(const struct h2_gate *gate, const struct h2_frame *frame)
{
    return frame->kind == H2_KIND_CONTINUATION ? gate->block && gate->block == frame->stream
                                               : gate->block == 0;
}

enum h2_error h2_gate_pass(struct h2_gate *gate, const struct h2_gate_limits *limits,
                           const struct h2_frame *frame)
{
    if (frame->length > H2_LENGTH_MAX)
        return H2_FRAME_SIZE_ERROR;
    if (!keeps_block_together(gate, frame))
        return H2_PROTOCOL_ERROR;
    switch ((enum h2_kind)frame->kind) {
    case H2_KIND_DATA:
        return check_data(gate, limits, frame);
    case H2_KIND_HEADERS:
        return check_headers(gate, frame);
    case H2_KIND_PRIORITY:
        return check_priority(gate, limits, frame);
    case H2_KIND_RST_STREAM:
        return check_rst_stream(gate, limits, frame);
    case H2_KIND_PUSH_PROMISE: /* RFC 9113 8.4: clients do not push, and servers were told not to */
        return H2_PROTOCOL_ERROR;
    case H2_KIND_CONTINUATION:
        return check_continuation(gate, frame);
    case H2_KIND_WINDOW_UPDATE:
        return check_window_update(gate, limits, frame);
    case H2_KIND_SETTINGS:
        return check_settings(gate, limits, frame);
    case H2_KIND_PING:
    case H2_KIND_GOAWAY:
        return check_of_connection(gate, limits, frame);
    case H2_KIND_PRIORITY_UPDATE:
        break;
    }
    return count_control(gate, limits);
}
