/* What a server of HTTP/2 sends to who has asked it: a request without body, one with, a HEAD and a
 * WebSocket. Nothing that comes makes the asking side crash, leak or hold more than its windows,
 * and no field of a head can become a line of its own in HTTP/1. The first byte says how the bytes
 * are cut. */
#include "base/arena.h"
#include "base/assert.h"
#include "wire/h2.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CALLS = 4, ARENA_MAX = 1024 * 1024, LENGTH_MAX = 64 * 1024 };

struct call {
    struct arena arena;
    struct h2_stream *stream;
    enum method method;
    bool has_head;
    struct span bytes;
    struct fields trailers;
};

struct asker {
    struct buffer_pools pools;
    struct h2 *h2;
    struct call calls[CALLS];
};

/* ---- asking */

static void ask(struct asker *asker, struct call *call, enum method method, struct slice text,
                bool is_tunnel)
{
    struct request_head head = {.method = method, .method_text = text, .target = SLICE("/a")};
    arena_init(&call->arena, NULL, ARENA_MAX);
    ASSERT(fields_init(&head.fields, &call->arena, 4));
    ASSERT(fields_add(&head.fields, &call->arena, FIELD_HOST, SLICE("Host"), SLICE("a")));
    head.wants_upgrade = is_tunnel;
    if (is_tunnel)
        ASSERT(fields_add(&head.fields, &call->arena, FIELD_UPGRADE, SLICE("Upgrade"),
                          SLICE("websocket")));
    head.body = method == METHOD_POST ? BODY_STREAM : BODY_NONE;
    call->method = method;
    call->stream = h2_ask(asker->h2, &head, SLICE("http"), call, &call->arena);
    ASSERT(call->stream);
}

static void begin(struct asker *asker)
{
    static const struct h2_settings settings = {
        .streams = 10,
        .window = H2_WINDOW_LEAST,
        .blocks = {.size = 4096, .count = 20},
        .gate = {.resets = UINT32_MAX, .controls = 100},
    };
    *asker = (struct asker){0};
    ASSERT(buffer_pools_init(&asker->pools));
    asker->h2 = h2_new_to_server(&settings, &asker->pools);
    ASSERT(asker->h2);
    ask(asker, &asker->calls[0], METHOD_GET, SLICE("GET"), false);
    ask(asker, &asker->calls[1], METHOD_POST, SLICE("POST"), false);
    ask(asker, &asker->calls[2], METHOD_HEAD, SLICE("HEAD"), false);
    ask(asker, &asker->calls[3], METHOD_GET, SLICE("GET"), true);
    struct buffer *buffer = buffer_new(&asker->pools, 5);
    ASSERT(buffer);
    memcpy(buffer->data, "hello", 5);
    h2_send_body(asker->calls[1].stream, span_take_buffer(buffer, 5));
}

static void end(struct asker *asker)
{
    for (unsigned i = 0; i < CALLS; i++) {
        struct call *call = &asker->calls[i];
        if (call->stream)
            h2_release(call->stream, H2_CANCEL);
        span_clear(&call->bytes);
        arena_fini(&call->arena);
    }
    h2_free(asker->h2);
    buffer_pools_fini(&asker->pools);
}

/* ---- what comes */

static void check_head(const struct response_head *head)
{
    ASSERT(head->status >= 100 && head->status <= 599 && head->status != 101);
    for (uint32_t i = 0; i < head->fields.count; i++) {
        struct slice value = head->fields.items[i].value;
        for (size_t at = 0; at < value.length; at++)
            ASSERT(value.data[at] != '\r' && value.data[at] != '\n' && value.data[at] != '\0');
    }
}

static void let_go(struct call *call)
{
    h2_release(call->stream, H2_CANCEL);
    call->stream = NULL;
}

/* False: nothing more for now. */
static bool take_head(struct call *call)
{
    struct response_head head;
    struct span bytes = {0};
    enum error_code error = ERROR_NONE;
    switch (h2_take_response(call->stream, call->method, &call->arena, &bytes, &head, &error)) {
    case H2_HEAD_WAIT:
        return false;
    case H2_HEAD_READY:
        check_head(&head);
        call->has_head = head.status >= 200;
        break;
    case H2_HEAD_GONE:
    case H2_HEAD_BAD:
        let_go(call);
        break;
    }
    span_clear(&call->bytes);
    call->bytes = bytes;
    return call->stream != NULL;
}

static void take_body(struct call *call)
{
    struct span piece = {0};
    for (;;) {
        switch (h2_take_body(call->stream, &call->arena, &call->trailers, &piece)) {
        case H2_BODY_PIECE:
            ASSERT(piece.length > 0 && piece.length <= H2_WINDOW_LEAST);
            span_clear(&piece);
            continue;
        case H2_BODY_WAIT:
            return;
        default:
            let_go(call);
            return;
        }
    }
}

static void write_out(struct h2 *h2)
{
    char memory[H2_FRAME_ROOM];
    struct text text;
    do {
        text = text_over(memory, sizeof(memory));
        h2_write(h2, &text);
    } while (text.length > 0);
}

static void serve(struct asker *asker)
{
    while (h2_next_news(asker->h2))
        continue;
    for (unsigned i = 0; i < CALLS; i++) {
        struct call *call = &asker->calls[i];
        while (call->stream && !call->has_head && take_head(call))
            continue;
        if (call->stream && call->has_head)
            take_body(call);
    }
    write_out(asker->h2);
}

static void feed(struct asker *asker, struct slice bytes)
{
    char *exact = malloc(bytes.length ? bytes.length : 1); /* so that a byte too far is seen */
    ASSERT(exact);
    memcpy(exact, bytes.data, bytes.length);
    (void)h2_receive(asker->h2, slice_of(exact, bytes.length), 0);
    free(exact);
    serve(asker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct asker asker;
    if (size < 2 || size > LENGTH_MAX)
        return -1;
    struct slice bytes = slice_of((const char *)data + 1, size - 1);
    size_t piece = data[0] & 0x7f ? data[0] & 0x7f : SIZE_MAX;
    begin(&asker);
    write_out(asker.h2);
    while (bytes.length > 0 && !h2_reason(asker.h2)) {
        struct slice part = slice_until(bytes, bytes.length < piece ? bytes.length : piece);
        feed(&asker, part);
        bytes = slice_from(bytes, part.length);
    }
    serve(&asker);
    end(&asker);
    return 0;
}
