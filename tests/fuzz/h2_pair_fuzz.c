/* A side that asks and one that serves, of our own both, over a line that carries bytes in pieces
 * of any size. Bodies of any length go both ways, in whatever order the input says; requests are
 * given up in between. What is not given up comes whole, and nobody waits for what will not come:
 * each side looks at a stream only when it has news. The input says what happens next, a byte a
 * step. */
#include "base/arena.h"
#include "base/assert.h"
#include "wire/h2.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    CALLS = 12,
    ARENA_MAX = 1024 * 1024,
    STEPS_MAX = 300,
    ROUNDS_MAX = 4000,
    LENGTH_MAX = 300000
};

/* One end of a request and its response. */
struct end {
    struct arena arena;
    struct h2_stream *stream; /* NULL: not yet, or no more */
    unsigned number;
    bool has_news, has_head, has_ended, has_said, gave_up;
    uint32_t received, sent;
    struct span bytes;
    struct fields trailers, own_trailers;
};

static struct plan {
    uint32_t request, response; /* bytes */
    bool counted, trailers;
} plans[CALLS];

struct side {
    struct h2 *h2;
    struct end ends[CALLS];
    unsigned count;
};

static struct buffer_pools pools;
static struct side asker, server;
static bool is_last;   /* what is left comes to its end */
static uint64_t chaos; /* goes on with each question */

static uint32_t any(uint32_t below)
{
    chaos = chaos * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(chaos >> 33) % below;
}

/* Content of `length` bytes from `at` on, of a request or a response; other ones differ. */
static const char *content(unsigned number, bool is_request, uint32_t at, uint32_t length)
{
    static char bytes[LENGTH_MAX + 2 * CALLS];
    if (!bytes[1]) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)(i * 13 + i / 251 + 1);
    }
    ASSERT(at + length <= LENGTH_MAX);
    return bytes + 2 * number + is_request + at;
}

/* A request that the server has not seen before. */
static struct end *take_request(struct h2_stream *stream)
{
    static const struct h1_limits limits = {
        .header_size = 4096, .header_count = 20, .target_length = 200};
    struct end taken = {.stream = stream};
    struct request_head head;
    arena_init(&taken.arena, NULL, ARENA_MAX);
    ASSERT(h2_read_request(stream, &limits, &taken.arena, &taken.bytes, &head) == ERROR_NONE);
    taken.number = (unsigned)(head.target.data[1] - 'a');
    ASSERT(taken.number < CALLS);
    struct end *end = &server.ends[taken.number];
    ASSERT(!end->stream && !end->gave_up);
    *end = taken;
    h2_own(stream, end);
    return end;
}

static void take_news(struct side *side)
{
    for (struct h2_stream *stream = h2_next_news(side->h2); stream;
         stream = h2_next_news(side->h2)) {
        struct end *end = h2_owner(stream);
        ASSERT(end || side == &server);
        if (!end)
            end = take_request(stream);
        end->has_news = true;
    }
}

static void let_go(struct end *end, enum h2_error error)
{
    h2_release(end->stream, error);
    end->stream = NULL;
    span_clear(&end->bytes);
    arena_fini(&end->arena);
}

/* False: it has not come, or will not. */
static bool receive_head(struct end *end)
{
    enum method method = plans[end->number].request ? METHOD_POST : METHOD_GET;
    struct response_head head;
    enum error_code error = ERROR_NONE;
    switch (h2_take_response(end->stream, method, &end->arena, &end->bytes, &head, &error)) {
    case H2_HEAD_WAIT:
        return false;
    case H2_HEAD_READY:
        ASSERT(head.status == 200);
        end->has_head = true;
        return true;
    case H2_HEAD_GONE:
        ASSERT(server.ends[end->number].gave_up ||
               h2_stream_error(end->stream) == H2_REFUSED_STREAM);
        end->gave_up = true;
        return false;
    case H2_HEAD_BAD:
        break;
    }
    UNREACHABLE();
}

/* A length that is known ends the message by itself, and nothing comes behind it. */
static void check_end(const struct side *side, const struct end *end)
{
    const struct plan *plan = &plans[end->number];
    uint32_t length = side == &asker ? plan->response : plan->request;
    bool has_trailers = plan->trailers && !plan->counted && length > 0;
    ASSERT(end->received == length && (!has_trailers || end->trailers.count == 1));
}

static void check_piece(const struct side *side, struct end *end, struct slice bytes)
{
    const char *expected =
        content(end->number, side == &server, end->received, (uint32_t)bytes.length);
    ASSERT(memcmp(expected, bytes.data, bytes.length) == 0);
    end->received += (uint32_t)bytes.length;
}

