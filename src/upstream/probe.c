#include "upstream/probe.h"

#include "base/assert.h"
#include "http/grpc.h"
#include "policy/pattern.h"
#include "upstream/probe_h2.h"
#include "upstream/server_handshake.h"
#include "wire/proxy_protocol.h"

#include <errno.h>
#include <stdlib.h>

enum {
    BODY_MAX = 64 * 1024, /* bytes of a body that are looked at */
    ARENA_MAX = 512 * 1024,
    INTERIM_MAX = 16, /* interim answers that are waited through */
};

const struct h1_limits probe_limits = {
    .header_size = 64 * 1024, .header_count = 200, .target_length = 16 * 1024};

const char *probe_words(enum probe_problem problem)
{
    static const char *const words[PROBE_PROBLEMS] = {
        [PROBE_GOOD] = "",
        [PROBE_UNRESOLVED] = "its name has no address",
        [PROBE_REFUSED] = "it refuses connections",
        [PROBE_UNREACHABLE] = "it cannot be reached",
        [PROBE_TLS] = "TLS with it fails",
        [PROBE_LATE] = "it does not answer in health.timeout",
        [PROBE_CLOSED] = "it closes the connection without an answer",
        [PROBE_MALFORMED] = "its answer is malformed",
        [PROBE_STATUS] = "its answer has a status that health.expect does not name",
        [PROBE_BODY] = "its answer does not hold what health.body says",
        [PROBE_NOT_H2] = "it does not speak HTTP/2",
        [PROBE_NOT_GRPC] = "its answer is none of gRPC",
        [PROBE_GRPC_STATUS] = "its health service answers with an error",
        [PROBE_NOT_SERVING] = "its health service says that it does not serve",
    };
    ASSERT(problem < PROBE_PROBLEMS);
    return words[problem];
}

/* ---- life */

static void on_socket_news(struct socket *socket)
{
    struct probe *probe = CONTAINER_OF(socket, struct probe, transport.socket);
    probe->order.on_news(probe->order.owner);
}

static void on_timer(struct timer *timer)
{
    struct probe *probe = CONTAINER_OF(timer, struct probe, timer);
    probe->is_late = true;
    probe->order.on_news(probe->order.owner);
}

static void on_task(struct task *task)
{
    struct probe *probe = CONTAINER_OF(task, struct probe, task);
    probe->order.on_news(probe->order.owner);
}

/* An own port stands in the place of that of requests. */
static void find_addresses(struct probe *probe)
{
    const struct probe_order *order = &probe->order;
    probe->address_count = server_addresses(order->servers, order->server, probe->addresses);
    for (uint32_t i = 0; order->settings->port > 0 && i < probe->address_count; i++)
        probe->addresses[i].port = (uint16_t)order->settings->port;
}

struct probe *probe_new(struct loop *loop, const struct probe_order *order)
{
    ASSERT(order->settings->timeout > 0 && order->on_news);
    struct probe *probe = calloc(1, sizeof(*probe));
    if (!probe)
        return NULL;
    probe->order = *order;
    probe->loop = loop;
    probe->began = loop_now(loop);
    probe->transport.socket.fd = -1;
    arena_init(&probe->arena, NULL, ARENA_MAX);
    h1_reader_init(&probe->reader);
    probe->reader.receive_size = BUFFER_SMALL;
    output_init(&probe->output, loop_buffers(loop));
    probe->grpc_status = GRPC_NO_CODE;
    timer_init(&probe->timer, on_timer);
    task_init(&probe->task, on_task);
    find_addresses(probe);
    return probe;
}

static void bury(struct grave *grave)
{
    free(CONTAINER_OF(grave, struct probe, grave));
}

void probe_free(struct probe *probe)
{
    timer_fini(&probe->timer);
    task_cancel(&probe->task);
    if (socket_is_open(&probe->transport.socket))
        transport_close(&probe->transport, false);
    probe_h2_end(probe);
    h1_reader_fini(&probe->reader);
    output_fini(&probe->output);
    span_clear(&probe->head);
    arena_fini(&probe->arena);
    loop_bury(probe->loop, &probe->grave, bury);
}

struct probe_failure probe_failure(const struct probe *probe)
{
    return probe->failure;
}

