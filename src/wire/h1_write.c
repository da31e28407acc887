/* Heads are written in one go into memory for which there is room: how much a head may need at most
 * is quickly summed up, and each of its bytes is touched once. */
#include "base/assert.h"
#include "wire/h1_int.h"

enum {
    /* `Content-Length: ` with twenty digits, or the line that says `chunked`; what is said of the
     * connection, without the value of Upgrade; the empty line. */
    TAIL_ROOM = 96,
    LINE_ROOM = 4, /* of a field beside its name and value */
};

/* What the codec says itself about framing and connection. */
static const uint64_t NOT_WRITTEN = FIELD_BITS_HOP_BY_HOP | FIELD_BIT(FIELD_CONTENT_LENGTH);

static char *put_length(char *at, uint64_t length)
{
    at = slice_put(at, SLICE("Content-Length: "));
    at = text_put_number(at, length);
    return slice_put(at, SLICE("\r\n"));
}

static char *put_framing(char *at, const struct h1_write *how)
{
    switch (how->framing) {
    case H1_FRAMING_NONE:
        return how->announce_length ? put_length(at, how->length) : at;
    case H1_FRAMING_COUNTED:
        return put_length(at, how->length);
    case H1_FRAMING_CHUNKED:
        ASSERT(how->peer_minor_version > 0);
        return slice_put(at, SLICE("Transfer-Encoding: chunked\r\n"));
    case H1_FRAMING_CLOSE:
        break;
    }
    return at;
}

static char *put_connection(char *at, const struct h1_write *how)
{
    switch (how->connection) {
    case H1_KEEP_ALIVE:
        return how->peer_minor_version > 0 ? at
                                           : slice_put(at, SLICE("Connection: keep-alive\r\n"));
    case H1_CLOSE:
        return how->peer_minor_version > 0 ? slice_put(at, SLICE("Connection: close\r\n")) : at;
    case H1_UPGRADE:
        break;
    }
    ASSERT(how->upgrade.length > 0);
    at = slice_put(at, SLICE("Connection: upgrade\r\nUpgrade: "));
    at = slice_put(at, how->upgrade);
    return slice_put(at, SLICE("\r\n"));
}

/* The lines that Weir writes behind the fields, the empty one included. */
static char *put_tail(char *at, const struct h1_write *how)
{
    at = put_framing(at, how);
    at = put_connection(at, how);
    return slice_put(at, SLICE("\r\n"));
}

static bool is_written(const struct field *field)
{
    return !(FIELD_BIT(field->id) & NOT_WRITTEN) && field->name.length > 0;
}

static size_t field_room(const struct field *field)
{
    return field->name.length + field->value.length + LINE_ROOM;
}

static size_t fields_room(const struct fields *fields)
{
    size_t room = 0;
    for (uint32_t i = 0; i < fields->count; i++)
        room += field_room(&fields->items[i]);
    return room;
}

static const char *line_end(const struct field *field)
{
    return field->value.data + field->value.length + 2;
}

/* The bytes of a field that stands as a line where it was read, and of all that go on with it and
 * stand behind it. `*field` is the last of them then. */
static struct slice take_lines(const struct field **field, const struct field *last)
{
    const char *start = (*field)->name.data, *end = line_end(*field);
    for (const struct field *next = *field + 1;
         next <= last && next->is_line && next->name.data == end && is_written(next); next++) {
        *field = next;
        end = line_end(next);
    }
    return slice_of(start, (size_t)(end - start));
}

/* NULL: they do not fit before `end`. */
static char *put_fields(char *at, const char *end, const struct fields *fields)
{
    if (fields->count == 0)
        return at; /* of none there may be no items to count from */
    const struct field *last = fields->items + fields->count - 1;
    for (const struct field *field = fields->items; field <= last; field++) {
        if (!is_written(field))
            continue;
        if (field->is_line) {
            struct slice lines = take_lines(&field, last);
            if (lines.length > (size_t)(end - at))
                return NULL;
            at = slice_put(at, lines);
            continue;
        }
        if (field_room(field) > (size_t)(end - at))
            return NULL;
        at = slice_put(at, field->name);
        at = slice_put(at, SLICE(": "));
        at = slice_put(at, field->value);
        at = slice_put(at, SLICE("\r\n"));
    }
    return at;
}

