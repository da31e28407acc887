/* The codec of HTTP/1.0 and 1.1 (RFC 9112), as pure code: no socket, no clock, no log. Strict: what
 * could be read in two ways is an error. Everything is resumable by data: feed what there is, come
 * back with more.
 *
 *     struct h1_scan scan = {0};
 *     switch (h1_scan_head(bytes, &limits, H1_REQUEST, &scan)) {
 *     case H1_COMPLETE: error = h1_parse_request(bytes, &scan, &limits, arena, &head, &body);
 *     case H1_MORE:     receive more behind the same bytes and scan again
 *     case H1_BAD:      scan.error says why
 *     }
 *
 * Slices of a head point into the bytes that were parsed. */
#pragma once

#include "base/error.h"
#include "base/text.h"
#include "http/message.h"

struct h1_limits {
    uint32_t header_size;   /* bytes of a head in all, start line included */
    uint32_t header_count;  /* fields */
    uint32_t target_length; /* bytes */
};

enum h1_side { H1_REQUEST, H1_RESPONSE };

enum h1_progress { H1_MORE, H1_COMPLETE, H1_BAD };

/* How far the search for the end of a head has come. Starts as zeroes; remembers its place, so
 * that a head that drips in costs no more than one that comes at once. */
struct h1_scan {
    uint32_t start;        /* of the head, behind one empty line that may precede a request */
    uint32_t fields;       /* where the lines behind the start line begin */
    uint32_t line;         /* start of the line that is not complete yet */
    uint32_t seen;         /* bytes that were looked at */
    uint32_t length;       /* H1_COMPLETE: of the head with its empty line, counted from 0 */
    uint32_t lines;        /* complete lines, start line included */
    enum error_code error; /* H1_BAD */
};

/* Looks for the end of a head. Refuses as early as can be: control bytes, a bare CR or LF among
 * them, a target or a head above the limits, more lines than fields allowed. How the bytes were
 * split over calls changes nothing. `bytes` begins at the same byte in every call. */
enum h1_progress h1_scan_head(struct slice bytes, const struct h1_limits *limits, enum h1_side side,
                              struct h1_scan *scan);

/* How the body of one message is delimited on the wire (RFC 9112 6.3), and how far it was read. */
enum h1_framing { H1_FRAMING_NONE, H1_FRAMING_COUNTED, H1_FRAMING_CHUNKED, H1_FRAMING_CLOSE };

struct h1_body {
    enum h1_framing framing;
    uint8_t state;        /* of the chunk reader; private */
    uint8_t side;         /* enum h1_side: picks the error */
    uint16_t line_length; /* bytes of the chunk line so far; private */
    uint32_t overhead;    /* bytes of extensions that data has not paid for yet; private */
    uint64_t remaining;   /* COUNTED: of the body; CHUNKED: of the chunk */
    enum error_code error;
};

/* Reads the head that `scan` found. Checks everything that RFC 9112 and 9110 ask of a request,
 * decides the framing once, and fills head and body reader. An absolute-form target gives the
 * authority, else Host, and the Host field then says the same. A wanted upgrade to h2c is dropped,
 * not an error. Expect in HTTP/1.0, or without a body, is dropped too (RFC 9110 10.1.1).
 * `ret_keep_alive`: the client wants the connection to stay (RFC 9112 9.3). On an error (also
 * ERROR_OUT_OF_MEMORY) the head may be half filled; method and target are then still set where they
 * could be read. */
enum error_code h1_parse_request(struct slice bytes, const struct h1_scan *scan,
                                 const struct h1_limits *limits, struct arena *arena,
                                 struct request_head *head, struct h1_body *body,
                                 bool *ret_keep_alive);

/* The same for a response to a request of `method`. 1xx have no body; 204, 304 and answers to HEAD
 * have none either, whatever they say (the connection is then not kept where they announce one in
 * chunks or with a length on 204). Of HEAD and 304, `head->body_length` is the announced length
 * where Content-Length is among the fields. 101 is up to the caller. */
