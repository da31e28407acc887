#include "control/fetch.h"

#include "base/arena.h"
#include "base/assert.h"
#include "http/uri.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/h1_reader.h"
#include "net/output.h"

#include <errno.h>
#include <stdlib.h>

enum {
    ARENA_MAX = 512 * 1024,
    INTERIM_MAX = 16, /* interim answers that are waited through */
    LOOK_UP_MS = 100, /* how often a name that is being looked up is asked for */
};

enum fetch_state { FETCH_LOOK_UP, FETCH_CONNECTING, FETCH_ASK, FETCH_HEAD, FETCH_READ_BODY };

struct fetch {
    struct fetch_order order;
    struct loop *loop;
    enum fetch_state state;
    struct transport transport;
    struct timer timer;   /* how long it may take in all */
    struct timer look_up; /* until the name is asked for again */
    struct grave grave;
    bool is_late;
    struct address addresses[SERVER_ADDRESSES_MAX];
    uint32_t tried, address_count;
    enum fetch_problem problem;
    unsigned status, interim;
    struct arena arena;
    struct h1_reader reader;
    struct output output;
    struct span head; /* of the answer, for its slices */
    char *answer;
    size_t length;
};

static const struct h1_limits limits = {
    .header_size = 64 * 1024, .header_count = 200, .target_length = 16 * 1024};

const char *fetch_words(enum fetch_problem problem)
{
    static const char *const words[FETCH_PROBLEMS] = {
        [FETCH_GOOD] = "",
        [FETCH_NO_MEMORY] = "there is too little memory, or there are too few descriptors",
        [FETCH_UNRESOLVED] = "its name has no address",
        [FETCH_REFUSED] = "it refuses connections",
        [FETCH_UNREACHABLE] = "it cannot be reached",
        [FETCH_LATE] = "it takes too long",
        [FETCH_CLOSED] = "it closes the connection before its answer is complete",
        [FETCH_MALFORMED] = "its answer is malformed",
        [FETCH_STATUS] = "its answer has another status than 200",
        [FETCH_TOO_LARGE] = "its answer is too large",
    };
    ASSERT(problem < FETCH_PROBLEMS);
    return words[problem];
}

/* ---- where an URL leads */

/* An address is what stands between the slashes and what server_place_parse takes for one, but no
 * Unix socket: the URL is not the operator's. */
bool fetch_place_parse(struct slice url, struct arena *arena, struct fetch_place *ret_place)
{
    const struct slice scheme = SLICE("http://");
    const char *wrong, *cure;
    struct slice host;
    uint16_t port;
    if (!slice_equal_fold(slice_until(url, scheme.length), scheme))
        return false;
    struct slice rest = slice_from(url, scheme.length);
    size_t end = 0;
    while (end < rest.length && rest.data[end] != '/' && rest.data[end] != '?' &&
           rest.data[end] != '#')
        end++;
    struct slice authority = slice_until(rest, end);
    struct slice target = slice_from(rest, end);
    target = slice_until(target, slice_find(target, '#'));
    struct slice parts[] = {slice_starts_with(target, SLICE("/")) ? SLICE("") : SLICE("/"), target};
    ret_place->authority = arena_copy(arena, authority);
    ret_place->target = arena_join(arena, parts, 2);
    return authority_parse(authority, &host, &port) && !slice_is_empty(host) &&
           server_place_parse(authority, arena, &ret_place->server, &wrong, &cure) &&
           ret_place->server.fixed.ip.kind != ADDRESS_UNIX && ret_place->authority.data &&
           ret_place->target.data;
}

/* ---- life */

static void on_socket_news(struct socket *socket)
{
    struct fetch *fetch = CONTAINER_OF(socket, struct fetch, transport.socket);
    fetch->order.on_news(fetch->order.owner);
}

static void on_timer(struct timer *timer)
{
    struct fetch *fetch = CONTAINER_OF(timer, struct fetch, timer);
    fetch->is_late = true;
    fetch->order.on_news(fetch->order.owner);
}

static void on_look_up(struct timer *timer)
{
    struct fetch *fetch = CONTAINER_OF(timer, struct fetch, look_up);
    fetch->order.on_news(fetch->order.owner);
}

static void bury(struct grave *grave)
{
    free(CONTAINER_OF(grave, struct fetch, grave));
}

void fetch_free(struct fetch *fetch)
{
    timer_fini(&fetch->timer);
    timer_fini(&fetch->look_up);
    if (socket_is_open(&fetch->transport.socket))
        transport_close(&fetch->transport, false);
    h1_reader_fini(&fetch->reader);
    output_fini(&fetch->output);
    span_clear(&fetch->head);
    arena_fini(&fetch->arena);
    loop_bury(fetch->loop, &fetch->grave, bury);
}

static bool copy_texts(struct fetch *fetch)
{
    struct slice *texts[] = {&fetch->order.authority, &fetch->order.target, &fetch->order.type,
                             &fetch->order.body};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        *texts[i] = arena_copy(&fetch->arena, *texts[i]);
        if (!texts[i]->data)
            return false;
    }
    return true;
}

