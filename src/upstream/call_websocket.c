#include "upstream/call_websocket.h"

#include "base/assert.h"
#include "tls/tls_websocket.h"
#include "upstream/call_breaker.h"

static const struct slice KEY = {.data = "Sec-WebSocket-Key", .length = 17};
static const struct slice ACCEPT = {.data = "Sec-WebSocket-Accept", .length = 20};

/* ---- the request */

static bool add_key(struct call *call, struct request_head *head)
{
    char *memory = arena_alloc(call->arena, TLS_WEBSOCKET_KEY);
    if (!memory || !tls_websocket_make_key(memory))
        return false;
    call->websocket->key = slice_of(memory, TLS_WEBSOCKET_KEY);
    return fields_add(&head->fields, call->arena, FIELD_OTHER, KEY, call->websocket->key);
}

/* A GET without a body (RFC 6455 4.1): over HTTP/2 that would be the beginning of the tunnel. */
static bool is_websocket(const struct request_head *head)
{
    const struct field *upgrade = fields_find(&head->fields, FIELD_UPGRADE);
    return upgrade && slice_equal_fold(upgrade->value, SLICE("websocket")) &&
           head->method == METHOD_GET && head->body == BODY_NONE;
}

/* Whatever a client of HTTP/2 says of a key is nothing that we promised anybody. */
bool call_websocket_begin(struct call *call, struct request_head *head)
{
    const struct field *key = fields_find_text(&head->fields, KEY);
    bool has_none = head->major_version >= 2;
    ASSERT(!call->websocket && head->wants_upgrade);
    call->wants_upgrade = true;
    if (!is_websocket(head) || (!key && !has_none))
        return true;
    call->websocket = ARENA_NEW(call->arena, struct call_websocket);
    if (!call->websocket)
        return false;
    *call->websocket = (struct call_websocket){.client_has_none = has_none};
    if (has_none) {
        (void)fields_remove_text(&head->fields, KEY);
        return add_key(call, head);
    }
    call->websocket->key = key->value;
    return true;
}

/* ---- the response */

static bool fail(struct call *call, enum error_code error)
{
    if (!call->error)
        call->error = error;
    return false;
}

/* What a server of HTTP/1.1 owes to us, who made the key (RFC 6455 4.1). */
static bool check_accept(struct call *call, struct response_head *head)
{
    char expected[TLS_WEBSOCKET_ACCEPT];
    const struct field *accept = fields_find_text(&head->fields, ACCEPT);
    if (!tls_websocket_accept(call->websocket->key, expected))
        return fail(call, ERROR_OUT_OF_MEMORY);
    if (!accept || !slice_equal(accept->value, slice_of(expected, sizeof(expected))))
        return fail(call, ERROR_WEBSOCKET_ACCEPT);
    (void)fields_remove_text(&head->fields, ACCEPT);
    return true;
}

/* What is success under HTTP/2 is 101 under HTTP/1.1. */
static bool make_switch(struct call *call, struct response_head *head)
{
    struct fields *fields = &head->fields;
    char *accept = arena_alloc(call->arena, TLS_WEBSOCKET_ACCEPT);
    head->status = 101;
    head->reason = status_reason(101);
    head->body = BODY_NONE;
    head->body_length = 0;
    (void)fields_remove(fields, FIELD_CONTENT_LENGTH);
    (void)fields_remove_text(fields, ACCEPT);
    bool good = accept && fields_add(fields, call->arena, FIELD_UPGRADE, SLICE("Upgrade"),
                                     SLICE("websocket"));
    if (good && !call->websocket->client_has_none)
        good = tls_websocket_accept(call->websocket->key, accept) &&
               fields_add(fields, call->arena, FIELD_OTHER, ACCEPT,
                          slice_of(accept, TLS_WEBSOCKET_ACCEPT));
    return good || fail(call, ERROR_OUT_OF_MEMORY);
}

bool call_websocket_read(struct call *call, struct response_head *head)
{
    bool is_success = head->status >= 200 && head->status < 300;
    ASSERT(call->websocket && !call->websocket->is_open);
    if (call->h2)
        return is_success ? make_switch(call, head) : true;
    if (!call->websocket->client_has_none)
        return true;
    if (is_success)
        return fail(call, ERROR_UPGRADE_IGNORED);
    return head->status == 101 ? check_accept(call, head) : true;
}

/* ---- the tunnel */

/* What becomes of it is no answer of the server's, and counts neither for nor against it. */
void call_open_tunnel(struct call *call)
{
    ASSERT(call->websocket && !call->error && call_is_placed(call));
    call->websocket->is_open = true;
    call->head_sent = call->keep_alive = false;
    call->request_ended = call->response_ended = false;
    call->progress = true;
    if (call->pass)
        call_leave_breaker(call);
    if (call->h2)
        return;
    call->sending = H1_FRAMING_CLOSE;
    call->reader.body = (struct h1_body){.framing = H1_FRAMING_CLOSE};
}

void call_websocket_sent(struct call *call)
{
    ASSERT(call->sending == H1_FRAMING_CLOSE && output_is_empty(&call->output));
    if (!call->request_ended || call->websocket->has_shut)
        return;
    call->websocket->has_shut = true;
    transport_shutdown_send(&call->connection->transport);
}