static void receive_body(struct side *side, struct end *end)
{
    const struct side *other = side == &asker ? &server : &asker;
    struct span piece = {0};
    for (;;) {
        switch (h2_take_body(end->stream, &end->arena, &end->trailers, &piece)) {
        case H2_BODY_PIECE:
            check_piece(side, end, span_slice(&piece));
            span_clear(&piece);
            continue;
        case H2_BODY_END:
            check_end(side, end);
            end->has_ended = true;
            return;
        case H2_BODY_GONE:
            ASSERT(other->ends[end->number].gave_up || !other->ends[end->number].stream);
            end->gave_up = true;
            return;
        case H2_BODY_WAIT:
            return;
        case H2_BODY_NO_MEMORY:
            UNREACHABLE();
        }
    }
}

static void receive(struct side *side, struct end *end)
{
    if (side == &server || end->has_head || receive_head(end)) {
        if (!end->has_ended)
            receive_body(side, end);
    }
}

static void send_head(struct end *end)
{
    const struct plan *plan = &plans[end->number];
    struct response_head head = {.status = 200, .minor_version = 1, .body_length = plan->response};
    const struct h2_write_head how = {.announce_length = plan->counted,
                                      .ends_stream = plan->response == 0 && !plan->trailers,
                                      .length = plan->counted ? plan->response : 0};
    ASSERT(fields_init(&head.fields, &end->arena, 4));
    ASSERT(fields_add(&head.fields, &end->arena, FIELD_SERVER, SLICE("Server"), SLICE("a")));
    ASSERT(h2_send_head(end->stream, &head, &how, &end->arena));
    end->has_head = true;
    end->has_said = how.ends_stream;
}

static void send_piece(struct end *end, bool is_request, uint32_t length)
{
    uint32_t part = 1 + any(any(3) ? 20000 : 100);
    part = part < length - end->sent ? part : length - end->sent;
    struct buffer *buffer = buffer_new(&pools, part);
    ASSERT(buffer);
    memcpy(buffer->data, content(end->number, is_request, end->sent, part), part);
    end->sent += part;
    h2_send_body(end->stream, span_take_buffer(buffer, part));
}

static void send_end(struct end *end)
{
    struct fields *trailers = plans[end->number].trailers ? &end->own_trailers : NULL;
    ASSERT(!trailers || fields_init(trailers, &end->arena, 2));
    ASSERT(!trailers || fields_add(trailers, &end->arena, FIELD_OTHER, SLICE("X-Sum"), SLICE("1")));
    ASSERT(h2_send_end(end->stream, trailers, &end->arena));
    end->has_said = true;
}

static void send(struct side *side, struct end *end)
{
    const struct plan *plan = &plans[end->number];
    bool is_request = side == &asker;
    uint32_t length = is_request ? plan->request : plan->response;
    if (!is_request && !end->has_head)
        send_head(end);
    while (!end->has_said && end->sent < length && h2_has_room(end->stream))
        send_piece(end, is_request, length);
    if (end->has_said)
        return;
    if (end->sent < length)
        h2_want_room(end->stream);
    else
        send_end(end);
}

/* The server may have answered all, and taken no more of the request than it wanted. */
static bool is_lost(const struct end *end)
{
    return end->gave_up || (end->has_ended && h2_is_gone(end->stream));
}

static void serve_end(struct side *side, struct end *end)
{
    end->has_news = false;
    receive(side, end);
    if (is_lost(end)) {
        let_go(end, H2_CANCEL);
        return;
    }
    send(side, end);
    if (!end->has_ended || !end->has_said)
        return;
    if (h2_is_written(end->stream))
        let_go(end, H2_NO_ERROR);
    else
        h2_want_room(end->stream);
}

static void serve(struct side *side)
{
    take_news(side);
    for (unsigned i = 0; i < CALLS; i++) {
        if (side->ends[i].stream && side->ends[i].has_news)
            serve_end(side, &side->ends[i]);
    }
}

/* ---- the line */

/* Whether anything went. */
static bool carry(struct side *from, struct side *to)
{
    static char memory[H2_FRAME_ROOM + 24];
    struct text text =
        text_over(memory, is_last || any(4) ? sizeof(memory) : 24 + any(H2_FRAME_ROOM));
    h2_write(from->h2, &text);
    struct slice rest = text_slice(&text);
    bool some = rest.length > 0;
    while (rest.length > 0) {
        size_t part = 1 + any(any(2) ? 20000 : 40);
        struct slice piece = slice_until(rest, part);
        char *exact = malloc(piece.length);
        ASSERT(exact);
        memcpy(exact, piece.data, piece.length);
        ASSERT(h2_receive(to->h2, slice_of(exact, piece.length), 0) == H2_NO_ERROR);
        free(exact);
        rest = slice_from(rest, piece.length);
    }
    return some;
}

