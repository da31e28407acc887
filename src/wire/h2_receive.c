/* What comes: callbacks of the library, which only note what they are told. */
#include "base/assert.h"
#include "base/cold.h"
#include "wire/h2_int.h"
#include "wire/h2_priority.h"

#include <string.h>

/* ---- blocks */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h2 = user;
    h2_block_clear(&h2->block);
    if (h2->is_to_server)
        return 0; /* streams begin with h2_ask */
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *stream = h2_stream_new(h2, frame->hd.stream_id);
    if (!stream)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    (void)nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
    h2->recent = stream;
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *user)
{
    struct h2 *h2 = user;
    (void)session, (void)frame, (void)flags;
    bool good = h2_block_add(&h2->block, &h2->settings.blocks, h2->pools,
                             slice_of((const char *)name, name_length),
                             slice_of((const char *)value, value_length));
    return good ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

void h2_reset_malformed(struct h2 *h2, int32_t id)
{
    (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
}

void h2_stream_reset_malformed(struct h2_stream *stream)
{
    stream->ended = false;
    stream->error = H2_PROTOCOL_ERROR;
    h2_reset_malformed(stream->h2, stream->id);
}

/* What the library would drop without a word makes a server's message malformed (RFC 9113 8.2). */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_length, const uint8_t *value,
                             size_t value_length, uint8_t flags, void *user)
{
    (void)session, (void)name, (void)name_length, (void)value, (void)value_length, (void)flags;
    h2_reset_malformed(user, frame->hd.stream_id);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static struct h2_block take_block(struct h2 *h2)
{
    struct h2_block block = h2->block;
    h2->block = (struct h2_block){0};
    return block;
}

/* The body of a request has ended, and is as long as its head says (RFC 9113 8.1.1). The library
 * sees to responses: there it takes the request to know. */
static bool is_whole(const struct h2_stream *stream)
{
    return !stream->facts.is_counted || stream->body_received == stream->facts.length;
}

/* A head that is too large is answered; nobody can tell whether it is well-formed. */
static bool is_request(struct h2_stream *stream)
{
    const struct h2_block *block = &stream->head;
    if (block->too_large || block->too_many) {
        (void)h2_block_read_facts(block, &stream->facts);
        return true;
    }
    return h2_block_is_request(block, &stream->facts) && (!stream->ended || is_whole(stream));
}

COLD static void set_priority(const struct h2_stream *stream, struct slice value)
{
    struct h2_priority priority = h2_priority_read(value);
    const nghttp2_extpri wanted = {.urgency = priority.urgency, .inc = priority.is_incremental};
    (void)nghttp2_session_change_extpri_stream_priority(stream->h2->session, stream->id, &wanted,
                                                        0);
}

static void take_head(struct h2_stream *stream)
{
    stream->head = take_block(stream->h2);
    if (!is_request(stream)) {
        h2_reset_malformed(stream->h2, stream->id);
        return;
    }
    if (stream->facts.priority.data)
        set_priority(stream, stream->facts.priority);
    stream->is_request = true;
    h2_stream_note(stream);
}

static void take_response(struct h2_stream *stream)
{
    h2_take_response_head(stream, take_block(stream->h2));
    h2_stream_note(stream);
}

static void take_trailers(struct h2_stream *stream)
{
    struct h2_block block = take_block(stream->h2);
    bool in_tunnel = stream->is_tunnel && !stream->h2->is_to_server; /* only DATA (RFC 9113 8.5) */
    bool good = stream->is_request && stream->ended && is_whole(stream) && !in_tunnel &&
                !block.too_large && !block.too_many && h2_block_is_trailers(&block);
    h2_block_clear(&stream->trailers);
    stream->trailers = block;
    if (!good)
        h2_stream_reset_malformed(stream);
}

/* ---- frames */

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    bool has_content = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    struct h2 *h2 = user;
    struct h2_stream *stream = has_content ? h2_stream_find(h2, frame->hd.stream_id) : NULL;
    (void)session;
    if (frame->hd.type == NGHTTP2_SETTINGS)
        h2->has_settings = true;
    if (!stream || stream->error)
        return 0; /* what still comes on it is for nobody */
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        stream->ended = true;
    if (frame->hd.type == NGHTTP2_HEADERS && h2->is_to_server && !stream->is_request)
        take_response(stream);
    else if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        take_head(stream);
    else if (frame->hd.type == NGHTTP2_HEADERS)
        take_trailers(stream);
    else if (stream->ended && !is_whole(stream))
        h2_stream_reset_malformed(stream);
    if (stream->ended && stream->is_request)
        h2_stream_note(stream);
    return 0;
}

/* More than the head said makes the request malformed (RFC 9113 8.1.1). */
static bool is_too_long(struct h2_stream *stream, size_t length)
{
    if (!stream->facts.is_counted)
        return false;
    stream->body_received += length;
    return stream->body_received > stream->facts.length;
}

/* What is for nobody any more opens the connection's window again at once. */
static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t length, void *user)
{
    struct h2_stream *stream = h2_stream_find(user, id);
    (void)flags;
    bool is_wanted = stream && !stream->closed && !stream->error && stream->is_request;
    bool too_long = is_wanted && is_too_long(stream, length);
    if (too_long)
        h2_stream_reset_malformed(stream);
    if (!is_wanted || too_long) {
        (void)nghttp2_session_consume_connection(session, length);
        return 0;
    }
    if (!h2_stream_receive(stream, slice_of((const char *)data, length)))
        return NGHTTP2_ERR_NOMEM;
    h2_stream_note(stream);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    struct h2_stream *stream = h2_stream_find(user, id);
    (void)session;
    if (!stream)
        return 0;
    h2_stream_lose(stream);
    if (!stream->closed && !stream->error)
        stream->error = error;
    stream->closed = true;
    if (stream->owner || !list_is_empty(&stream->news))
        h2_stream_note(stream);
    else
        h2_stream_free(stream);
    return 0;
}

