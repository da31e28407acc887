/* For the tests and the fuzzer of the HTTP/2 codec: a server in a few lines. Each request is
 * answered when it is complete, `hello` to all but HEAD; what became of each is noted, and what was
 * written is kept. Bytes are shown to the codec in memory of exactly their size. */
#pragma once

#include "base/arena.h"
#include "base/assert.h"
#include "wire/h2.h"

#include <stdlib.h>

#define H2_TESTING_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum { H2_TESTING_REQUESTS = 64, H2_TESTING_ARENA = 256 * 1024 };

static const struct h1_limits H2_TESTING_LIMITS = {
    .header_size = 4096, .header_count = 20, .target_length = 200};

/* An owner, as an exchange would be. */
struct h2_request {
    struct h2_trial *trial;
    struct h2_stream *stream; /* NULL: it is over */
    struct arena arena;
    struct span bytes;
    struct request_head head;
    struct fields trailers;
    enum error_code error;
    uint64_t body_length, body_sum;
    bool is_complete, is_answered;
};

struct h2_trial {
    struct buffer_pools pools;
    struct h2 *h2;
    enum h2_error error;
    bool answers_early; /* before the request is complete */
    uint32_t count;
    uint64_t now;
    struct h2_request requests[H2_TESTING_REQUESTS];
    struct text written;
    char memory[64 * 1024];
};

static inline void h2_trial_init(struct h2_trial *trial)
{
    static const struct h2_settings settings = {
        .streams = 10,
        .window = H2_WINDOW_LEAST,
        .blocks = {.size = 4096, .count = 20},
        .gate = {.resets = 20, .controls = 100},
    };
    *trial = (struct h2_trial){0};
    ASSERT(buffer_pools_init(&trial->pools));
    trial->h2 = h2_new(&settings, &trial->pools);
    trial->written = text_over(trial->memory, sizeof(trial->memory));
    ASSERT(trial->h2);
}

static inline void h2_testing_release(struct h2_request *request, enum h2_error error)
{
    h2_release(request->stream, error);
    request->stream = NULL;
}

static inline void h2_trial_fini(struct h2_trial *trial)
{
    for (uint32_t i = 0; i < trial->count; i++) {
        struct h2_request *request = &trial->requests[i];
        if (request->stream)
            h2_testing_release(request, H2_INTERNAL_ERROR);
        span_clear(&request->bytes);
        arena_fini(&request->arena);
    }
    h2_free(trial->h2);
    buffer_pools_fini(&trial->pools);
}

static inline void h2_testing_begin(struct h2_trial *trial, struct h2_stream *stream)
{
    if (trial->count == H2_TESTING_REQUESTS) {
        h2_release(stream, H2_REFUSED_STREAM);
        return;
    }
    struct h2_request *request = &trial->requests[trial->count++];
    *request = (struct h2_request){.trial = trial, .stream = stream};
    arena_init(&request->arena, NULL, H2_TESTING_ARENA);
    h2_own(stream, request);
    request->error = h2_read_request(stream, &H2_TESTING_LIMITS, &request->arena, &request->bytes,
                                     &request->head);
}

static inline void h2_testing_answer(struct h2_request *request)
{
    struct response_head head = {.status = request->error ? 400 : 200, .body = BODY_STREAM};
    bool is_head = request->head.method == METHOD_HEAD;
    struct h2_write_head how = {.ends_stream = is_head};
    struct buffer *buffer = buffer_new(&request->trial->pools, 5);
    ASSERT(buffer && fields_init(&head.fields, &request->arena, 2));
    ASSERT(fields_add(&head.fields, &request->arena, FIELD_OTHER, SLICE("X-Name"), SLICE("v")));
    memcpy(buffer->data, "hello", 5);
    struct span piece = span_take_buffer(buffer, 5);
    ASSERT(h2_send_head(request->stream, &head, &how, &request->arena));
    if (is_head)
        span_clear(&piece);
    else
        h2_send_body(request->stream, piece);
    ASSERT(h2_send_end(request->stream, NULL, &request->arena));
    request->is_answered = true;
    h2_want_room(request->stream);
}

static inline void h2_testing_run(struct h2_request *request)
{
    for (;;) {
        struct span piece = {0};
        enum h2_body event =
            h2_take_body(request->stream, &request->arena, &request->trailers, &piece);
        if (event == H2_BODY_GONE) {
            h2_testing_release(request, H2_INTERNAL_ERROR);
            return;
        }
        request->is_complete |= event == H2_BODY_END;
        if (event != H2_BODY_PIECE)
            break;
        struct slice bytes = span_slice(&piece);
        for (size_t i = 0; i < bytes.length; i++)
            request->body_sum = request->body_sum * 31 + (unsigned char)bytes.data[i];
        request->body_length += bytes.length;
        span_clear(&piece);
    }
    bool answers = request->is_complete || request->error || request->trial->answers_early;
    if (answers && !request->is_answered)
        h2_testing_answer(request);
    else if (request->is_answered && h2_is_written(request->stream))
        h2_testing_release(request, H2_NO_ERROR);
}

static inline void h2_testing_write(struct h2_trial *trial)
{
    char memory[H2_FRAME_ROOM];
    size_t length;
    do {
        struct text text = text_over(memory, sizeof(memory));
        h2_write(trial->h2, &text);
        text_add(&trial->written, text_slice(&text));
        length = text.length;
    } while (length > 0);
}

static inline void h2_testing_serve(struct h2_trial *trial)
{
    struct h2_stream *stream;
    while ((stream = h2_next_news(trial->h2))) {
        if (!h2_owner(stream))
            h2_testing_begin(trial, stream);
        struct h2_request *request = trial->count > 0 ? h2_owner(stream) : NULL;
        if (request)
            h2_testing_run(request);
    }
}

/* One piece of what the client sends. */
static inline void h2_trial_feed(struct h2_trial *trial, struct slice bytes)
{
    char *memory = malloc(bytes.length ? bytes.length : 1);
    ASSERT(memory);
    if (bytes.length > 0)
        memcpy(memory, bytes.data, bytes.length);
    enum h2_error error = h2_receive(trial->h2, slice_of(memory, bytes.length), trial->now);
    free(memory);
    for (unsigned i = 0; i < 4; i++) {
        h2_testing_serve(trial);
        h2_testing_write(trial);
    }
    trial->error = error ? error : h2_reason(trial->h2);
}

/* ---- making what a client sends */

static inline void h2_add_frame(struct text *text, unsigned kind, unsigned flags, uint32_t stream,
                                struct slice payload)
{
    const char head[9] = {
        (char)(payload.length >> 16),
        (char)(payload.length >> 8),
        (char)payload.length,
        (char)kind,
        (char)flags,
        (char)(stream >> 24),
        (char)(stream >> 16),
        (char)(stream >> 8),
        (char)stream,
    };
    text_add(text, slice_of(head, sizeof(head)));
    text_add(text, payload);
    ASSERT(!text_is_cut(text));
}

/* A field that goes into no table (RFC 7541 6.2.2), for lengths below 127. */
static inline void h2_add_field(struct text *text, struct slice name, struct slice value)
{
    ASSERT(name.length < 127 && value.length < 127);
    text_add_byte(text, 0);
    text_add_byte(text, (char)name.length);
    text_add(text, name);
    text_add_byte(text, (char)value.length);
    text_add(text, value);
}