/* ---- what happens */

static void plan_call(unsigned number)
{
    plans[number] = (struct plan){.request = any(2) ? any(any(8) ? 3000 : LENGTH_MAX) : 0,
                                  .response = any(3) ? any(any(8) ? 3000 : LENGTH_MAX) : 0,
                                  .counted = any(2),
                                  .trailers = any(3) == 0};
}

static void ask(void)
{
    if (asker.count == CALLS)
        return;
    unsigned number = asker.count++;
    const char target[] = {'/', (char)('a' + number)};
    struct end *end = &asker.ends[number];
    const struct plan *plan = &plans[number];
    plan_call(number);
    bool has_body = plan->request > 0;
    struct request_head head = {.method = has_body ? METHOD_POST : METHOD_GET,
                                .method_text = has_body ? SLICE("POST") : SLICE("GET"),
                                .target = slice_of(target, sizeof(target)),
                                .body_length = plan->counted ? plan->request : 0};
    head.body = !has_body ? BODY_NONE : plan->counted ? BODY_COUNTED : BODY_STREAM;
    *end = (struct end){.number = number, .has_said = !has_body, .has_news = true};
    arena_init(&end->arena, NULL, ARENA_MAX);
    ASSERT(fields_init(&head.fields, &end->arena, 4));
    ASSERT(fields_add(&head.fields, &end->arena, FIELD_HOST, SLICE("Host"), SLICE("a")));
    end->stream = h2_ask(asker.h2, &head, SLICE("http"), end, &end->arena);
    ASSERT(end->stream);
}

static void give_up(struct side *side)
{
    struct end *end = &side->ends[any(CALLS)];
    if (!end->stream)
        return;
    end->gave_up = true;
    let_go(end, H2_CANCEL);
}

static void step(uint8_t what)
{
    chaos += what;
    switch (what % 8) {
    case 0:
    case 1:
        ask();
        break;
    case 2:
    case 3:
        (void)carry(&asker, &server);
        break;
    case 4:
        (void)carry(&server, &asker);
        break;
    case 5:
        serve(&asker);
        break;
    case 6:
        serve(&server);
        break;
    default:
        if (what >= 192)
            give_up(what & 8 ? &asker : &server);
        else
            (void)carry(&server, &asker);
    }
}

static bool is_done(void)
{
    for (unsigned i = 0; i < CALLS; i++) {
        if (asker.ends[i].stream || server.ends[i].stream)
            return false;
    }
    return !h2_has_output(asker.h2) && !h2_has_output(server.h2);
}

static void run_out(void)
{
    unsigned idle = 0;
    is_last = true;
    for (unsigned round = 0; !is_done(); round++) {
        serve(&asker);
        serve(&server);
        bool some = carry(&asker, &server);
        some |= carry(&server, &asker);
        idle = some ? 0 : idle + 1;
        ASSERT(idle < 5); /* somebody waits for what will not come */
        ASSERT(round < ROUNDS_MAX);
    }
}

/* Their SETTINGS come first, where the input wants that: then requests are held back. */
static void begin(uint8_t first, uint8_t second)
{
    struct h2_settings settings = {.streams = 1 + second % 4,
                                   .window = H2_WINDOW_LEAST,
                                   .blocks = {.size = 4096, .count = 20},
                                   .gate = {.resets = UINT32_MAX, .controls = 100000}};
    chaos = first;
    is_last = false;
    memset(&asker, 0, sizeof(asker));
    memset(&server, 0, sizeof(server));
    ASSERT(buffer_pools_init(&pools));
    server.h2 = h2_new(&settings, &pools);
    settings.streams = 100;
    asker.h2 = h2_new_to_server(&settings, &pools);
    ASSERT(asker.h2 && server.h2);
    if (second & 128) {
        (void)carry(&asker, &server);
        (void)carry(&server, &asker);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > STEPS_MAX)
        return -1;
    begin(data[0], data[1]);
    for (size_t i = 2; i < size; i++)
        step(data[i]);
    run_out();
    h2_free(asker.h2);
    h2_free(server.h2);
    buffer_pools_fini(&pools);
    return 0;
}
