/* A call that asks for a WebSocket where client or server speak HTTP/2 (RFC 8441). Inside Weir it
 * is always what HTTP/1.1 has of it: a GET with `Upgrade: websocket` and a key, and 101 with
 * `Upgrade` and, for a client of HTTP/1.1, what the key is answered with. What differs from that at
 * a server is translated here; behind 101 the call's bodies are the bytes of the tunnel. */
#pragma once

#include "upstream/call.h"

struct call_websocket {
    struct slice key;     /* Sec-WebSocket-Key: the client's, or ours */
    bool client_has_none; /* no key, and no use for the answer to it: it speaks HTTP/2 */
    bool is_open;         /* what goes either way are bytes of the tunnel */
    bool has_shut;        /* the server's connection of HTTP/1.1 was told of the end */
};

/* Before call_start, of a head that wants an upgrade: a server that may choose is asked for
 * HTTP/1.1. Where that is a WebSocket and there is a key,
 * the call can be made over HTTP/2 as well. A head of HTTP/2 gets a key. False: no memory. */
COLD bool call_websocket_begin(struct call *call, struct request_head *head);

/* A head of the server's becomes what the client's side expects, or fails the call (`call->error`;
 * false). */
COLD bool call_websocket_read(struct call *call, struct response_head *head);

/* Behind 101: from now on bytes of the tunnel go both ways, by call_send_body and
 * call_receive_body; either end stands for itself. */
COLD void call_open_tunnel(struct call *call);

/* All that was to go to a server of HTTP/1.1 is gone: where that was all of it, it is told. */
COLD void call_websocket_sent(struct call *call);
