/* The key of a WebSocket and what it is answered with (RFC 6455 4.1, 4.2.2): proof that the other
 * side knows what it was asked for. Needed where only one side of Weir speaks HTTP/1.1. Any thread.
 */
#pragma once

#include "base/slice.h"

enum { TLS_WEBSOCKET_KEY = 24, TLS_WEBSOCKET_ACCEPT = 28 };

/* A Sec-WebSocket-Key that nobody can guess. False: the library failed. */
bool tls_websocket_make_key(char ret_key[TLS_WEBSOCKET_KEY]);

/* The Sec-WebSocket-Accept that fits the key. False: the library failed. */
bool tls_websocket_accept(struct slice key, char ret_accept[TLS_WEBSOCKET_ACCEPT]);
