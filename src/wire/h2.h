/* The codec of HTTP/2 (RFC 9113), for the side that serves and the side that asks, as pure code: no
 * socket, no clock, no log. What comes passes a gate first (h2_gate.h), and what a message must be
 * is checked here (h2_block.h); fields are packed by hpack.h.
 *
 * Bytes go in, and what came of them waits in streams that have news; nobody is called back.
 *
 *     h2_receive(h2, bytes, now);
 *     while ((stream = h2_next_news(h2)))
 *         a stream without owner is a new request: h2_read_request, h2_own;
 *         one with an owner has more of its body, or room, or is gone
 *     h2_write(h2, &text);              as long as h2_has_output
 *
 * The side that asks begins streams itself, with an owner (h2_ask), and reads heads with
 * h2_take_response; bodies go the same way on both sides.
 *
 * A session, its streams and their buffers belong to one loop. */
#pragma once

#include "base/error.h"
#include "base/text.h"
#include "http/message.h"
#include "wire/h1.h"
#include "wire/h2_block.h"
#include "wire/h2_gate.h"

struct h2;
struct h2_stream;

struct h2_settings {
    uint32_t streams; /* at once */
    uint32_t window;  /* bytes of the peer's body that are held for one stream, 65535 or more */
    struct h2_block_limits blocks;
    struct h2_gate_limits gate;
};

enum {
    H2_FRAME_ROOM = 16 * 1024,  /* bytes that a frame with content may take, its head included */
    H2_WAITING_MAX = 64 * 1024, /* bytes of a response that wait in a stream; see h2_has_room */
    H2_WAITING_LOW = 16 * 1024, /* below which there is news of room */
    H2_WINDOW_LEAST = 64 * 1024 - 1, /* what a client may assume (RFC 9113 6.9.2) */
};

/* A session that begins with our SETTINGS. NULL: no memory. `pools` outlive it. */
struct h2 *h2_new(const struct h2_settings *settings, struct buffer_pools *pools);

/* The same for the side that asks. */
struct h2 *h2_new_to_server(const struct h2_settings *settings, struct buffer_pools *pools);

/* Streams with an owner must have been released. */
void h2_free(struct h2 *h2);

/* Takes in what the client sent. H2_NO_ERROR, or what the connection ends with: GOAWAY waits to be
 * written. `now` in milliseconds. */
enum h2_error h2_receive(struct h2 *h2, struct slice bytes, uint64_t now);

/* The next stream with news, which then has none; NULL: none has. */
struct h2_stream *h2_next_news(struct h2 *h2);

/* Whether there is something to be written, as far as windows allow. */
bool h2_has_output(const struct h2 *h2);

/* Writes frames, as far as they fit; what does not goes into the next text, which therefore should
 * have H2_FRAME_ROOM once in a while. Streams whose content has gone have news. */
void h2_write(struct h2 *h2, struct text *text);

/* Tells that no more requests shall come; those that are on their way still may (RFC 9113 6.8). */
void h2_announce_end(struct h2 *h2);

/* Takes no further request. Those that are here go on. */
void h2_end(struct h2 *h2);

/* Ends all, for that reason. */
void h2_terminate(struct h2 *h2, enum h2_error error);

/* With what error it ends, or is to end; H2_NO_ERROR: with none. */
enum h2_error h2_reason(const struct h2 *h2);

/* Whether the session has come to its end and all was written. */
bool h2_is_over(const struct h2 *h2);

/* Whether the client is in the middle of a block of fields. */
bool h2_is_in_block(const struct h2 *h2);

/* Whether the client has begun a request, ever. */
bool h2_has_begun(const struct h2 *h2);

/* How many requests were malformed, and reset, since this was last asked. */
uint32_t h2_take_malformed(struct h2 *h2);

/* ---- towards a server */

/* Whether the server has spoken HTTP/2 at all: its SETTINGS came. */
bool h2_has_settings(const struct h2 *h2);

/* Whether a request may begin: there was no GOAWAY, and there are numbers left. */
bool h2_may_ask(const struct h2 *h2);

/* How many streams the server takes at once, as far as it said so. */
uint32_t h2_peer_streams(const struct h2 *h2);

/* Whether the server takes an extended CONNECT (RFC 8441 3): nobody knows before its SETTINGS. */
bool h2_takes_connect(const struct h2 *h2);

