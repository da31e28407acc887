/* The settings `timeouts` and `limits`: how long may be waited, how much may grow. Read by all
 * floors above; durations in milliseconds, sizes in bytes, 0 where `off` is allowed. */
#pragma once

#include "conf/setting.h"

#define TIMEOUT_SETTINGS(S)                                                                        \
    S(tls_handshake, DURATION, "10s", 1, HOUR, SCOPE_TOP | SCOPE_LISTENER,                         \
      "How long a client may take from connecting to the end of the TLS handshake.", "10s")        \
    S(request_header, DURATION, "10s", 1, HOUR, SCOPE_TOP | SCOPE_LISTENER,                        \
      "How long the head of a request may take in all, however it drips in.", "10s")               \
    S(keep_alive, DURATION, "60s", 1, DAY, SCOPE_TOP | SCOPE_LISTENER,                             \
      "How long a client's connection is kept without a request.", "60s")                          \
    S(drain, DURATION, "30s", 0, DAY, SCOPE_TOP,                                                   \
      "How long running exchanges may go on when Weir is told to stop.", "30s")                    \
    S(hang, DURATION, "30s", 5000, DAY, SCOPE_TOP,                                                 \
      "How long the worker may give no sign of life before another one takes its place.", "30s")   \
    S(request_body, DURATION, "30s", 1, DAY, SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE,                 \
      "How long a client may pause while it sends a body or takes a response, or drip: less than " \
      "8 "                                                                                         \
      "bytes a second count as a pause.",                                                          \
      "30s")                                                                                       \
    S(tunnel, DURATION, "1h", 1, 20 * DAY, SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE,                   \
      "How long a tunnel (WebSocket and the like) may be silent.", "1h")                           \
    S(request, DURATION, "off", 0, DAY, SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE,                      \
      "How long an exchange may take in all.", "2m")                                               \
    S(connect, DURATION, "5s", 1, HOUR, SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE | SCOPE_UPSTREAM,     \
      "How long a server may take to accept a connection.", "2s")                                  \
    S(first_byte, DURATION, "60s", 1, DAY, SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE | SCOPE_UPSTREAM,  \
      "How long a server may take until its response begins.", "60s")                              \
    S(between_bytes, DURATION, "60s", 1, DAY,                                                      \
      SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE | SCOPE_UPSTREAM,                                       \
      "How long a server may pause in a response or in taking a request.", "60s")                  \
    S(pool_idle, DURATION, "30s", 1, DAY, SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE | SCOPE_UPSTREAM,   \
      "How long a connection to a server is kept without a call.", "30s")

struct timeouts {
    TIMEOUT_SETTINGS(SETTING_FIELD)
};

#define LIMIT_SETTINGS(S)                                                                          \
    S(connections, NUMBER, "0", 0, 10000000, SCOPE_TOP | SCOPE_LISTENER,                           \
      "How many connections of clients may be open; 0 is as many as the system allows.", "10000")  \
    S(connections_per_client, NUMBER, "0", 0, 10000000, SCOPE_TOP | SCOPE_LISTENER,                \
      "How many connections one client address may have open; 0 is any number.", "100")            \
    S(requests_per_connection, NUMBER, "10000", 1, 1000000000, SCOPE_TOP | SCOPE_LISTENER,         \
      "How many requests a connection may carry before it is closed.", "10000")                    \
    S(streams, NUMBER, "100", 1, 10000, SCOPE_TOP | SCOPE_LISTENER,                                \
      "How many requests a connection of HTTP/2 may carry at once.", "100")                        \
    S(stream_window, SIZE, "128KiB", 65535, 16 * 1024 * 1024, SCOPE_TOP | SCOPE_LISTENER,          \
      "How many bytes of each request's body a client of HTTP/2 may send ahead.", "1MiB")          \
    S(stream_resets, NUMBER, "200", 1, 1000000000, SCOPE_TOP | SCOPE_LISTENER,                     \
      "How many streams of a connection of HTTP/2 may be reset within 10 seconds.", "200")         \
    S(control_frames, NUMBER, "1000", 10, 1000000000, SCOPE_TOP | SCOPE_LISTENER,                  \
      "How many frames without content a client of HTTP/2 may send within 10 seconds.", "1000")    \
    S(header_size, SIZE, "64KiB", 256, 1024 * 1024, SCOPE_TOP | SCOPE_LISTENER,                    \
      "How many bytes the head of a request or a response may have in all.", "64KiB")              \
    S(header_count, NUMBER, "100", 1, 10000, SCOPE_TOP | SCOPE_LISTENER,                           \
      "How many fields a head may have.", "100")                                                   \
    S(target_length, SIZE, "16KiB", 16, 1024 * 1024, SCOPE_TOP | SCOPE_LISTENER,                   \
      "How many bytes the target of a request may have.", "16KiB")                                 \
    S(body_size, SIZE, "off", 0, INT64_MAX, SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE,                  \
      "How many bytes the body of a request may have; bodies are streamed, not stored.", "10MiB")

struct limits {
    LIMIT_SETTINGS(SETTING_FIELD)
};

extern const struct setting_group timeouts_group, limits_group;
