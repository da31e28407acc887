/* Frames that carry no message: what they ask for is done at once, and they are answered where they
 * are to be. Those with a length of their own have it: the gate has seen to that. */
#include "base/assert.h"
#include "wire/h2_int.h"
#include "wire/h2_priority.h"

/* ---- SETTINGS */

enum { FRAME_SIZE_MAX = (1 << 24) - 1 };

/* Windows that are open grow and shrink with it, below zero, too (RFC 9113 6.9.2). */
static enum h2_error set_window(struct h2 *h2, uint32_t window)
{
    if (window > H2_NUMBER_MASK)
        return H2_FLOW_CONTROL_ERROR;
    int64_t more = (int64_t)window - h2->peer.window;
    h2->peer.window = window;
    LIST_EACH (link, &h2->streams) {
        struct h2_stream *stream = CONTAINER_OF(link, struct h2_stream, link);
        stream->send_window += more;
        if (!stream->closed && stream->send_window > H2_NUMBER_MASK)
            return H2_FLOW_CONTROL_ERROR;
        h2_stream_ready(stream);
    }
    return H2_NO_ERROR;
}

/* A server must not ask for pushing, nor take back that it offers extended CONNECT. */
static enum h2_error set_one(struct h2 *h2, uint32_t id, uint32_t value)
{
    switch ((enum h2_setting)id) {
    case H2_SETTING_HEADER_TABLE_SIZE:
        hpack_encoder_resize(&h2->encoder, value);
        break;
    case H2_SETTING_ENABLE_PUSH:
        return value > (h2->is_to_server ? 0U : 1U) ? H2_PROTOCOL_ERROR : H2_NO_ERROR;
    case H2_SETTING_MAX_CONCURRENT_STREAMS:
        h2->peer.streams = value;
        break;
    case H2_SETTING_INITIAL_WINDOW_SIZE:
        return set_window(h2, value);
    case H2_SETTING_MAX_FRAME_SIZE: /* ours stay below the least that it may be */
        return value < H2_LENGTH_MAX || value > FRAME_SIZE_MAX ? H2_PROTOCOL_ERROR : H2_NO_ERROR;
    case H2_SETTING_ENABLE_CONNECT_PROTOCOL:
        if (value > 1 || (h2->peer.takes_connect && value == 0))
            return H2_PROTOCOL_ERROR;
        h2->peer.takes_connect = value == 1;
        break;
    case H2_SETTING_NO_RFC7540_PRIORITIES: /* we know no others than those of RFC 9218 */
        return value > 1 ? H2_PROTOCOL_ERROR : H2_NO_ERROR;
    case H2_SETTING_MAX_HEADER_LIST_SIZE: /* advice (6.5.2); what is too much is refused */
        break;
    }
    return H2_NO_ERROR;
}

static enum h2_error take_settings(struct h2 *h2, const struct h2_frame *frame,
                                   struct slice payload)
{
    const struct h2_frame acknowledgement = {.kind = H2_KIND_SETTINGS, .flags = H2_FLAG_ACK};
    enum h2_error error = H2_NO_ERROR;
    if (frame->flags & H2_FLAG_ACK)
        return H2_NO_ERROR;
    if (!h2->peer.has_spoken)
        h2->peer.streams = UINT32_MAX; /* what it does not say now it does not limit */
    h2->peer.has_spoken = true;
    for (size_t at = 0; at < payload.length && !error; at += H2_SETTING_LENGTH) {
        const unsigned char *id = (const unsigned char *)payload.data + at;
        error = set_one(h2, (uint32_t)id[0] << 8 | id[1], h2_number_at(payload.data + at + 2));
    }
    if (error)
        return error;
    h2_queue_frame(h2, &acknowledgement, SLICE(""));
    h2_let_ask(h2);
    return H2_NO_ERROR;
}

/* ---- windows */

/* An increment of nothing ends the connection, where the stream would do (RFC 9113 6.9, 5.4.2). */
static enum h2_error take_window_update(struct h2 *h2, const struct h2_frame *frame,
                                        struct slice payload)
{
    uint32_t by = h2_number_at(payload.data) & H2_NUMBER_MASK;
    if (by == 0)
        return H2_PROTOCOL_ERROR;
    if (frame->stream == 0) {
        h2->send_window += by;
        return h2->send_window > H2_NUMBER_MASK ? H2_FLOW_CONTROL_ERROR : H2_NO_ERROR;
    }
    struct h2_stream *stream = h2_stream_find(h2, frame->stream);
    if (!stream)
        return H2_NO_ERROR; /* the stream ended while it was on its way */
    stream->send_window += by;
    if (stream->send_window > H2_NUMBER_MASK)
        h2_reset(h2, stream->id, H2_FLOW_CONTROL_ERROR);
    else
        h2_stream_ready(stream);
    return H2_NO_ERROR;
}

