#include "sim/message.h"

#include "base/assert.h"
#include "sim/content.h"
#include "sim/world.h"

#include <ctype.h>
#include <stdlib.h>

/* ---- reading */

void reading_fini(struct reading *reading)
{
    queue_fini(&reading->bytes);
}

static enum reading_event bad(struct reading *reading, const char *wrong)
{
    reading->wrong = wrong;
    return READING_BAD;
}

/* Every line is a name, a colon and a value without control bytes, and ends with CR LF. */
static bool are_fields(const char *lines)
{
    while (*lines) {
        const char *at = lines;
        while (isalnum((unsigned char)*at) || *at == '-' || *at == '_')
            at++;
        if (at == lines || *at != ':')
            return false;
        while (*at == '\t' || (unsigned char)*at >= ' ')
            at++;
        if (at[0] != '\r' || at[1] != '\n')
            return false;
        lines = at + 2;
    }
    return true;
}

/* Takes lines up to an empty one into `text`. */
static enum reading_event take_lines(struct reading *reading, char *text, bool may_be_empty)
{
    struct slice bytes = queue_bytes(&reading->bytes);
    size_t length = 0;
    if (may_be_empty && slice_starts_with(bytes, SLICE("\r\n"))) {
        text[0] = '\0';
        queue_drop(&reading->bytes, 2);
        return READING_END;
    }
    while (length + 4 <= bytes.length && memcmp(bytes.data + length, "\r\n\r\n", 4) != 0)
        length++;
    if (length + 4 > bytes.length)
        return bytes.length > HEAD_TEXT_MAX ? bad(reading, "a head is too long") : READING_MORE;
    if (length + 2 >= HEAD_TEXT_MAX || memchr(bytes.data, '\0', length))
        return bad(reading, "a head is too long, or has a NUL");
    memcpy(text, bytes.data, length + 2);
    text[length + 2] = '\0';
    queue_drop(&reading->bytes, length + 4);
    return READING_END;
}

static enum reading_event read_head(struct reading *reading)
{
    enum reading_event event = take_lines(reading, reading->head, false);
    if (event != READING_END)
        return event;
    const char *fields = strstr(reading->head, "\r\n");
    return fields && are_fields(fields + 2) ? READING_HEAD : bad(reading, "a field is malformed");
}

void reading_body(struct reading *reading, enum framing framing, uint64_t length)
{
    reading->framing = framing;
    reading->remaining = length;
    reading->state = framing == FRAMING_CHUNKED ? READING_IN_CHUNK_LINE : READING_IN_BODY;
}

static enum reading_event take_piece(struct reading *reading)
{
    struct slice bytes = queue_bytes(&reading->bytes);
    if (reading->framing != FRAMING_CLOSE)
        bytes = slice_until(bytes, reading->remaining);
    if (slice_is_empty(bytes))
        return READING_MORE;
    if (reading->framing != FRAMING_CLOSE)
        reading->remaining -= bytes.length;
    reading->piece = bytes;
    reading->dropped = bytes.length;
    return READING_PIECE;
}

static enum reading_event end_message(struct reading *reading)
{
    reading->state = READING_IN_HEAD;
    return READING_END;
}

static enum reading_event read_chunk_line(struct reading *reading)
{
    struct slice bytes = queue_bytes(&reading->bytes);
    size_t end = slice_find(bytes, '\n');
    if (end == bytes.length)
        return end > 200 ? bad(reading, "a chunk line is too long") : READING_MORE;
    if (end < 2 || bytes.data[end - 1] != '\r' || !isxdigit((unsigned char)bytes.data[0]))
        return bad(reading, "a chunk line is malformed");
    char *stop = NULL;
    reading->remaining = strtoull(bytes.data, &stop, 16);
    if (*stop != '\r' && *stop != ';')
        return bad(reading, "a chunk size is malformed");
    queue_drop(&reading->bytes, end + 1);
    reading->state = reading->remaining > 0 ? READING_IN_CHUNK : READING_IN_TRAILERS;
    return READING_HEAD; /* nothing to tell: go on */
}

static enum reading_event read_chunk_end(struct reading *reading)
{
    struct slice bytes = queue_bytes(&reading->bytes);
    if (bytes.length < 2)
        return READING_MORE;
    if (memcmp(bytes.data, "\r\n", 2) != 0)
        return bad(reading, "a chunk does not end where it should");
    queue_drop(&reading->bytes, 2);
    reading->state = READING_IN_CHUNK_LINE;
    return READING_HEAD;
}

static enum reading_event read_chunks(struct reading *reading)
{
    for (;;) {
        enum reading_event event;
        switch (reading->state) {
        case READING_IN_CHUNK_LINE:
            event = read_chunk_line(reading);
            break;
        case READING_IN_CHUNK:
            if (reading->remaining > 0)
                return take_piece(reading);
            reading->state = READING_BEHIND_CHUNK;
            continue;
        case READING_BEHIND_CHUNK:
            event = read_chunk_end(reading);
            break;
        default:
            event = take_lines(reading, reading->trailers, true);
            if (event != READING_END)
                return event;
            return are_fields(reading->trailers) ? end_message(reading)
                                                 : bad(reading, "a trailer is malformed");
        }
        if (event != READING_HEAD)
            return event;
    }
}