enum error_code h1_parse_response(struct slice bytes, const struct h1_scan *scan,
                                  const struct h1_limits *limits, struct arena *arena,
                                  enum method method, struct response_head *head,
                                  struct h1_body *body, bool *ret_keep_alive);

enum h1_body_event {
    H1_BODY_MORE,     /* everything was consumed; bring more bytes */
    H1_BODY_PIECE,    /* `*ret_piece` is data, a part of `bytes` */
    H1_BODY_TRAILERS, /* CHUNKED: the last chunk is behind us, the trailer section begins at
                       * `*ret_consumed`: scan it with h1_scan_trailers */
    H1_BODY_END,      /* the body is complete; what follows belongs to the next message */
    H1_BODY_BAD,      /* body->error says why */
};

/* Takes the next step through a body. `*ret_consumed` bytes of `bytes` are done with, the piece
 * included. Chunk extensions are checked, counted and dropped. FRAMING_CLOSE gives pieces for
 * ever: the end of the connection is its end. */
enum h1_body_event h1_read_body(struct h1_body *body, struct slice bytes, size_t *ret_consumed,
                                struct slice *ret_piece);

/* Finds the end of a trailer section, as h1_scan_head finds that of a head; an empty section is
 * complete with its empty line. */
enum h1_progress h1_scan_trailers(struct slice bytes, const struct h1_limits *limits,
                                  enum h1_side side, struct h1_scan *scan);

/* Reads the section into `trailers`; what may not stand there (RFC 9110 6.5.1) is left out.
 * `side` picks the error code of a malformed one. */
enum error_code h1_parse_trailers(struct slice bytes, const struct h1_scan *scan, enum h1_side side,
                                  struct arena *arena, struct fields *trailers);

/* Of `available` bytes of a counted body, of which some are still to come, those that belong to it:
 * they are a piece as they are. */
static inline size_t h1_body_take(struct h1_body *body, size_t available)
{
    ASSERT(body->framing == H1_FRAMING_COUNTED && body->remaining > 0);
    size_t length = available < body->remaining ? available : (size_t)body->remaining;
    body->remaining -= length;
    return length;
}

/* What may be given up while the body is not read: whether a cut now is a cut, or the proper end
 * of a body that ends with its connection. */
bool h1_body_may_end_here(const struct h1_body *body);

/* Whether a counted body was read to its end, so that nothing of it is to be asked for. */
static inline bool h1_body_is_read(const struct h1_body *body)
{
    return body->framing == H1_FRAMING_COUNTED && body->remaining == 0;
}

/* Writing. A head is written in one go; the functions that end in `room` tell how many bytes it may
 * take at most, and a text that has not the room is cut and gets nothing. Fields of framing and
 * connection among `head->fields` are passed over; they are written from `framing` and
 * `connection`. */
enum h1_connection { H1_KEEP_ALIVE, H1_CLOSE, H1_UPGRADE };

struct h1_write {
    enum h1_framing framing; /* of the body that will follow */
    uint64_t length;         /* COUNTED */
    bool announce_length;    /* NONE: still write Content-Length: `length` (HEAD, 304, or an
                              * empty body) */
    enum h1_connection connection;
    struct slice upgrade;       /* H1_UPGRADE: value of the Upgrade field */
    uint8_t peer_minor_version; /* 0: keep-alive must be said, close is the default */
};

size_t h1_request_head_room(const struct request_head *head, const struct h1_write *how);
void h1_write_request_head(struct text *text, const struct request_head *head,
                           const struct h1_write *how);

size_t h1_response_head_room(const struct response_head *head, const struct h1_write *how);
void h1_write_response_head(struct text *text, const struct response_head *head,
                            const struct h1_write *how);

enum { H1_CHUNK_HEAD_MAX = 20 };

/* The line before a chunk of `length` bytes, more than none. CRLF follows the data. */
void h1_write_chunk_head(struct text *text, uint64_t length);

/* The last chunk with the trailers (may be NULL). */
size_t h1_last_chunk_room(const struct fields *trailers);
void h1_write_last_chunk(struct text *text, const struct fields *trailers);