uint64_t probe_took(const struct probe *probe)
{
    return loop_now(probe->loop) - probe->began;
}

enum probe_verdict probe_fail(struct probe *probe, enum probe_problem problem)
{
    probe->failure.problem = problem;
    return PROBE_FAILED;
}

/* ---- connecting */

/* Whether we could not even try. */
static bool is_ours(int error)
{
    return error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOBUFS;
}

static enum probe_state after_connecting(const struct probe *probe)
{
    return probe->order.server->is_tls ? PROBE_BEGIN_TLS : PROBE_ASK;
}

/* What is noted of the last address holds, where all fail. */
static enum probe_verdict connect_next(struct probe *probe)
{
    struct socket *socket = &probe->transport.socket;
    while (probe->address_next < probe->address_count) {
        const struct address *address = &probe->addresses[probe->address_next++];
        enum io io = socket_connect(socket, probe->loop, address, on_socket_news);
        if (io != IO_FAILED) {
            probe->state = io == IO_DONE ? after_connecting(probe) : PROBE_CONNECTING;
            return PROBE_WAIT;
        }
        if (is_ours(socket->error))
            return PROBE_UNKNOWN;
        bool is_refused = socket->error == ECONNREFUSED || socket->error == ENOENT;
        (void)probe_fail(probe, is_refused ? PROBE_REFUSED : PROBE_UNREACHABLE);
    }
    return probe->failure.problem ? PROBE_FAILED : probe_fail(probe, PROBE_UNRESOLVED);
}

/* The first step: to the first address that can be tried. */
static enum probe_verdict begin(struct probe *probe)
{
    timer_set(probe->loop, &probe->timer, (uint64_t)probe->order.settings->timeout);
    return connect_next(probe);
}

static enum probe_verdict finish_connecting(struct probe *probe)
{
    struct socket *socket = &probe->transport.socket;
    enum io io = socket_connected(socket);
    if (io == IO_DONE)
        probe->state = after_connecting(probe);
    if (io != IO_FAILED)
        return PROBE_WAIT;
    (void)probe_fail(probe, socket->error == ECONNREFUSED ? PROBE_REFUSED : PROBE_UNREACHABLE);
    transport_close(&probe->transport, false);
    return connect_next(probe);
}

/* ---- TLS */

/* A server that speaks HTTP/2 alone may want to hear that word, also where it is only connected to.
 */
static enum tls_offer offer_of(const struct probe_order *order)
{
    const struct health_settings *settings = order->settings;
    enum tls_offer offer =
        order->server->is_h2 ? TLS_OFFER_H2 : tls_server_context_offer(order->tls);
    if (settings->type == HEALTH_GRPC)
        return TLS_OFFER_H2;
    bool is_other = settings->type == HEALTH_HTTP && settings->port > 0;
    return is_other && offer == TLS_OFFER_H2 ? TLS_OFFER_H1 : offer;
}

/* Without a session: what a check is about is whether a new client would be served. */
static enum probe_verdict begin_tls(struct probe *probe)
{
    char memory[SERVER_NAME_MAX];
    struct text name = text_over(memory, sizeof(memory));
    const struct probe_order *order = &probe->order;
    ASSERT(order->tls && !probe->transport.tls);
    server_handshake_name(&name, order->server, order->servers);
    probe->transport.tls =
        tls_new_to_server(order->tls, &probe->transport.socket, text_slice(&name), NULL);
    probe->state = PROBE_SHAKE_HANDS;
    bool good = probe->transport.tls && tls_offer_instead(probe->transport.tls, offer_of(order));
    return good ? PROBE_WAIT : PROBE_UNKNOWN;
}

static enum probe_verdict shake_hands(struct probe *probe)
{
    const char *words = NULL;
    switch (tls_shake_hands_with_server(probe->transport.tls, &probe->failure.tls, &words)) {
    case TLS_DONE:
        probe->state = PROBE_ASK;
        return PROBE_WAIT;
    case TLS_WAIT:
        return PROBE_WAIT;
    case TLS_FAILED:
        return probe->failure.tls == ERROR_OUT_OF_MEMORY ? PROBE_UNKNOWN
                                                         : probe_fail(probe, PROBE_TLS);
    case TLS_CHOOSE:
        break;
    }
    UNREACHABLE();
}

