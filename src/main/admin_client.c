#include "main/admin_client.h"

#include "base/arena.h"
#include "control/admin.h"
#include "loop/timer.h"
#include "main/admin_place.h"
#include "main/load.h"
#include "net/h1_reader.h"
#include "sys/clock.h"
#include "sys/open.h"

#include <stdlib.h>

enum {
    ARENA_MAX = 64 * 1024,
    ANSWER_MAX = 64 * 1024 * 1024,
    REQUEST_MAX = ADMIN_TARGET_MAX + 1024
};

static const struct h1_limits LIMITS = {
    .header_size = 16 * 1024, .header_count = 64, .target_length = 1};

struct conversation {
    const struct admin_call *call;
    struct loop *loop;
    struct transport transport;
    struct h1_reader reader;
    struct timer timer; /* wakes the loop when time is up */
    uint64_t until;     /* milliseconds of the loop's clock */
    struct arena arena;
    struct span head_bytes;
    struct response_head head;
    char *body;
    size_t body_length;
};

static bool tell(const struct admin_call *call, const char *problem)
{
    (void)fprintf(stderr, "%s: %s\n", call->command, problem);
    return false;
}

static void ignore_news(struct socket *socket)
{
    (void)socket;
}

static void ignore_time(struct timer *timer)
{
    (void)timer;
}

/* Waits for news. False: time is up. */
static bool await(struct conversation *with)
{
    loop_turn(with->loop, -1);
    return loop_now(with->loop) < with->until;
}

static bool connect_to(struct conversation *with, const struct address *address)
{
    struct socket *socket = &with->transport.socket;
    enum io io = socket_connect(socket, with->loop, address, ignore_news);
    while (io == IO_PENDING && await(with))
        io = socket_connected(socket);
    return io == IO_DONE;
}

/* Whoever may connect to our name could also listen there before us: root or we ourselves it must
 * be. */
static bool is_trusted(const struct conversation *with, const struct address *address)
{
    uint32_t user = sys_peer_user(with->transport.socket.fd);
    return address->ip.kind != ADDRESS_UNIX || user == 0 || user == sys_user();
}

static bool send_request(struct conversation *with, struct slice token)
{
    char memory[REQUEST_MAX];
    struct text text = text_over(memory, sizeof(memory));
    text_print(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n",
               with->call->method, with->call->path);
    if (token.length > 0) {
        text_add(&text, SLICE("Authorization: Bearer "));
        text_add(&text, token);
        text_add(&text, SLICE("\r\n"));
    }
    text_add(&text, SLICE("\r\n"));
    struct slice rest = text_slice(&text);
    for (;;) {
        size_t sent = 0;
        enum io io = transport_send(&with->transport, &rest, 1, &sent);
        rest = slice_from(rest, sent);
        if (slice_is_empty(rest))
            return !text_is_cut(&text);
        if (io != IO_PENDING || !await(with))
            return false;
    }
}

static bool read_head(struct conversation *with)
{
    enum error_code error = ERROR_NONE;
    enum read_event event;
    while ((event = h1_reader_find_head(&with->reader, &with->transport, &LIMITS, H1_RESPONSE,
                                        &error)) == READ_WAIT) {
        if (!await(with))
            return false;
    }
    if (event != READ_HEAD)
        return false;
    struct h1_scan scan = with->reader.scan;
    bool keep_alive;
    with->head_bytes = h1_reader_take_head(&with->reader);
    return h1_parse_response(span_slice(&with->head_bytes), &scan, &LIMITS, &with->arena,
                             METHOD_GET, &with->head, &with->reader.body,
                             &keep_alive) == ERROR_NONE;
}

static bool keep_piece(struct conversation *with, const struct span *piece)
{
    size_t length = with->body_length + piece->length;
    char *body = length < ANSWER_MAX ? realloc(with->body, length + 1) : NULL;
    if (!body)
        return false;
    memcpy(body + with->body_length, span_slice(piece).data, piece->length);
    body[length] = '\0';
    with->body = body;
    with->body_length = length;
    return true;
}

