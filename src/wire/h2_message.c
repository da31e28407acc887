/* Messages that come: blocks of fields become heads and trailers of streams, and content waits in
 * them. What is wrong with a message resets its stream; what is wrong with a block, or with what is
 * sent in all, ends the connection (RFC 9113 5.4). */
#include "base/assert.h"
#include "wire/h2_int.h"
#include "wire/h2_priority.h"

/* ---- blocks */

/* All of a block is unpacked, for whom it may be: the next one builds on it (RFC 9113 4.3). */
static enum h2_error unpack(struct h2 *h2, struct slice packed, struct h2_block *block)
{
    struct field field;
    for (;;) {
        switch (hpack_next(&h2->decoder, &packed, &field)) {
        case HPACK_FIELD:
            if (block && !h2_block_put(block, &h2->settings.blocks, h2->pools, &field))
                return H2_INTERNAL_ERROR;
            if (block)
                block->is_unsound |= !h2->decoder.is_sound;
            break;
        case HPACK_END:
            return H2_NO_ERROR;
        case HPACK_BAD:
            return H2_COMPRESSION_ERROR;
        case HPACK_NO_MEMORY:
            return H2_INTERNAL_ERROR;
        }
    }
}

/* ---- requests */

/* A body has ended, and is as long as its head says (RFC 9113 8.1.1). */
static bool is_whole(const struct h2_stream *stream)
{
    return !stream->facts.is_counted || stream->body_received == stream->facts.length;
}

/* A head that is too large is answered; nobody can tell whether it is well-formed. */
static bool is_request(const struct h2_block *block, struct h2_block_facts *ret_facts, bool ended)
{
    if (block->too_large || block->too_many) {
        (void)h2_block_read_facts(block, ret_facts);
        return true;
    }
    return h2_block_is_request(block, ret_facts) &&
           !(ended && ret_facts->is_counted && ret_facts->length > 0);
}

COLD static void read_priority(struct h2_stream *stream, struct slice value)
{
    struct h2_priority priority = h2_priority_read(value);
    stream->urgency = priority.urgency;
    stream->is_incremental = priority.is_incremental;
}

COLD static void take_foretold(struct h2_stream *stream)
{
    struct h2 *h2 = stream->h2;
    for (unsigned i = 0; i < H2_FORETOLD_MAX; i++) {
        if (h2->foretold[i].id != stream->id)
            continue;
        stream->urgency = h2->foretold[i].urgency;
        stream->is_incremental = h2->foretold[i].is_incremental;
    }
}

static void begin_request(struct h2 *h2, uint32_t id, bool ended, struct h2_block *block)
{
    struct h2_block_facts facts;
    if (!is_request(block, &facts, ended)) {
        h2_reset(h2, id, H2_PROTOCOL_ERROR);
        return;
    }
    struct h2_stream *stream = h2_stream_new(h2, id);
    if (!stream) {
        h2_reset(h2, id, H2_INTERNAL_ERROR); /* no memory, and others go on */
        return;
    }
    stream->head = *block;
    *block = (struct h2_block){0};
    stream->facts = facts;
    stream->is_request = true;
    stream->ended = ended;
    h2_stream_open(stream);
    h2->accepted = id;
    if (facts.priority.data)
        read_priority(stream, facts.priority);
    if (h2->foretold[0].id)
        take_foretold(stream);
    h2_stream_note(stream);
}

/* Of what comes behind our GOAWAY the client knows that nobody takes it (RFC 9113 6.8). */
static enum h2_error take_request(struct h2 *h2, const struct h2_frame *frame, struct slice packed)
{
    bool is_refused = h2->open >= h2->settings.streams;
    struct h2_block block = {0};
    bool is_wanted = !h2->has_ended && !is_refused;
    enum h2_error error = unpack(h2, packed, is_wanted ? &block : NULL);
    if (!error && is_wanted)
        begin_request(h2, frame->stream, frame->flags & H2_FLAG_END_STREAM, &block);
    else if (!error && !h2->has_ended)
        h2_reset(h2, frame->stream, H2_REFUSED_STREAM);
    if (!(frame->flags & H2_FLAG_END_STREAM) && !h2_stream_find(h2, frame->stream))
        h2_expect_late(h2, h2->settings.window);
    h2_block_clear(&block);
    return error;
}

/* ---- what follows a head, and what servers send */

static void take_trailers(struct h2_stream *stream, struct h2_block *block)
{
    bool in_tunnel = stream->is_tunnel && !stream->h2->is_to_server; /* only DATA (RFC 9113 8.5) */
    bool good = stream->ended && is_whole(stream) && !in_tunnel && !block->too_large &&
                !block->too_many && h2_block_is_trailers(block);
    if (!good) {
        h2_stream_reset_malformed(stream);
        return;
    }
    h2_block_clear(&stream->trailers);
    stream->trailers = *block;
    *block = (struct h2_block){0};
    h2_stream_ended(stream);
}

static void take_response(struct h2_stream *stream, struct h2_block *block)
{
    h2_take_response_head(stream, *block);
    *block = (struct h2_block){0};
    if (stream->closed)
        return;
    if (stream->ended && !is_whole(stream))
        h2_stream_reset_malformed(stream);
    else if (stream->ended)
        h2_stream_ended(stream);
    else
        h2_stream_note(stream);
}