struct fetch *fetch_new(struct loop *loop, const struct fetch_order *order)
{
    ASSERT(order->timeout_ms > 0 && order->answer_max > 0 && order->on_news);
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    if (!fetch)
        return NULL;
    fetch->order = *order;
    fetch->loop = loop;
    fetch->transport.socket.fd = -1;
    arena_init(&fetch->arena, NULL, ARENA_MAX + order->answer_max);
    h1_reader_init(&fetch->reader);
    fetch->reader.receive_size = BUFFER_SMALL;
    output_init(&fetch->output, loop_buffers(loop));
    timer_init(&fetch->timer, on_timer);
    timer_init(&fetch->look_up, on_look_up);
    timer_set(loop, &fetch->timer, order->timeout_ms);
    if (copy_texts(fetch))
        return fetch;
    fetch_free(fetch);
    return NULL;
}

struct slice fetch_answer(const struct fetch *fetch)
{
    return slice_of(fetch->answer, fetch->length);
}

enum fetch_problem fetch_problem(const struct fetch *fetch, unsigned *ret_status)
{
    *ret_status = fetch->status;
    return fetch->problem;
}

static enum fetch_verdict fail(struct fetch *fetch, enum fetch_problem problem)
{
    fetch->problem = problem;
    return FETCH_FAILED;
}

static enum fetch_verdict fail_by(struct fetch *fetch, enum error_code error)
{
    return fail(fetch, error == ERROR_OUT_OF_MEMORY ? FETCH_NO_MEMORY : FETCH_MALFORMED);
}

/* ---- connecting */

static enum fetch_problem problem_of(int error)
{
    if (error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOBUFS)
        return FETCH_NO_MEMORY;
    return error == ECONNREFUSED ? FETCH_REFUSED : FETCH_UNREACHABLE;
}

/* What is noted of the last address holds, where all fail. */
static enum fetch_verdict connect_next(struct fetch *fetch)
{
    struct socket *socket = &fetch->transport.socket;
    while (fetch->tried < fetch->address_count) {
        uint32_t next = (fetch->order.first_address + fetch->tried++) % fetch->address_count;
        enum io io = socket_connect(socket, fetch->loop, &fetch->addresses[next], on_socket_news);
        if (io != IO_FAILED) {
            fetch->state = io == IO_DONE ? FETCH_ASK : FETCH_CONNECTING;
            return FETCH_WAIT;
        }
        fetch->problem = problem_of(socket->error);
        if (fetch->problem == FETCH_NO_MEMORY)
            break;
    }
    return FETCH_FAILED;
}

/* A name that is new is being looked up by others, who do not tell when they are done. */
static enum fetch_verdict look_up(struct fetch *fetch)
{
    fetch->address_count =
        server_addresses(fetch->order.servers, fetch->order.server, fetch->addresses);
    if (fetch->address_count > 0)
        return connect_next(fetch);
    timer_set(fetch->loop, &fetch->look_up, LOOK_UP_MS);
    return FETCH_WAIT;
}

static enum fetch_verdict finish_connecting(struct fetch *fetch)
{
    struct socket *socket = &fetch->transport.socket;
    enum io io = socket_connected(socket);
    if (io == IO_DONE)
        fetch->state = FETCH_ASK;
    if (io != IO_FAILED)
        return FETCH_WAIT;
    fetch->problem = problem_of(socket->error);
    transport_close(&fetch->transport, false);
    return connect_next(fetch);
}

/* ---- asking */

static bool add_fields(struct fetch *fetch, struct fields *fields)
{
    const struct fetch_order *order = &fetch->order;
    struct arena *arena = &fetch->arena;
    return fields_init(fields, arena, 3) &&
           fields_add(fields, arena, FIELD_HOST, SLICE("Host"), order->authority) &&
           fields_add(fields, arena, FIELD_USER_AGENT, SLICE("User-Agent"), SLICE("weir")) &&
           (order->body.length == 0 ||
            fields_add(fields, arena, FIELD_CONTENT_TYPE, SLICE("Content-Type"), order->type));
}

static enum fetch_verdict ask(struct fetch *fetch)
{
    const struct fetch_order *order = &fetch->order;
    bool is_get = order->body.length == 0;
    struct request_head head = {.method = is_get ? METHOD_GET : METHOD_POST,
                                .method_text = is_get ? SLICE("GET") : SLICE("POST"),
                                .target = order->target,
                                .minor_version = 1};
    const struct h1_write how = {.framing = is_get ? H1_FRAMING_NONE : H1_FRAMING_COUNTED,
                                 .length = order->body.length,
                                 .connection = H1_CLOSE,
                                 .peer_minor_version = 1};
    struct text text;
    if (!add_fields(fetch, &head.fields) ||
        !output_reserve(&fetch->output, h1_request_head_room(&head, &how) + order->body.length,
                        &text))
        return fail(fetch, FETCH_NO_MEMORY);
    h1_write_request_head(&text, &head, &how);
    text_add(&text, order->body);
    output_add_text(&fetch->output, &text);
    fetch->state = FETCH_HEAD;
    return FETCH_WAIT;
}