/* ---- asking */

bool probe_add_fields(struct probe *probe, struct fields *fields)
{
    const struct health_settings *settings = probe->order.settings;
    const struct health_headers *headers = &settings->headers;
    struct slice host = settings->host;
    if (slice_is_empty(host))
        host = server_authority(probe->order.server);
    if (slice_starts_with(host, SLICE("unix:")))
        host = SLICE("localhost");
    struct arena *arena = &probe->arena;
    bool good = fields_init(fields, arena, headers->count + 3) &&
                fields_add(fields, arena, FIELD_HOST, SLICE("Host"), host) &&
                fields_add(fields, arena, FIELD_USER_AGENT, SLICE("User-Agent"),
                           SLICE("weir (health check)"));
    for (uint32_t i = 0; good && i < headers->count; i++)
        good = fields_set(fields, arena, headers->items[i].id, headers->items[i].name,
                          headers->items[i].value);
    return good;
}

/* Behind the announcement, where servers want one: of nobody, for it is no client's. */
static bool write_question(struct probe *probe)
{
    const struct health_settings *settings = probe->order.settings;
    struct request_head head = {.method_text = slice_from_text(health_methods[settings->method]),
                                .target = settings->path,
                                .minor_version = 1};
    const struct h1_write how = {.connection = H1_CLOSE, .peer_minor_version = 1};
    struct text text;
    head.method = method_find(head.method_text);
    if (!probe_add_fields(probe, &head.fields) ||
        !output_reserve(&probe->output,
                        PROXY_HEADER_WRITTEN_MAX + h1_request_head_room(&head, &how), &text))
        return false;
    if (probe->order.proxy_protocol > 0)
        proxy_header_write(&text, probe->order.proxy_protocol, &(struct proxy_header){0});
    h1_write_request_head(&text, &head, &how);
    output_add_text(&probe->output, &text);
    return true;
}

static enum probe_verdict ask(struct probe *probe)
{
    const struct tls *tls = probe->transport.tls;
    if (probe->order.settings->type == HEALTH_TCP)
        return PROBE_PASSED;
    probe->state = PROBE_HEAD;
    if (tls && tls_speaks_h2(tls))
        return probe_h2_ask(probe);
    if (!probe_h2_is_wanted(&probe->order))
        return write_question(probe) ? PROBE_WAIT : PROBE_UNKNOWN;
    return tls ? probe_fail(probe, PROBE_NOT_H2) : probe_h2_ask(probe);
}

/* ---- the answer */

enum probe_verdict probe_judge_body(struct probe *probe)
{
    const struct health_body *wanted = &probe->order.settings->body;
    struct slice body = slice_of(probe->body, probe->body_length);
    bool good = false;
    if (wanted->pattern) {
        good = pattern_match(wanted->pattern, body, NULL) == PATTERN_MATCHES;
    } else if (body.length > 0) {
        good = memmem(body.data, body.length, wanted->text.data, wanted->text.length) != NULL;
    }
    return good ? PROBE_PASSED : probe_fail(probe, PROBE_BODY);
}

enum probe_verdict probe_judge_head(struct probe *probe, const struct response_head *head)
{
    const struct health_settings *settings = probe->order.settings;
    probe->failure.status = head->status;
    if (!health_expects(settings, head->status))
        return probe_fail(probe, PROBE_STATUS);
    if (!settings->body.pattern && slice_is_empty(settings->body.text))
        return PROBE_PASSED;
    return probe_begin_body(probe);
}

enum probe_verdict probe_begin_body(struct probe *probe)
{
    probe->body = arena_alloc(&probe->arena, BODY_MAX);
    probe->state = PROBE_READ_BODY;
    return probe->body ? PROBE_WAIT : PROBE_UNKNOWN;
}

enum probe_verdict probe_count_interim(struct probe *probe)
{
    return ++probe->interim > INTERIM_MAX ? probe_fail(probe, PROBE_MALFORMED) : PROBE_WAIT;
}