static enum h2_error take_more(struct h2 *h2, const struct h2_frame *frame, struct slice packed)
{
    struct h2_stream *stream = h2_stream_find(h2, frame->stream);
    struct h2_block block = {0};
    if (stream && stream->ended)
        return H2_STREAM_CLOSED; /* so long ago that the gate has forgotten it */
    enum h2_error error = unpack(h2, packed, stream ? &block : NULL);
    if (!error && !stream)
        error = h2_gate_pass_vain(&h2->gate, &h2->settings.gate);
    if (!error && stream) {
        stream->ended = frame->flags & H2_FLAG_END_STREAM;
        if (stream->is_request)
            take_trailers(stream, &block);
        else
            take_response(stream, &block);
    }
    h2_block_clear(&block);
    return error;
}

enum h2_error h2_take_block(struct h2 *h2, const struct h2_frame *frame, struct slice packed)
{
    ASSERT(frame->kind == H2_KIND_HEADERS);
    return h2->input.begins ? take_request(h2, frame, packed) : take_more(h2, frame, packed);
}

/* ---- content */

void h2_open_window(struct h2 *h2, uint32_t id, int64_t by)
{
    char bytes[4];
    const struct h2_frame frame = {
        .length = sizeof(bytes), .stream = id, .kind = H2_KIND_WINDOW_UPDATE};
    h2_number_write(bytes, (uint32_t)by);
    h2_queue_frame(h2, &frame, slice_of(bytes, sizeof(bytes)));
}

static void give_back(struct h2 *h2, uint32_t id, int64_t *window, int64_t *untold)
{
    *window += *untold;
    h2_open_window(h2, id, *untold);
    *untold = 0;
}

/* What was taken is given back when it is half a window: rarely, and soon enough. That of the
 * connection, which is as wide as those of all streams, is half used up then, or by streams that
 * nobody takes: these must leave the others their part, so it cannot wait for half of itself. */
void h2_consume(struct h2 *h2, struct h2_stream *stream, size_t length)
{
    int64_t enough = h2->settings.window / 2;
    h2->untold += (int64_t)length;
    if (h2->untold >= enough && h2->receive_window <= h2->receive_window_full / 2)
        give_back(h2, 0, &h2->receive_window, &h2->untold);
    if (!stream || stream->closed || stream->ended)
        return;
    stream->untold += (int64_t)length;
    if (stream->untold >= enough)
        give_back(h2, stream->id, &stream->receive_window, &stream->untold);
}

/* All that the peer can have sent before it hears of it lies within the connection's window. */
void h2_expect_late(struct h2 *h2, int64_t length)
{
    h2->late += length;
    if (h2->late > h2->receive_window_full)
        h2->late = h2->receive_window_full;
}

/* Who goes on when he must have heard that nobody listens makes work for nothing. */
static enum h2_error pass_late(struct h2 *h2, uint32_t length)
{
    h2->late -= length;
    return h2->late < 0 ? H2_ENHANCE_YOUR_CALM : H2_NO_ERROR;
}

/* RFC 9113 6.9.1. */
enum h2_error h2_begin_data(struct h2 *h2, const struct h2_frame *frame)
{
    struct h2_stream *stream = h2_stream_find(h2, frame->stream);
    if (h2->receive_window < frame->length)
        return H2_FLOW_CONTROL_ERROR;
    h2->receive_window -= frame->length;
    if (!stream)
        return pass_late(h2, frame->length);
    if (stream->ended)
        return H2_STREAM_CLOSED; /* so long ago that the gate has forgotten it */
    if (stream->receive_window < frame->length)
        h2_reset(h2, stream->id, H2_FLOW_CONTROL_ERROR);
    else
        stream->receive_window -= frame->length;
    return H2_NO_ERROR;
}

void h2_drop_data(struct h2 *h2, const struct h2_frame *frame, uint32_t length)
{
    h2_consume(h2, h2_stream_find(h2, frame->stream), length);
}

/* What is for nobody any more opens the connection's window again at once. More than the head said
 * makes the message malformed (RFC 9113 8.1.1), and so does content before it. */
enum h2_error h2_take_data(struct h2 *h2, const struct h2_frame *frame, struct slice bytes)
{
    struct h2_stream *stream = h2_stream_find(h2, frame->stream);
    if (stream)
        stream->body_received += bytes.length;
    bool is_bad = stream && (!stream->is_request || (stream->facts.is_counted &&
                                                     stream->body_received > stream->facts.length));
    if (is_bad)
        h2_stream_reset_malformed(stream);
    if (!stream || is_bad) {
        h2_consume(h2, NULL, bytes.length);
        return H2_NO_ERROR;
    }
    if (!h2_stream_receive(stream, bytes))
        return H2_INTERNAL_ERROR;
    h2_stream_note(stream);
    return H2_NO_ERROR;
}

void h2_end_data(struct h2 *h2, const struct h2_frame *frame)
{
    struct h2_stream *stream =
        frame->flags & H2_FLAG_END_STREAM ? h2_stream_find(h2, frame->stream) : NULL;
    if (!stream)
        return;
    if (!stream->is_request || !is_whole(stream)) {
        h2_stream_reset_malformed(stream);
        return;
    }
    h2_stream_ended(stream);
}
