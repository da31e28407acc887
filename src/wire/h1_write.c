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

static char *put(char *at, struct slice bytes)
{
    if (bytes.length > 0)
        memcpy(at, bytes.data, bytes.length);
    return at + bytes.length;
}

static char *put_length(char *at, uint64_t length)
{
    at = put(at, SLICE("Content-Length: "));
    struct text digits = text_over(at, 20);
    text_add_number(&digits, length);
    return put(at + digits.length, SLICE("\r\n"));
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
        return put(at, SLICE("Transfer-Encoding: chunked\r\n"));
    case H1_FRAMING_CLOSE:
        break;
    }
    return at;
}

static char *put_connection(char *at, const struct h1_write *how)
{
    switch (how->connection) {
    case H1_KEEP_ALIVE:
        return how->peer_minor_version > 0 ? at : put(at, SLICE("Connection: keep-alive\r\n"));
    case H1_CLOSE:
        return how->peer_minor_version > 0 ? put(at, SLICE("Connection: close\r\n")) : at;
    case H1_UPGRADE:
        break;
    }
    ASSERT(how->upgrade.length > 0);
    at = put(at, SLICE("Connection: upgrade\r\nUpgrade: "));
    at = put(at, how->upgrade);
    return put(at, SLICE("\r\n"));
}

/* The lines that Weir writes behind the fields, the empty one included. */
static char *put_tail(char *at, const struct h1_write *how)
{
    at = put_framing(at, how);
    at = put_connection(at, how);
    return put(at, SLICE("\r\n"));
}

static bool is_written(const struct field *field)
{
    return field->name.length > 0 && !(FIELD_BIT(field->id) & NOT_WRITTEN);
}

static size_t fields_room(const struct fields *fields)
{
    size_t room = 0;
    for (uint32_t i = 0; i < fields->count; i++)
        room += fields->items[i].name.length + fields->items[i].value.length + LINE_ROOM;
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

static char *put_fields(char *at, const struct fields *fields)
{
    if (fields->count == 0)
        return at; /* of none there may be no items to count from */
    const struct field *end = fields->items + fields->count;
    for (const struct field *field = fields->items; field < end; field++) {
        if (!is_written(field))
            continue;
        if (field->is_line) {
            at = put(at, take_lines(&field, end - 1));
            continue;
        }
        at = put(at, field->name);
        at = put(at, SLICE(": "));
        at = put(at, field->value);
        at = put(at, SLICE("\r\n"));
    }
    return at;
}

/* Where to write up to `room` bytes; `finish` takes those that were written. NULL: the text has not
 * the room. */
static char *begin(struct text *text, size_t room)
{
    if (text->capacity - text->length >= room)
        return text->data + text->length;
    text->cut = true;
    return NULL;
}

static void finish(struct text *text, const char *end)
{
    text->length = (size_t)(end - text->data);
    ASSERT(text->length <= text->capacity);
}

size_t h1_request_head_room(const struct request_head *head, const struct h1_write *how)
{
    return head->method_text.length + head->target.length + sizeof("  HTTP/1.1\r\n") - 1 +
           fields_room(&head->fields) + TAIL_ROOM + how->upgrade.length;
}

void h1_write_request_head(struct text *text, const struct request_head *head,
                           const struct h1_write *how)
{
    char *at = begin(text, h1_request_head_room(head, how));
    if (!at)
        return;
    at = put(at, head->method_text);
    at = put(at, SLICE(" "));
    at = put(at, head->target);
    at = put(at, SLICE(" HTTP/1.1\r\n"));
    at = put_fields(at, &head->fields);
    finish(text, put_tail(at, how));
}

size_t h1_response_head_room(const struct response_head *head, const struct h1_write *how)
{
    return sizeof("HTTP/1.1 200 \r\n") - 1 + head->reason.length + fields_room(&head->fields) +
           TAIL_ROOM + how->upgrade.length;
}

void h1_write_response_head(struct text *text, const struct response_head *head,
                            const struct h1_write *how)
{
    ASSERT(head->status >= 100 && head->status <= 599);
    const char status[4] = {(char)('0' + head->status / 100), (char)('0' + head->status / 10 % 10),
                            (char)('0' + head->status % 10), ' '};
    char *at = begin(text, h1_response_head_room(head, how));
    if (!at)
        return;
    at = put(at, SLICE("HTTP/1.1 "));
    at = put(at, slice_of(status, sizeof(status)));
    at = put(at, head->reason);
    at = put(at, SLICE("\r\n"));
    at = put_fields(at, &head->fields);
    finish(text, put_tail(at, how));
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
    char *at = begin(text, h1_last_chunk_room(trailers));
    if (!at)
        return;
    at = put(at, SLICE("0\r\n"));
    if (trailers)
        at = put_fields(at, trailers);
    finish(text, put(at, SLICE("\r\n")));
}