static enum probe_verdict parse_head(struct probe *probe)
{
    struct response_head head = {0};
    bool keep_alive;
    struct h1_scan scan = probe->reader.scan;
    span_clear(&probe->head);
    probe->head = h1_reader_take_head(&probe->reader);
    enum method method =
        method_find(slice_from_text(health_methods[probe->order.settings->method]));
    enum error_code error =
        h1_parse_response(span_slice(&probe->head), &scan, &probe_limits, &probe->arena, method,
                          &head, &probe->reader.body, &keep_alive);
    if (error)
        return error == ERROR_OUT_OF_MEMORY ? PROBE_UNKNOWN : probe_fail(probe, PROBE_MALFORMED);
    if (head.status >= 200)
        return probe_judge_head(probe, &head);
    return head.status == 101 ? probe_fail(probe, PROBE_MALFORMED) : probe_count_interim(probe);
}

/* What the question could not be sent for, the answer may tell all the same. */
static enum probe_verdict read_head(struct probe *probe, bool *ret_progress)
{
    enum error_code error = ERROR_NONE;
    size_t sent;
    (void)output_flush(&probe->output, &probe->transport, &sent);
    switch (h1_reader_find_head(&probe->reader, &probe->transport, &probe_limits, H1_RESPONSE,
                                &error)) {
    case READ_HEAD:
        *ret_progress = true;
        return parse_head(probe);
    case READ_WAIT:
        return PROBE_WAIT;
    case READ_FAILED:
        return error == ERROR_OUT_OF_MEMORY ? PROBE_UNKNOWN : probe_fail(probe, PROBE_MALFORMED);
    default:
        return probe_fail(probe, PROBE_CLOSED);
    }
}

bool probe_keep_piece(struct probe *probe, struct span *piece)
{
    size_t room = BODY_MAX - probe->body_length;
    struct slice bytes = slice_until(span_slice(piece), room);
    memcpy(probe->body + probe->body_length, bytes.data, bytes.length);
    probe->body_length += bytes.length;
    span_clear(piece);
    return probe->body_length == BODY_MAX;
}

static enum probe_verdict read_body(struct probe *probe, bool *ret_progress)
{
    struct fields trailers = {0};
    struct span piece = {0};
    enum error_code error = ERROR_NONE;
    switch (h1_reader_read_body(&probe->reader, &probe->transport, &probe_limits, H1_RESPONSE,
                                &probe->arena, &trailers, &piece, &error)) {
    case READ_PIECE:
        *ret_progress = true;
        return probe_keep_piece(probe, &piece) ? probe_judge_body(probe) : PROBE_WAIT;
    case READ_END:
        return probe_judge_body(probe);
    case READ_WAIT:
        return PROBE_WAIT;
    case READ_FAILED:
        return error == ERROR_OUT_OF_MEMORY ? PROBE_UNKNOWN : probe_fail(probe, PROBE_MALFORMED);
    default:
        return probe_fail(probe, PROBE_CLOSED);
    }
}

/* ---- the driver */

static enum probe_verdict step(struct probe *probe, bool *ret_progress)
{
    enum probe_state before = probe->state;
    enum probe_verdict verdict = PROBE_WAIT;
    switch (probe->state) {
    case PROBE_CONNECT:
        verdict = begin(probe);
        break;
    case PROBE_CONNECTING:
        verdict = finish_connecting(probe);
        break;
    case PROBE_BEGIN_TLS:
        verdict = begin_tls(probe);
        break;
    case PROBE_SHAKE_HANDS:
        verdict = shake_hands(probe);
        break;
    case PROBE_ASK:
        verdict = ask(probe);
        break;
    case PROBE_HEAD:
        verdict =
            probe->codec ? probe_h2_read_head(probe, ret_progress) : read_head(probe, ret_progress);
        break;
    case PROBE_READ_BODY:
        verdict =
            probe->codec ? probe_h2_read_body(probe, ret_progress) : read_body(probe, ret_progress);
        break;
    }
    *ret_progress |= probe->state != before;
    return verdict;
}

enum probe_verdict probe_run(struct probe *probe)
{
    enum probe_verdict verdict = PROBE_WAIT;
    bool progress = true;
    if (probe->is_late)
        return probe_fail(probe, PROBE_LATE);
    while (verdict == PROBE_WAIT && progress) {
        progress = false;
        verdict = step(probe, &progress);
    }
    return verdict;
}
