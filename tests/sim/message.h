/* HTTP/1 as the simulated clients and servers read and write it: written independently of the
 * product's codec, strict, and without regard for speed. */
#pragma once

#include "sim/chance.h"
#include "sim/queue.h"

enum framing { FRAMING_NONE, FRAMING_COUNTED, FRAMING_CHUNKED, FRAMING_CLOSE };

/* ---- reading */

enum reading_event {
    READING_MORE,  /* needs more bytes */
    READING_HEAD,  /* `head` is one; reading_body must say what follows */
    READING_PIECE, /* `piece` is of the body; valid until the next call */
    READING_END,   /* the message is complete */
    READING_BAD,   /* `wrong` says why */
};

enum reading_state {
    READING_IN_HEAD,
    READING_IN_BODY,
    READING_IN_CHUNK_LINE,
    READING_IN_CHUNK,
    READING_BEHIND_CHUNK,
    READING_IN_TRAILERS,
};

enum { HEAD_TEXT_MAX = 8 * 1024 };

struct reading {
    struct queue bytes; /* put in what was received */
    enum reading_state state;
    enum framing framing;
    uint64_t remaining;
    size_t dropped; /* bytes of the last piece, still in `bytes` */
    char head[HEAD_TEXT_MAX], trailers[HEAD_TEXT_MAX]; /* lines with their ends, and a NUL */
    struct slice piece;
    const char *wrong;
};

void reading_fini(struct reading *reading);
enum reading_event reading_next(struct reading *reading);
void reading_body(struct reading *reading, enum framing framing, uint64_t length);

/* Whether a message has begun and is not complete. */
bool reading_is_inside(const struct reading *reading);

/* The value of a field in lines such as `head`; how often it is there. */
struct slice field_in(const char *lines, const char *name, unsigned *ret_count);

/* The first line of a head. */
struct slice first_line(const char *head);

/* What the head says of its body, with `otherwise` where it says nothing. False: it cannot be
 * told. */
bool framing_of(const char *head, enum framing otherwise, enum framing *ret_framing,
                uint64_t *ret_length);

/* ---- writing */

struct writing {
    struct queue bytes; /* made and not yet sent */
    enum framing framing;
    uint64_t length, offset; /* of the body */
    uint64_t seed;           /* its content */
    uint64_t cut_at;         /* the body goes no further */
    const char *trailers;    /* lines for the end of chunks; NULL: none */
    uint64_t chunk_most;
    bool bad_chunk; /* the last chunk is malformed */
    bool ended;     /* all was made */
    struct chance chance;
};

/* The body that follows what the caller puts into `bytes`; what is there already stays. */
void writing_begin(struct writing *writing, enum framing framing, uint64_t length, uint64_t seed,
                   uint64_t random);
void writing_fini(struct writing *writing);

/* Makes the next bytes. False: there are none, because it has ended or is cut. */
bool writing_more(struct writing *writing);