/* Begins a request; where it has no body, that is all of it. `Host` becomes :authority. One that
 * wants an upgrade goes as an extended CONNECT to what `Upgrade` says, and its stream stays open.
 * What the head says is copied. The stream is the owner's, until h2_release. NULL: no memory, or
 * none may begin. */
struct h2_stream *h2_ask(struct h2 *h2, const struct request_head *head, struct slice scheme,
                         void *owner, struct arena *arena);

/* The next head, interim or final; READ_HEAD as of a reader of HTTP/1. */
enum h2_head {
    H2_HEAD_WAIT,
    H2_HEAD_READY,
    H2_HEAD_GONE, /* the stream was reset before */
    H2_HEAD_BAD,  /* `*ret_error` */
};

/* Slices of the head point into `*ret_bytes`, which is the caller's. `method`: of the request. */
enum h2_head h2_take_response(struct h2_stream *stream, enum method method, struct arena *arena,
                              struct span *ret_bytes, struct response_head *head,
                              enum error_code *ret_error);

/* With what a stream that is gone was closed; codes that are not among ours, too. */
uint32_t h2_stream_error(const struct h2_stream *stream);

/* ---- a stream */

/* The owner of a stream, as it was set; NULL: a new request. */
void *h2_owner(const struct h2_stream *stream);
void h2_own(struct h2_stream *stream, void *owner);

/* Reads the head, as h1_parse_request does; slices point into `*ret_bytes`, which is the caller's,
 * or into the arena. Cookie fields are joined to one (RFC 9113 8.2.3); Host is what :authority
 * says. An extended CONNECT (RFC 8441) for a WebSocket reads as the GET with an upgrade that it
 * stands for, `wants_upgrade` under `major_version` 2; its body are the bytes of the tunnel. On an
 * error method and target are set where they could be read. */
enum error_code h2_read_request(struct h2_stream *stream, const struct h1_limits *limits,
                                struct arena *arena, struct span *ret_bytes,
                                struct request_head *head);

enum h2_body {
    H2_BODY_WAIT,
    H2_BODY_PIECE,
    H2_BODY_END,
    H2_BODY_GONE,      /* the stream was reset before */
    H2_BODY_NO_MEMORY, /* for the trailers */
};

/* The next piece of the body, which is the caller's; the window opens by as much. Trailers are read
 * with slices copied to the arena. Asked behind its end it ends again. */
enum h2_body h2_take_body(struct h2_stream *stream, struct arena *arena, struct fields *trailers,
                          struct span *ret_piece);

/* How a head is written. */
struct h2_write_head {
    bool announce_length; /* `head->body_length` goes into Content-Length */
    bool ends_stream;     /* no body and no trailers follow */
    uint64_t length;      /* of the body that follows, where it is known and no trailers can come
                             behind it; 0: it is not */
};

/* Queues a head, interim (ends nothing) or final. What speaks of a connection of HTTP/1 is left
 * out. False: no memory. What is sent on a stream that is gone goes nowhere. */
bool h2_send_head(struct h2_stream *stream, const struct response_head *head,
                  const struct h2_write_head *how, struct arena *arena);

/* Takes over the piece; there must be room. */
void h2_send_body(struct h2_stream *stream, struct span piece);

/* The end of the response. The trailers, which may be NULL, and the arena stay until it is written
 * or the stream released. False: no memory. */
bool h2_send_end(struct h2_stream *stream, const struct fields *trailers, struct arena *arena);

/* Whether a further piece may be queued. */
bool h2_has_room(const struct h2_stream *stream);

/* Whether all that was queued has been written, with the end of the stream where that was. */
bool h2_is_written(const struct h2_stream *stream);

/* Asks for news, once, when there is room again, or when the end that was queued is written. */
void h2_want_room(struct h2_stream *stream);

/* Bytes of the response's content that have been written so far. */
uint64_t h2_written(const struct h2_stream *stream);

/* The same of all streams that there ever were. */
uint64_t h2_written_in_all(const struct h2 *h2);

/* Whether content waits because the stream's own window is used up; what waits otherwise waits for
 * the connection, or for its turn there. */
bool h2_is_held_up(const struct h2_stream *stream);

/* Whether the stream ended before its time: the client reset it, or did what it must not. */
bool h2_is_gone(const struct h2_stream *stream);

/* The owner lets go of it. What the client has not ended, or we have not, is reset with that
 * error. */
void h2_release(struct h2_stream *stream, enum h2_error error);