static bool read_body(struct conversation *with)
{
    for (;;) {
        struct span piece = {0};
        struct fields trailers = {0};
        enum error_code error = ERROR_NONE;
        enum read_event event =
            h1_reader_read_body(&with->reader, &with->transport, &LIMITS, H1_RESPONSE, &with->arena,
                                &trailers, &piece, &error);
        if (event == READ_END)
            return true;
        bool good =
            event == READ_WAIT ? await(with) : event == READ_PIECE && keep_piece(with, &piece);
        span_clear(&piece);
        if (!good)
            return false;
    }
}

/* Until the other side has gone. */
static bool await_end(struct conversation *with)
{
    for (;;) {
        struct span bytes = {0};
        enum io io = transport_receive(&with->transport, BUFFER_SMALL, &bytes);
        span_clear(&bytes);
        if (io == IO_END || io == IO_FAILED)
            return true;
        if (io == IO_PENDING && !await(with))
            return false;
    }
}

static bool converse(struct conversation *with, const struct address *address, struct slice token)
{
    const struct admin_call *call = with->call;
    if (!connect_to(with, address)) {
        char memory[ADDRESS_TEXT_MAX + 1];
        struct text text = text_over(memory, ADDRESS_TEXT_MAX);
        address_print(&text, address);
        (void)fprintf(stderr,
                      "%s: no Weir answers at %.*s: none runs with %s, or its admin side is off or "
                      "elsewhere\n",
                      call->command, (int)text.length, text.data, call->file);
        return false;
    }
    if (!is_trusted(with, address))
        return tell(call, "another user listens in the place of Weir; nothing was sent to it");
    if (!send_request(with, token) || !read_head(with) || !read_body(with))
        return tell(call, "Weir did not answer, or not in time; its error log may tell why");
    if (call->await_end && !await_end(with))
        return tell(call, "Weir has not yet come to its end; a second TERM cuts what still runs");
    return true;
}

/* False: told. */
static bool find_place(const struct admin_call *call, const struct configuration *configuration,
                       struct address *ret_address, struct slice *ret_token)
{
    const struct admin_settings *settings =
        scope_group(configuration, configuration->top, &admin_group);
    *ret_token = settings->token;
    if (settings->is_off)
        return tell(call,
                    "the admin side is off in this configuration; signals are left: HUP loads "
                    "it anew, TERM stops");
    return admin_place(settings, call->file, sys_opener_direct(), ret_address) ||
           tell(call, "the path of its socket would be too long; make $XDG_RUNTIME_DIR shorter or "
                      "give admin an address");
}

static bool ask(struct conversation *with)
{
    const struct admin_call *call = with->call;
    struct configuration *configuration = load_configuration(call->file, sys_opener_direct());
    if (!configuration) {
        (void)fprintf(stderr, "%s: cannot read %s; \"weir check -c %s\" tells why\n", call->command,
                      call->file, call->file);
        return false;
    }
    struct address address;
    struct slice token;
    bool good =
        find_place(call, configuration, &address, &token) && converse(with, &address, token);
    configuration_free(configuration);
    return good;
}

unsigned admin_call(const struct admin_call *call, char **ret_body, size_t *ret_length)
{
    struct conversation with = {.call = call, .transport = {.socket = {.fd = -1}}};
    *ret_body = NULL;
    *ret_length = 0;
    with.loop = loop_new();
    if (!with.loop) {
        (void)tell(call, "the system refuses memory");
        return 0;
    }
    timer_init(&with.timer, ignore_time);
    timer_set(with.loop, &with.timer, (uint64_t)call->timeout_ms);
    with.until = loop_now(with.loop) + (uint64_t)call->timeout_ms;
    h1_reader_init(&with.reader);
    arena_init(&with.arena, NULL, ARENA_MAX);
    bool good = ask(&with);
    if (socket_is_open(&with.transport.socket))
        transport_close(&with.transport, false);
    h1_reader_fini(&with.reader);
    span_clear(&with.head_bytes);
    arena_fini(&with.arena);
    timer_fini(&with.timer);
    loop_free(with.loop);
    if (good) {
        *ret_body = with.body;
        *ret_length = with.body_length;
        return with.head.status;
    }
    free(with.body);
    return 0;
}
