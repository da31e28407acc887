#include "main/demo_server.h"

#include "base/arena.h"
#include "net/h1_reader.h"
#include "net/h1_writer.h"
#include "net/listener.h"
#include "sys/thread.h"

#include <stdlib.h>

enum {
    ARENA_MAX = 256 * 1024,
    ECHO_MAX = 64 * 1024, /* bytes of a body that come back */
};

static const struct h1_limits limits = {
    .header_size = 64 * 1024, .header_count = 100, .target_length = 16 * 1024};

struct demo_server {
    const char *name;
    struct loop *loop;
    struct listener listener;
    struct listener_share share;
};

/* A connection, and the request on it. */
struct demo_client {
    struct transport transport;
    struct demo_server *server;
    struct h1_reader reader;
    struct output output;
    struct arena arena;
    struct request_head request; /* while `in_body` */
    struct span request_bytes;
    struct fields trailers;
    struct slice body;
    bool in_body, keep_alive;
    struct grave grave;
};

static void bury(struct grave *grave)
{
    free(CONTAINER_OF(grave, struct demo_client, grave));
}

static void forget_request(struct demo_client *client)
{
    span_clear(&client->request_bytes);
    arena_fini(&client->arena);
    client->trailers = (struct fields){0};
    client->body = slice_of(NULL, 0);
    client->in_body = false;
}

static void close_client(struct demo_client *client)
{
    forget_request(client);
    h1_reader_fini(&client->reader);
    output_fini(&client->output);
    transport_close(&client->transport, false);
    loop_bury(client->server->loop, &client->grave, bury);
}

/* ---- the answer */

static void write_page(struct demo_client *client, struct text *page)
{
    const struct request_head *request = &client->request;
    text_print(page, "this is %s, and it received:\n\n", client->server->name);
    text_add(page, request->method_text);
    text_add_byte(page, ' ');
    text_add(page, request->target);
    text_add(page, SLICE("\n"));
    for (uint32_t i = 0; i < request->fields.count; i++) {
        text_add(page, request->fields.items[i].name);
        text_add(page, SLICE(": "));
        text_add(page, request->fields.items[i].value);
        text_add(page, SLICE("\n"));
    }
    text_add(page, SLICE("\n"));
    text_add(page, client->body);
}

static bool answer(struct demo_client *client)
{
    size_t room = client->request_bytes.length + client->body.length + 4096;
    char *memory = arena_alloc(&client->arena, room);
    struct response_head head = {.status = 200, .reason = SLICE("OK"), .minor_version = 1};
    if (!memory || !fields_init(&head.fields, &client->arena, 4))
        return false;
    struct text page = text_over(memory, room), text;
    write_page(client, &page);
    (void)fields_add(&head.fields, &client->arena, FIELD_CONTENT_TYPE, SLICE("Content-Type"),
                     SLICE("text/plain; charset=utf-8"));
    (void)fields_add(&head.fields, &client->arena, FIELD_OTHER, SLICE("X-Server"),
                     slice_from_text(client->server->name));
    struct h1_write how = {.framing = H1_FRAMING_COUNTED,
                           .length = page.length,
                           .connection = client->keep_alive ? H1_KEEP_ALIVE : H1_CLOSE,
                           .peer_minor_version = client->request.minor_version};
    bool is_head = client->request.method == METHOD_HEAD;
    size_t body = is_head ? 0 : page.length;
    if (!output_reserve(&client->output, h1_response_head_room(&head, &how) + body, &text))
        return false;
    h1_write_response_head(&text, &head, &how);
    text_add(&text, slice_until(text_slice(&page), body));
    output_add_text(&client->output, &text);
    return true;
}

/* ---- the request */

/* False: nothing more for now, or the client is closed. */
static bool read_head(struct demo_client *client)
{
    enum error_code error = ERROR_NONE;
    enum read_event event =
        h1_reader_find_head(&client->reader, &client->transport, &limits, H1_REQUEST, &error);
    if (event == READ_WAIT)
        return false;
    if (event == READ_HEAD) {
        struct h1_scan scan = client->reader.scan;
        client->request_bytes = h1_reader_take_head(&client->reader);
        error = h1_parse_request(span_slice(&client->request_bytes), &scan, &limits, &client->arena,
                                 &client->request, &client->reader.body, &client->keep_alive);
        client->in_body = error == ERROR_NONE;
    }
    if (client->in_body)
        return true;
    close_client(client);
    return false;
}

static bool keep_piece(struct demo_client *client, struct span piece)
{
    struct slice parts[] = {client->body, span_slice(&piece)};
    bool fits = parts[0].length + parts[1].length <= ECHO_MAX;
    struct slice joined = fits ? arena_join(&client->arena, parts, 2) : client->body;
    span_clear(&piece);
    if (joined.data)
        client->body = joined;
    return true;
}

static bool finish_request(struct demo_client *client)
{
    size_t sent = 0;
    bool good =
        answer(client) && output_flush(&client->output, &client->transport, &sent) != IO_FAILED;
    if (!good || !client->keep_alive) {
        close_client(client);
        return false;
    }
    forget_request(client);
    return true;
}

static bool read_body(struct demo_client *client)
{
    struct span piece = {0};
    enum error_code error = ERROR_NONE;
    switch (h1_reader_read_body(&client->reader, &client->transport, &limits, H1_REQUEST,
                                &client->arena, &client->trailers, &piece, &error)) {
    case READ_WAIT:
        return false;
    case READ_PIECE:
        return keep_piece(client, piece);
    case READ_END:
        return finish_request(client);
    default:
        close_client(client);
        return false;
    }
}

static void on_news(struct socket *socket)
{
    struct demo_client *client = CONTAINER_OF(socket, struct demo_client, transport.socket);
    size_t sent = 0;
    enum io io = output_flush(&client->output, &client->transport, &sent);
    if (io == IO_FAILED)
        close_client(client);
    else if (io == IO_DONE)
        while (client->in_body ? read_body(client) : read_head(client))
            continue;
}

static void on_client(struct listener_share *share, int fd, const struct ip *peer, uint16_t port)
{
    (void)peer;
    (void)port;
    struct demo_server *server = share->owner;
    struct demo_client *client = calloc(1, sizeof(*client));
    if (!client) {
        struct socket socket;
        socket_init(&socket, server->loop, fd, on_news);
        socket_close(&socket, true);
        return;
    }
    client->server = server;
    socket_init(&client->transport.socket, server->loop, fd, on_news);
    h1_reader_init(&client->reader);
    output_init(&client->output, loop_buffers(server->loop));
    arena_init(&client->arena, NULL, ARENA_MAX);
    on_news(&client->transport.socket);
}

/* ---- the server */

static void run(void *argument)
{
    struct demo_server *server = argument;
    for (;;)
        loop_turn(server->loop, -1);
}

static bool start(struct demo_server *server)
{
    struct address address;
    server->loop = loop_new();
    if (!server->loop || !ip_parse(SLICE("127.0.0.1"), &address.ip))
        return false;
    address.port = 0;
    if (listener_open(&server->listener, sys_opener_direct(), &address, 1, true) != 0)
        return false;
    server->share = (struct listener_share){
        .listener = &server->listener, .owner = server, .on_client = on_client};
    listener_share_open(&server->share, server->loop, 0);
    return sys_thread_start("weir-demo", run, server) != NULL;
}

struct demo_server *demo_server_start(const char *name)
{
    struct demo_server *server = calloc(1, sizeof(*server));
    if (!server)
        return NULL;
    server->name = name;
    return start(server) ? server : NULL;
}

uint16_t demo_server_port(const struct demo_server *server)
{
    return server->listener.port;
}
