/* The client's side of an exchange, whatever the version of HTTP: a place on a connection for one
 * request and its response. The exchange pulls the body and pushes the response; nobody is called
 * back from inside a call. After `finish` the stream is gone. One loop. */
#pragma once

#include "base/error.h"
#include "http/message.h"
#include "net/h1_reader.h"
#include "net/transport.h"
#include "wire/proxy_protocol.h"

struct stream;

/* For what the exchange waits at the client: decides which deadline holds. */
enum stream_wait {
    STREAM_WAIT_NOTHING,
    STREAM_WAIT_BODY,      /* that it sends more of its request */
    STREAM_WAIT_TAKE,      /* that it takes what was queued */
    STREAM_WAIT_HANDSHAKE, /* that it ends the handshake, behind its early data */
};

enum stream_end {
    STREAM_COMPLETE, /* the response is whole */
    STREAM_CUT,      /* it is not, and the client must be able to tell */
};

struct stream_class {
    bool shares_connection; /* with other streams: it cannot be handed over to a tunnel */
    /* Queues a head, interim or final; its body kind decides the framing. 101 hands the connection
     * over, or is followed by open_tunnel. False: no memory. */
    bool (*send_head)(struct stream *stream, const struct response_head *head);
    /* The connection shall not carry another request: what follows on it cannot be trusted, or is
     * not wanted. Before the final head. */
    void (*close_after)(struct stream *stream);
    /* The response begins before the request was read to its end, and the rest of that may never be
     * wanted: where it may be long, or may never come, the connection closes after the response,
     * and says so (RFC 9112 9.6). Before the final head. */
    void (*answer_early)(struct stream *stream);
    /* Behind 101: from now on bodies are the bytes of a tunnel, and either end stands for itself.
     */
    void (*open_tunnel)(struct stream *stream);
    /* Takes over the piece. False: no memory. */
    bool (*send_body)(struct stream *stream, struct span piece);
    bool (*send_end)(struct stream *stream, const struct fields *trailers);
    /* Whether more may be queued. */
    bool (*has_room)(const struct stream *stream);
    /* Sends what was queued; `*ret_sent` bytes are gone. */
    enum io (*flush)(struct stream *stream, size_t *ret_sent);
    /* The next piece of the request's body, as h1_reader_read_body. */
    enum read_event (*receive_body)(struct stream *stream, struct arena *arena,
                                    struct fields *trailers, struct span *ret_piece,
                                    enum error_code *ret_error);
    /* Both ends of the client's connection, as far as they are known. */
    void (*tell_ends)(const struct stream *stream, struct proxy_header *ret_ends);
    /* Whether the client is gone in both directions. */
    bool (*is_gone)(const struct stream *stream);
    /* Sets the deadline, `after_ms` from now, anew with each call; unsets it for WAIT_NOTHING. */
    void (*await)(struct stream *stream, enum stream_wait wait, uint64_t after_ms);
    /* The transport, where body bytes may go straight to it and from it: one stream on the
     * connection, nothing queued, framing by count or close. NULL: not so. */
    struct transport *(*pump_to)(struct stream *stream);
    struct transport *(*pump_from)(struct stream *stream, uint64_t *ret_remaining);
    /* Tells that `count` bytes of the body went past, by a pump. */
    void (*pumped_to)(struct stream *stream, uint64_t count);
    void (*pumped_from)(struct stream *stream, uint64_t count);
    /* The exchange is over. `request_read`: its body was read to the end. */
    void (*finish)(struct stream *stream, enum stream_end end, bool request_read);
};

struct stream {
    const struct stream_class *class;
};
