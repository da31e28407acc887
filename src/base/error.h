/* An error is a small value. Status, log line, metric label and the decision to retry all come
 * from it, through one table. "Need more" and "end" are no errors: they are enums of their own
 * function. Any thread. */
#pragma once

#include "base/slice.h"

/* name, status for the client, who caused it, words */
#define ERROR_CODES(E)                                                                             \
    E(NONE, 200, SELF, "no error")                                                                 \
    E(BAD_REQUEST_LINE, 400, CLIENT, "the request line is malformed")                              \
    E(BAD_TARGET, 400, CLIENT, "the request target is malformed or can be read in two ways")       \
    E(BAD_FIELD, 400, CLIENT, "a field of the request is malformed")                               \
    E(BAD_HOST, 400, CLIENT, "the Host field is missing, repeated or malformed")                   \
    E(BAD_UPSTREAM_HOST, 400, CLIENT, "the request makes no host of upstream_host")                \
    E(BAD_FRAMING, 400, CLIENT, "the length of the request body can be read in two ways")          \
    E(BAD_CHUNK, 400, CLIENT, "the request body is not in chunks as it says")                      \
    E(REQUEST_TIMEOUT, 408, CLIENT,                                                                \
      "the request did not arrive in timeouts.request_header or request_body")                     \
    E(REQUEST_CUT, 400, CLIENT, "the client left before its request was complete")                 \
    E(CLIENT_GONE, 499, CLIENT, "the client left before the response was complete")                \
    E(CLIENT_STALLED, 408, CLIENT,                                                                 \
      "the client took nothing of the response in timeouts.request_body")                          \
    E(MISDIRECTED, 421, CLIENT, "the host does not fit the TLS connection")                        \
    E(TLS_REQUIRED, 421, CLIENT, "the site is served over TLS alone")                              \
    E(HTTPS_WITHOUT_TLS, 421, CLIENT, "the request says https, but came without TLS")              \
    E(METHOD_REFUSED, 405, CLIENT, "the method is not served here")                                \
    E(BODY_TOO_LARGE, 413, CLIENT, "the request body is larger than limits.body_size")             \
    E(TARGET_TOO_LONG, 414, CLIENT, "the target is longer than limits.target_length")              \
    E(EXPECTATION, 417, CLIENT, "the expectation is unknown")                                      \
    E(HEAD_TOO_LARGE, 431, CLIENT, "the head is larger than limits.header_size")                   \
    E(TOO_MANY_FIELDS, 431, CLIENT, "there are more fields than limits.header_count")              \
    E(UNKNOWN_CODING, 501, CLIENT, "the transfer coding is unknown")                               \
    E(UNKNOWN_PROTOCOL, 501, CLIENT, "the protocol of an extended CONNECT is not websocket")       \
    E(NO_WEBSOCKET, 501, CLIENT, "a WebSocket is asked for where no server is")                    \
    E(BAD_VERSION, 505, CLIENT, "the version of HTTP is not served")                               \
    E(NO_SITE, 404, CLIENT, "no site has this host name")                                          \
    E(NO_ROUTE, 404, CLIENT, "no route of the site takes this request")                            \
    E(OUT_OF_MEMORY, 503, SELF, "no memory for one more exchange")                                 \
    E(OUT_OF_DESCRIPTORS, 503, SELF, "no descriptor for one more connection to a server")          \
    E(PATTERN_TOO_COSTLY, 500, SELF, "a pattern of the configuration took more than it may")       \
    E(NO_SERVER, 503, UPSTREAM, "no server of the upstream can be asked")                          \
    E(SERVERS_FULL, 503, UPSTREAM,                                                                 \
      "every server of the upstream has as many calls as its max_connections")                     \
    E(QUEUE_FULL, 503, UPSTREAM,                                                                   \
      "every server of the upstream is full, and as many wait as its queue has room for")          \
    E(QUEUE_TIMEOUT, 503, UPSTREAM, "no server of the upstream had a place in queue.timeout")      \
    E(CIRCUIT_OPEN, 503, UPSTREAM,                                                                 \
      "too many calls to the upstream failed; it is left alone for a while")                       \
    E(UPSTREAM_FULL, 503, UPSTREAM,                                                                \
      "the upstream has as many calls as its circuit_breaker.max_calls")                           \
    E(CONNECTIONS_FULL, 503, UPSTREAM,                                                             \
      "the upstream has as many connections as its circuit_breaker.max_connections")               \
    E(UNRESOLVED, 502, UPSTREAM, "the name of the server has no address")                          \
    E(CONNECT_REFUSED, 502, UPSTREAM, "the server refuses connections")                            \
    E(CONNECT_FAILED, 502, UPSTREAM, "the server cannot be reached")                               \
    E(CONNECT_TIMEOUT, 504, UPSTREAM, "the server did not accept in timeouts.connect")             \
    E(SERVER_TLS_TIMEOUT, 504, UPSTREAM,                                                           \
      "the TLS handshake with the server did not end in timeouts.connect")                         \
    E(SERVER_TLS_CUT, 502, UPSTREAM, "the server closed in the middle of the TLS handshake")       \
    E(SERVER_NOT_TLS, 502, UPSTREAM, "the server does not speak TLS")                              \
    E(SERVER_TLS_REFUSED, 502, UPSTREAM, "the server refuses the TLS connection")                  \
    E(SERVER_TLS_FAILED, 502, UPSTREAM, "the TLS handshake with the server failed")                \
    E(SERVER_CERTIFICATE_UNKNOWN, 502, UPSTREAM,                                                   \
      "the certificate of the server is of no authority that is trusted")                          \
    E(SERVER_CERTIFICATE_NAME, 502, UPSTREAM,                                                      \
      "the certificate of the server does not hold for its name")                                  \
    E(SERVER_CERTIFICATE_TIME, 502, UPSTREAM,                                                      \
      "the certificate of the server has expired, or does not hold yet")                           \
    E(SERVER_CERTIFICATE_BAD, 502, UPSTREAM, "the certificate of the server cannot be accepted")   \
    E(SERVER_RESET, 502, UPSTREAM, "the server reset the connection")                              \
    E(SERVER_NOT_H2, 502, UPSTREAM, "the server does not speak HTTP/2")                            \
    E(SERVER_H2_BROKEN, 502, UPSTREAM, "the server breaks the rules of HTTP/2")                    \
    E(SERVER_STREAM_RESET, 502, UPSTREAM, "the server reset the stream")                           \
    E(SERVER_STREAM_REFUSED, 502, UPSTREAM, "the server has not taken up the request")             \
    E(UPGRADE_OVER_H2, 501, UPSTREAM, "HTTP/2 with the server does not have this upgrade")         \
    E(SERVER_CLOSED, 502, UPSTREAM, "the server closed the connection before its response")        \
    E(FIRST_BYTE_TIMEOUT, 504, UPSTREAM, "the server sent nothing in timeouts.first_byte")         \
    E(BETWEEN_BYTES_TIMEOUT, 504, UPSTREAM,                                                        \
      "the server paused longer than timeouts.between_bytes")                                      \
    E(EXCHANGE_TIMEOUT, 504, UPSTREAM, "the exchange took longer than timeouts.request")           \
    E(BAD_RESPONSE_LINE, 502, UPSTREAM, "the status line of the server is malformed")              \
    E(BAD_RESPONSE_FIELD, 502, UPSTREAM, "a field of the response is malformed")                   \
    E(BAD_RESPONSE_FRAMING, 502, UPSTREAM, "the length of the response can be read in two ways")   \
    E(BAD_RESPONSE_CHUNK, 502, UPSTREAM, "the response body is not in chunks as it says")          \
    E(RESPONSE_HEAD_TOO_LARGE, 502, UPSTREAM,                                                      \
      "the head of the response is above limits.header_size or header_count")                      \
    E(UNASKED_UPGRADE, 502, UPSTREAM, "the server changes to a protocol that nobody asked for")    \
    E(UPGRADE_IGNORED, 502, UPSTREAM,                                                              \
      "the server answers a request for a WebSocket with success, but opens none")                 \
    E(WEBSOCKET_ACCEPT, 502, UPSTREAM,                                                             \
      "Sec-WebSocket-Accept of the server does not fit the key that it was sent")                  \
    E(RESPONSE_CUT, 502, UPSTREAM, "the server closed before its response was complete")

enum error_code {
#define ERROR_ENUM(name, status, side, words) ERROR_##name,
    ERROR_CODES(ERROR_ENUM)
#undef ERROR_ENUM
        ERROR_COUNT
};

enum error_side { ERROR_SIDE_SELF, ERROR_SIDE_CLIENT, ERROR_SIDE_UPSTREAM };

/* Status for the client: 400..599 (499 is never sent, only logged). */
unsigned error_status(enum error_code code);

enum error_side error_side(enum error_code code);

/* One sentence without a full stop. */
const char *error_words(enum error_code code);

/* `connect_refused` and so on: for metrics and logs. */
const char *error_name(enum error_code code);