/* ---- the answer */

static enum fetch_verdict judge_head(struct fetch *fetch, const struct response_head *head)
{
    enum { OK = 200, FINAL = 200, SWITCHING = 101 };
    if (head->status == SWITCHING)
        return fail(fetch, FETCH_MALFORMED);
    if (head->status < FINAL)
        return ++fetch->interim > INTERIM_MAX ? fail(fetch, FETCH_MALFORMED) : FETCH_WAIT;
    fetch->status = head->status;
    if (head->status != OK)
        return fail(fetch, FETCH_STATUS);
    if (head->body == BODY_COUNTED && head->body_length > fetch->order.answer_max)
        return fail(fetch, FETCH_TOO_LARGE);
    fetch->answer = arena_alloc(&fetch->arena, fetch->order.answer_max);
    fetch->state = FETCH_READ_BODY;
    return fetch->answer ? FETCH_WAIT : fail(fetch, FETCH_NO_MEMORY);
}

static enum fetch_verdict parse_head(struct fetch *fetch)
{
    struct response_head head = {0};
    bool keep_alive;
    struct h1_scan scan = fetch->reader.scan;
    enum method method = fetch->order.body.length == 0 ? METHOD_GET : METHOD_POST;
    span_clear(&fetch->head);
    fetch->head = h1_reader_take_head(&fetch->reader);
    enum error_code error =
        h1_parse_response(span_slice(&fetch->head), &scan, &limits, &fetch->arena, method, &head,
                          &fetch->reader.body, &keep_alive);
    return error ? fail_by(fetch, error) : judge_head(fetch, &head);
}

/* What the question could not be sent for, the answer may tell all the same. */
static enum fetch_verdict read_head(struct fetch *fetch, bool *ret_progress)
{
    enum error_code error = ERROR_NONE;
    size_t sent;
    (void)output_flush(&fetch->output, &fetch->transport, &sent);
    switch (h1_reader_find_head(&fetch->reader, &fetch->transport, &limits, H1_RESPONSE, &error)) {
    case READ_HEAD:
        *ret_progress = true;
        return parse_head(fetch);
    case READ_WAIT:
        return FETCH_WAIT;
    case READ_FAILED:
        return fail_by(fetch, error);
    default:
        return fail(fetch, FETCH_CLOSED);
    }
}

static enum fetch_verdict keep_piece(struct fetch *fetch, struct span *piece)
{
    struct slice bytes = span_slice(piece);
    bool fits = bytes.length <= fetch->order.answer_max - fetch->length;
    if (fits) {
        memcpy(fetch->answer + fetch->length, bytes.data, bytes.length);
        fetch->length += bytes.length;
    }
    span_clear(piece);
    return fits ? FETCH_WAIT : fail(fetch, FETCH_TOO_LARGE);
}

static enum fetch_verdict read_body(struct fetch *fetch, bool *ret_progress)
{
    struct fields trailers = {0};
    struct span piece = {0};
    enum error_code error = ERROR_NONE;
    switch (h1_reader_read_body(&fetch->reader, &fetch->transport, &limits, H1_RESPONSE,
                                &fetch->arena, &trailers, &piece, &error)) {
    case READ_PIECE:
        *ret_progress = true;
        return keep_piece(fetch, &piece);
    case READ_END:
        return FETCH_DONE;
    case READ_WAIT:
        return FETCH_WAIT;
    case READ_FAILED:
        return fail_by(fetch, error);
    default:
        return fail(fetch, FETCH_CLOSED);
    }
}

/* ---- the driver */

static enum fetch_verdict step(struct fetch *fetch, bool *ret_progress)
{
    enum fetch_state before = fetch->state;
    enum fetch_verdict verdict = FETCH_WAIT;
    switch (fetch->state) {
    case FETCH_LOOK_UP:
        verdict = look_up(fetch);
        break;
    case FETCH_CONNECTING:
        verdict = finish_connecting(fetch);
        break;
    case FETCH_ASK:
        verdict = ask(fetch);
        break;
    case FETCH_HEAD:
        verdict = read_head(fetch, ret_progress);
        break;
    case FETCH_READ_BODY:
        verdict = read_body(fetch, ret_progress);
        break;
    }
    *ret_progress |= fetch->state != before;
    return verdict;
}

static enum fetch_problem late_in(enum fetch_state state)
{
    return state == FETCH_LOOK_UP      ? FETCH_UNRESOLVED
           : state == FETCH_CONNECTING ? FETCH_UNREACHABLE
                                       : FETCH_LATE;
}

enum fetch_verdict fetch_run(struct fetch *fetch)
{
    enum fetch_verdict verdict = FETCH_WAIT;
    bool progress = true;
    if (fetch->is_late)
        return fail(fetch, late_in(fetch->state));
    while (verdict == FETCH_WAIT && progress) {
        progress = false;
        verdict = step(fetch, &progress);
    }
    return verdict;
}