/* ---- what was sent */

/* Errors that the client brings about; INTERNAL_ERROR and CANCEL are ours. */
static bool is_clients(uint32_t error)
{
    return error == NGHTTP2_PROTOCOL_ERROR || error == NGHTTP2_FLOW_CONTROL_ERROR ||
           error == NGHTTP2_STREAM_CLOSED || error == NGHTTP2_FRAME_SIZE_ERROR ||
           error == NGHTTP2_REFUSED_STREAM;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h2 = user;
    (void)session;
    if (frame->hd.type == NGHTTP2_RST_STREAM &&
        frame->rst_stream.error_code == NGHTTP2_PROTOCOL_ERROR)
        h2->malformed++;
    if (frame->hd.type == NGHTTP2_RST_STREAM && is_clients(frame->rst_stream.error_code) &&
        !h2_gate_reset(&h2->gate, &h2->settings.gate) && !h2->error)
        h2_terminate(h2, H2_ENHANCE_YOUR_CALM);
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR &&
        !h2->error)
        h2->error = (enum h2_error)frame->goaway.error_code; /* the library ended it */
    bool has_content = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    struct h2_stream *stream = has_content ? h2_stream_find(h2, frame->hd.stream_id) : NULL;
    if (!stream)
        return 0;
    h2_gate_earn(&h2->gate);
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        stream->written = true;
        if (stream->wants_room)
            h2_stream_note(stream);
    }
    return 0;
}

/* A request that the library keeps back: the server has said that it takes no more of them. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
    struct h2 *h2 = user;
    (void)session, (void)error;
    if (!h2->is_to_server || frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    LIST_EACH (link, &h2->streams) {
        struct h2_stream *stream = CONTAINER_OF(link, struct h2_stream, link);
        if (stream->id != frame->hd.stream_id || stream->closed)
            continue;
        stream->closed = true;
        stream->error = H2_REFUSED_STREAM;
        h2_stream_note(stream);
    }
    return 0;
}

void h2_set_receiving(nghttp2_session_callbacks *callbacks)
{
    ASSERT(callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
}