enum reading_event reading_next(struct reading *reading)
{
    queue_drop(&reading->bytes, reading->dropped);
    reading->dropped = 0;
    if (reading->state == READING_IN_HEAD)
        return read_head(reading);
    if (reading->framing == FRAMING_CHUNKED)
        return read_chunks(reading);
    if (reading->framing != FRAMING_CLOSE && reading->remaining == 0)
        return end_message(reading);
    return take_piece(reading);
}

bool reading_is_inside(const struct reading *reading)
{
    return reading->state != READING_IN_HEAD || reading->bytes.length > reading->dropped;
}

struct slice first_line(const char *head)
{
    return slice_of(head, (size_t)(strstr(head, "\r\n") - head));
}

struct slice field_in(const char *lines, const char *name, unsigned *ret_count)
{
    struct slice value = {0};
    unsigned count = 0;
    for (const char *line = lines; *line; line = strstr(line, "\r\n") + 2) {
        struct slice all = first_line(line);
        size_t colon = slice_find(all, ':');
        if (colon < all.length &&
            slice_equal_fold(slice_until(all, colon), slice_from_text(name))) {
            value = slice_trim(slice_from(all, colon + 1));
            count++;
        }
    }
    if (ret_count)
        *ret_count = count;
    return value;
}

bool framing_of(const char *head, enum framing otherwise, enum framing *ret_framing,
                uint64_t *ret_length)
{
    unsigned lengths = 0, codings = 0;
    struct slice length = field_in(head, "Content-Length", &lengths);
    struct slice coding = field_in(head, "Transfer-Encoding", &codings);
    *ret_length = 0;
    *ret_framing = otherwise;
    if (lengths + codings > 1)
        return false;
    if (codings == 1) {
        *ret_framing = FRAMING_CHUNKED;
        return slice_equal(coding, SLICE("chunked"));
    }
    if (lengths == 0)
        return true;
    *ret_framing = FRAMING_COUNTED;
    return slice_to_number(length, INT64_MAX, ret_length);
}

/* ---- writing */

enum { UNIT = 16 * 1024 };

void writing_begin(struct writing *writing, enum framing framing, uint64_t length, uint64_t seed,
                   uint64_t random)
{
    *writing = (struct writing){
        .bytes = writing->bytes,
        .framing = framing,
        .length = framing == FRAMING_NONE ? 0 : length,
        .seed = seed,
        .cut_at = UINT64_MAX,
        .chance = chance_of(random, 1005),
    };
    writing->ended = framing != FRAMING_CHUNKED && writing->length == 0;
    writing->chunk_most = chance_size(&writing->chance, 64 * 1024) + 1;
    if (length > 1024 * 1024) /* it would take for ever */
        writing->chunk_most = 64 * 1024;
}

void writing_fini(struct writing *writing)
{
    queue_fini(&writing->bytes);
}

static void put_content(struct writing *writing, uint64_t count)
{
    content_fill(writing->seed, writing->offset, queue_grow(&writing->bytes, count), count);
    writing->offset += count;
}

static void put_chunk(struct writing *writing, uint64_t count)
{
    unsigned format = (unsigned)chance_below(&writing->chance, 40);
    switch (format < 4 ? format : 0) {
    case 1:
        queue_put_text(&writing->bytes, "%llX\r\n", (unsigned long long)count);
        break;
    case 2:
        queue_put_text(&writing->bytes, "0%llx\r\n", (unsigned long long)count);
        break;
    case 3:
        queue_put_text(&writing->bytes, "%llx;a=b\r\n", (unsigned long long)count);
        break;
    default:
        queue_put_text(&writing->bytes, "%llx\r\n", (unsigned long long)count);
        break;
    }
    put_content(writing, count);
    queue_put(&writing->bytes, SLICE("\r\n"));
}

static void put_end(struct writing *writing)
{
    writing->ended = true;
    if (writing->bad_chunk)
        queue_put(&writing->bytes, SLICE("zz\r\n"));
    queue_put_text(&writing->bytes, "0\r\n%s\r\n", writing->trailers ? writing->trailers : "");
}

bool writing_more(struct writing *writing)
{
    uint64_t end = writing->cut_at < writing->length ? writing->cut_at : writing->length;
    uint64_t rest = end - writing->offset;
    if (writing->ended || (rest == 0 && writing->cut_at <= writing->length))
        return false;
    if (rest == 0) {
        put_end(writing);
    } else if (writing->framing == FRAMING_CHUNKED) {
        uint64_t most = writing->chunk_most < rest ? writing->chunk_most : rest;
        put_chunk(writing, chance_between(&writing->chance, 1, most));
    } else {
        put_content(writing, rest < UNIT ? rest : UNIT);
        writing->ended = writing->offset == writing->length;
    }
    return true;
}