/* ---- ends */

/* What a server has not taken up, and will not, may be asked elsewhere (RFC 9113 6.8). */
static void refuse_from(struct h2 *h2, uint32_t last)
{
    LIST_EACH_SAFE (link, &h2->streams) {
        struct h2_stream *stream = CONTAINER_OF(link, struct h2_stream, link);
        bool is_beyond = stream->id > last || stream->held_back.bytes.length > 0;
        if (!stream->closed && is_beyond)
            h2_stream_close(stream, H2_REFUSED_STREAM);
    }
}

static enum h2_error take_goaway(struct h2 *h2, struct slice payload)
{
    uint32_t last = h2_number_at(payload.data) & H2_NUMBER_MASK;
    if (h2->peer_ended && last > h2->peer_last)
        return H2_PROTOCOL_ERROR;
    h2->peer_ended = true;
    h2->peer_last = last;
    if (h2->is_to_server)
        refuse_from(h2, last);
    return H2_NO_ERROR;
}

static enum h2_error take_reset(struct h2 *h2, const struct h2_frame *frame, struct slice payload)
{
    struct h2_stream *stream = h2_stream_find(h2, frame->stream);
    if (stream)
        h2_stream_close(stream, h2_number_at(payload.data));
    return H2_NO_ERROR;
}

/* ---- the rest */

static enum h2_error take_ping(struct h2 *h2, const struct h2_frame *frame, struct slice payload)
{
    const struct h2_frame answer = {
        .length = frame->length, .kind = H2_KIND_PING, .flags = H2_FLAG_ACK};
    if (!(frame->flags & H2_FLAG_ACK))
        h2_queue_frame(h2, &answer, payload);
    return H2_NO_ERROR;
}

/* RFC 7540 5.3.1: a stream does not depend on itself. What else it says means nothing here. */
static enum h2_error take_priority(const struct h2_frame *frame, struct slice payload)
{
    bool is_own = (h2_number_at(payload.data) & H2_NUMBER_MASK) == frame->stream;
    return is_own ? H2_PROTOCOL_ERROR : H2_NO_ERROR;
}

static void foretell(struct h2 *h2, uint32_t id, const struct h2_priority *wanted)
{
    h2->foretold[h2->foretold_next] =
        (struct h2_foretold){id, wanted->urgency, wanted->is_incremental};
    h2->foretold_next = (h2->foretold_next + 1) % H2_FORETOLD_MAX;
}

/* RFC 9218 7.1. Of streams to come a few are remembered, the newest. */
COLD static enum h2_error take_priority_update(struct h2 *h2, const struct h2_frame *frame,
                                               struct slice payload)
{
    if (frame->stream != 0 || h2->is_to_server)
        return H2_PROTOCOL_ERROR;
    if (payload.length < 4)
        return H2_FRAME_SIZE_ERROR;
    uint32_t id = h2_number_at(payload.data) & H2_NUMBER_MASK;
    struct h2_priority wanted = h2_priority_read(slice_from(payload, 4));
    if (id % 2 == 0)
        return H2_PROTOCOL_ERROR;
    struct h2_stream *stream = h2_stream_find(h2, id);
    if (stream)
        h2_stream_set_priority(stream, wanted.urgency, wanted.is_incremental);
    else if (id > h2->gate.last)
        foretell(h2, id, &wanted);
    return H2_NO_ERROR;
}

enum h2_error h2_obey(struct h2 *h2, const struct h2_frame *frame, struct slice payload)
{
    switch ((enum h2_kind)frame->kind) {
    case H2_KIND_SETTINGS:
        return take_settings(h2, frame, payload);
    case H2_KIND_WINDOW_UPDATE:
        return take_window_update(h2, frame, payload);
    case H2_KIND_RST_STREAM:
        return take_reset(h2, frame, payload);
    case H2_KIND_PING:
        return take_ping(h2, frame, payload);
    case H2_KIND_GOAWAY:
        return take_goaway(h2, payload);
    case H2_KIND_PRIORITY:
        return take_priority(frame, payload);
    case H2_KIND_PRIORITY_UPDATE:
        return take_priority_update(h2, frame, payload);
    case H2_KIND_DATA:
    case H2_KIND_HEADERS:
    case H2_KIND_CONTINUATION:
    case H2_KIND_PUSH_PROMISE:
        break; /* taken elsewhere, or not past the gate */
    }
    UNREACHABLE();
}
