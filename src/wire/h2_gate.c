#include "wire/h2_gate.h"

#include "base/assert.h"

#include <string.h>

/* RFC 9113 6 */
enum frame {
    FRAME_DATA,
    FRAME_HEADERS,
    FRAME_PRIORITY,
    FRAME_RST_STREAM,
    FRAME_SETTINGS,
    FRAME_PUSH_PROMISE,
    FRAME_PING,
    FRAME_GOAWAY,
    FRAME_WINDOW_UPDATE,
    FRAME_CONTINUATION,
};

enum {
    FLAG_END_STREAM = 0x1,
    FLAG_END_HEADERS = 0x4,
    FLAG_PADDED = 0x8,
    FLAG_PRIORITY = 0x20,
    PREFACE = 24,
    HEAD = 9,
    DEPENDENCY = 4,           /* bytes of the stream that another depends on (RFC 7540 6.3) */
    LENGTH_MAX = 16 * 1024,   /* SETTINGS_MAX_FRAME_SIZE, which we leave at its least */
    STREAM_MASK = 0x7fffffff, /* without the reserved bit */
};

void h2_gate_init(struct h2_gate *gate)
{
    *gate = (struct h2_gate){.preface = PREFACE, .peek = HEAD};
}

void h2_gate_init_to_server(struct h2_gate *gate)
{
    *gate = (struct h2_gate){.peek = HEAD};
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

/* A server that answers what was not asked has broken the connection already. */
void h2_gate_ask(struct h2_gate *gate, uint32_t stream)
{
    if (stream > gate->last)
        begin_stream(gate, stream);
}

/* What is too long ago is the library's to judge. */
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

static void note_end(struct h2_gate *gate, uint32_t stream, uint8_t flags)
{
    if (flags & FLAG_END_STREAM && is_remembered(gate, stream))
        set(gate->ended, stream, true);
}

/* ---- counting */

static void turn_over(struct h2_gate *gate, uint64_t now)
{
    if (now - gate->began < H2_GATE_PERIOD_MS)
        return;
    bool is_long_ago = now - gate->began >= 2 * (uint64_t)H2_GATE_PERIOD_MS;
    gate->resets = is_long_ago ? 0 : gate->resets / 2;
    gate->controls = is_long_ago ? 0 : gate->controls / 2;
    gate->earned = is_long_ago ? 0 : gate->earned / 2;
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

static enum h2_error check_headers(struct h2_gate *gate, uint32_t stream, uint8_t flags)
{
    enum h2_error error = H2_NO_ERROR;
    if (stream > gate->last && stream % 2 == 1)
        begin_stream(gate, stream);
    else
        error = check_open(gate, stream);
    gate->earned++;
    if (!(flags & FLAG_END_HEADERS))
        gate->block = stream;
    gate->block_more = 0;
    note_end(gate, stream, flags);
    return error;
}

static enum h2_error check_continuation(struct h2_gate *gate, uint8_t flags)
{
    if (++gate->block_more > H2_GATE_CONTINUATIONS_MAX)
        return H2_ENHANCE_YOUR_CALM;
    if (flags & FLAG_END_HEADERS)
        gate->block = 0;
    return H2_NO_ERROR;
}

static enum h2_error count_data(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                bool is_empty, uint8_t flags)
{
    if (is_empty && !(flags & FLAG_END_STREAM))
        return count_control(gate, limits);
    gate->earned++;
    return H2_NO_ERROR;
}

static enum h2_error check_data(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                uint32_t stream, uint8_t flags)
{
    enum h2_error error = check_open(gate, stream);
    note_end(gate, stream, flags);
    if (error)
        return error;
    if (flags & FLAG_PADDED)
        return H2_NO_ERROR; /* it is counted when it is known what its padding leaves */
    return count_data(gate, limits, gate->length == 0, flags);
}

static enum h2_error check_rst_stream(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                      uint32_t stream)
{
    if (gate->length != 4)
        return H2_FRAME_SIZE_ERROR;
    if (stream == 0 || stream % 2 == 0 || stream > gate->last)
        return H2_PROTOCOL_ERROR;
    note_end(gate, stream, FLAG_END_STREAM);
    return h2_gate_reset(gate, limits) ? H2_NO_ERROR : H2_ENHANCE_YOUR_CALM;
}

static enum h2_error check_priority(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                    uint32_t stream)
{
    if (stream == 0)
        return H2_PROTOCOL_ERROR;
    if (gate->length != 5)
        return H2_FRAME_SIZE_ERROR;
    return count_control(gate, limits);
}

static enum h2_error check_kind(struct h2_gate *gate, const struct h2_gate_limits *limits,
                                uint8_t kind, uint8_t flags, uint32_t stream)
{
    switch ((enum frame)kind) {
    case FRAME_DATA:
        return check_data(gate, limits, stream, flags);
    case FRAME_HEADERS:
        return check_headers(gate, stream, flags);
    case FRAME_PRIORITY:
        return check_priority(gate, limits, stream);
    case FRAME_RST_STREAM:
        return check_rst_stream(gate, limits, stream);
    case FRAME_PUSH_PROMISE: /* RFC 9113 8.4: clients do not push */
        return H2_PROTOCOL_ERROR;
    case FRAME_CONTINUATION:
        return check_continuation(gate, flags);
    case FRAME_WINDOW_UPDATE:
        if (stream > gate->last || (stream > 0 && stream % 2 == 0))
            return H2_PROTOCOL_ERROR;
        break;
    case FRAME_SETTINGS:
    case FRAME_PING:
    case FRAME_GOAWAY:
        break;
    }
    return count_control(gate, limits);
}

/* Up to where a frame is looked at: DATA, to the length of its padding (RFC 9113 6.1); what says on
 * which stream its own depends, to there (RFC 7540 6.2 and 6.3). */
static uint8_t peek_end(uint8_t kind, uint8_t flags)
{
    if (kind == FRAME_DATA)
        return HEAD + (flags & FLAG_PADDED ? 1 : 0);
    if (kind == FRAME_PRIORITY)
        return HEAD + DEPENDENCY;
    if (kind != FRAME_HEADERS || !(flags & FLAG_PRIORITY))
        return HEAD;
    return HEAD + DEPENDENCY + (flags & FLAG_PADDED ? 1 : 0);
}

static uint32_t number_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The head is there: `length` and `stream` are set from it. */
static enum h2_error check_head(struct h2_gate *gate, const struct h2_gate_limits *limits)
{
    const uint8_t *head = gate->head;
    uint8_t kind = head[3], flags = head[4];
    gate->length = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
    gate->stream = number_at(head + 5) & STREAM_MASK;
    if (gate->length > LENGTH_MAX)
        return H2_FRAME_SIZE_ERROR;
    bool goes_on = kind == FRAME_CONTINUATION;
    if (goes_on != (gate->block != 0) || (goes_on && gate->block != gate->stream))
        return H2_PROTOCOL_ERROR; /* RFC 9113 6.10 */
    enum h2_error error = check_kind(gate, limits, kind, flags, gate->stream);
    gate->peek = peek_end(kind, flags);
    if (gate->length < (uint32_t)(gate->peek - HEAD))
        gate->peek = HEAD; /* too short for it, which the library tells */
    return error;
}

/* RFC 7540 5.3.1: a stream does not depend on itself. */
static bool depends_on_itself(const struct h2_gate *gate)
{
    return (number_at(gate->head + gate->peek - DEPENDENCY) & STREAM_MASK) == gate->stream;
}

/* What lies behind the head is there, so far as it is looked at. */
static enum h2_error check_behind_head(struct h2_gate *gate, const struct h2_gate_limits *limits)
{
    ASSERT(gate->have == gate->peek && gate->peek > HEAD);
    if (gate->head[3] == FRAME_DATA)
        return count_data(gate, limits, gate->head[HEAD] >= gate->length, gate->head[4]);
    return depends_on_itself(gate) ? H2_PROTOCOL_ERROR : H2_NO_ERROR;
}

/* One byte more of what is looked at. */
static enum h2_error look_at(struct h2_gate *gate, const struct h2_gate_limits *limits, char byte)
{
    ASSERT(gate->have < gate->peek && gate->peek <= sizeof(gate->head));
    gate->head[gate->have++] = (uint8_t)byte;
    enum h2_error error = H2_NO_ERROR;
    if (gate->have == HEAD)
        error = check_head(gate, limits);
    else if (gate->have > HEAD)
        gate->length--;
    if (!error && gate->have > HEAD && gate->have == gate->peek)
        error = check_behind_head(gate, limits);
    return error;
}

/* Looks at what comes next, and most often that is a whole head: byte by byte would take longer
 * than all that is asked of it. `*at` moves behind it; not on an error. */
static enum h2_error look(struct h2_gate *gate, const struct h2_gate_limits *limits,
                          struct slice bytes, size_t *at)
{
    bool is_whole = gate->have == 0 && bytes.length - *at >= HEAD;
    if (!is_whole) {
        enum h2_error error = look_at(gate, limits, bytes.data[*at]);
        *at += error ? 0 : 1;
        return error;
    }
    memcpy(gate->head, bytes.data + *at, HEAD);
    gate->have = HEAD;
    enum h2_error error = check_head(gate, limits);
    *at += error ? HEAD - 1 : HEAD;
    return error;
}

bool h2_gate_is_in_block(const struct h2_gate *gate)
{
    bool is_in_headers = gate->have >= HEAD && gate->head[3] == FRAME_HEADERS && gate->length > 0;
    return gate->block != 0 || is_in_headers;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Bytes that need no look, at the front of so many: of the preface, or of a payload. */
static size_t skip(struct h2_gate *gate, size_t length)
{
    if (gate->preface > 0) {
        length = least(length, gate->preface);
        gate->preface = (uint8_t)(gate->preface - length);
        return length;
    }
    if (gate->have < gate->peek)
        return 0;
    length = least(length, gate->length);
    gate->length -= (uint32_t)length;
    if (gate->length == 0) {
        gate->have = 0;
        gate->peek = HEAD;
    }
    return length;
}

size_t h2_gate_pass(struct h2_gate *gate, const struct h2_gate_limits *limits, struct slice bytes,
                    uint64_t now, enum h2_error *ret_error)
{
    size_t at = 0;
    *ret_error = H2_NO_ERROR;
    turn_over(gate, now);
    while (at < bytes.length) {
        at += skip(gate, bytes.length - at);
        while (at < bytes.length && gate->preface == 0 && gate->have < gate->peek) {
            *ret_error = look(gate, limits, bytes, &at);
            if (*ret_error)
                return at;
        }
        if (gate->preface == 0 && gate->have == gate->peek && gate->length == 0)
            (void)skip(gate, 0); /* a frame without payload */
    }
    return at;
}