/* Where to write up to `room` bytes. NULL: the text has not the room. */
static char *begin(struct text *text, size_t room)
{
    if (text->capacity - text->length >= room)
        return text->data + text->length;
    text->cut = true;
    return NULL;
}

/* The text keeps what was written before `end`; NULL: it had not the room. */
static void finish(struct text *text, const char *end)
{
    if (!end) {
        text->cut = true;
        return;
    }
    text->length = (size_t)(end - text->data);
    ASSERT(text->length <= text->capacity);
}

/* Of what stands behind the fields. */
static size_t tail_room(const struct h1_write *how)
{
    return TAIL_ROOM + how->upgrade.length;
}

/* What follows the start line, for the end of which there is room. */
static void put_rest(struct text *text, char *at, const struct fields *fields,
                     const struct h1_write *how)
{
    at = put_fields(at, text->data + text->capacity - tail_room(how), fields);
    finish(text, at ? put_tail(at, how) : NULL);
}

static size_t request_line_room(const struct request_head *head)
{
    return head->method_text.length + head->target.length + sizeof("  HTTP/1.1\r\n") - 1;
}

size_t h1_request_head_room(const struct request_head *head, const struct h1_write *how)
{
    return request_line_room(head) + fields_room(&head->fields) + tail_room(how);
}

void h1_write_request_head(struct text *text, const struct request_head *head,
                           const struct h1_write *how)
{
    char *at = begin(text, request_line_room(head) + tail_room(how));
    if (!at)
        return;
    at = slice_put(at, head->method_text);
    at = slice_put(at, SLICE(" "));
    at = slice_put(at, head->target);
    at = slice_put(at, SLICE(" HTTP/1.1\r\n"));
    put_rest(text, at, &head->fields, how);
}

static size_t status_line_room(const struct response_head *head)
{
    return head->reason.length + sizeof("HTTP/1.1 200 \r\n") - 1;
}

size_t h1_response_head_room(const struct response_head *head, const struct h1_write *how)
{
    return status_line_room(head) + fields_room(&head->fields) + tail_room(how);
}

void h1_write_response_head(struct text *text, const struct response_head *head,
                            const struct h1_write *how)
{
    ASSERT(head->status >= 100 && head->status <= 599);
    const char status[4] = {(char)('0' + head->status / 100), (char)('0' + head->status / 10 % 10),
                            (char)('0' + head->status % 10), ' '};
    char *at = begin(text, status_line_room(head) + tail_room(how));
    if (!at)
        return;
    at = slice_put(at, SLICE("HTTP/1.1 "));
    at = slice_put(at, slice_of(status, sizeof(status)));
    at = slice_put(at, head->reason);
    at = slice_put(at, SLICE("\r\n"));
    put_rest(text, at, &head->fields, how);
}

void h1_write_chunk_head(struct text *text, uint64_t length)
{
    ASSERT(length > 0);
    text_add_hex(text, length);
    text_add(text, SLICE("\r\n"));
}

size_t h1_last_chunk_room(const struct fields *trailers)
{
    return sizeof("0\r\n\r\n") - 1 + (trailers ? fields_room(trailers) : 0);
}

void h1_write_last_chunk(struct text *text, const struct fields *trailers)
{
    const struct slice line_end = SLICE("\r\n");
    char *at = begin(text, h1_last_chunk_room(NULL));
    if (!at)
        return;
    at = slice_put(at, SLICE("0\r\n"));
    if (trailers)
        at = put_fields(at, text->data + text->capacity - line_end.length, trailers);
    finish(text, at ? slice_put(at, line_end) : NULL);
}
