/* From a block of fields to the head that HTTP/1 gives as well. */
#include "base/arena.h"
#include "base/assert.h"
#include "http/uri.h"
#include "wire/h1_int.h"
#include "wire/h2_int.h"

/* Fields that are added on the way to a server fit without a second table. */
enum { ROOM_FOR_MORE = 9 };

/* ---- target and host */

/* RFC 8441: an extended CONNECT for a WebSocket is from here on what a client of HTTP/1.1 would
 * have sent, a GET with an upgrade (read_upgrade). For other protocols RFC 9220 3 has 501. */
static enum error_code read_connect(const struct h2_pseudo *pseudo, struct request_head *head)
{
    if (!pseudo->protocol.data)
        return ERROR_METHOD_REFUSED;
    if (!slice_equal(pseudo->protocol, SLICE("websocket")))
        return ERROR_UNKNOWN_PROTOCOL;
    head->method = METHOD_GET;
    head->method_text = SLICE("GET");
    return ERROR_NONE;
}

static enum error_code read_target(const struct h2_pseudo *pseudo, const struct h1_limits *limits,
                                   struct request_head *head, struct arena *arena)
{
    head->target = pseudo->path;
    enum error_code error =
        head->method == METHOD_CONNECT ? read_connect(pseudo, head) : ERROR_NONE;
    if (error)
        return error;
    if (head->target.length > limits->target_length)
        return ERROR_TARGET_TOO_LONG;
    head->says_https = slice_equal_fold(pseudo->scheme, SLICE("https"));
    if (!head->says_https && !slice_equal_fold(pseudo->scheme, SLICE("http")))
        return ERROR_BAD_TARGET;
    ASSERT(head->target.length > 0);
    return h1_read_target(head, arena);
}

/* Where both are there they say the same. */
static enum error_code read_host(const struct h2_pseudo *pseudo, struct request_head *head,
                                 struct arena *arena)
{
    const struct field *field = fields_find(&head->fields, FIELD_HOST);
    struct slice authority = field && !pseudo->authority.data ? field->value : pseudo->authority;
    if (!authority.data || !authority_parse(authority, &head->host, &head->port))
        return ERROR_BAD_HOST;
    head->authority = authority;
    bool set = fields_set(&head->fields, arena, FIELD_HOST, field_name_text(FIELD_HOST), authority);
    return set ? ERROR_NONE : ERROR_OUT_OF_MEMORY;
}

/* ---- fields */

/* The crumbs of a cookie, joined (RFC 9113 8.2.3): servers of HTTP/1 read one line. */
static bool join_cookies(struct fields *fields, struct arena *arena)
{
    size_t length = 0, count = 0;
    for (uint32_t i = 0; i < fields->count; i++) {
        bool is_cookie = fields->items[i].id == FIELD_COOKIE;
        length += is_cookie ? fields->items[i].value.length + 2 : 0;
        count += is_cookie ? 1 : 0;
    }
    if (count < 2)
        return true;
    char *memory = arena_alloc(arena, length);
    if (!memory)
        return false;
    struct text joined = text_over(memory, length);
    for (uint32_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id != FIELD_COOKIE || slice_is_empty(fields->items[i].value))
            continue;
        text_add(&joined, joined.length > 0 ? SLICE("; ") : SLICE(""));
        text_add(&joined, fields->items[i].value);
    }
    ASSERT(!text_is_cut(&joined));
    return fields_set(fields, arena, FIELD_COOKIE, SLICE("cookie"), text_slice(&joined));
}

static bool read_fields(struct slice rest, uint32_t count, struct fields *fields,
                        struct arena *arena)
{
    struct field field;
    if (!fields_init(fields, arena, count + ROOM_FOR_MORE))
        return false;
    while (h2_block_next(&rest, &field)) {
        if (!fields_add(fields, arena, field.id, field.name, field.value))
            return false;
    }
    return join_cookies(fields, arena);
}

/* ---- framing */

/* What comes is held against the length (h2_receive.c). */
static enum error_code read_framing(const struct h2_stream *stream, struct request_head *head)
{
    const struct field *field = fields_find(&head->fields, FIELD_CONTENT_LENGTH);
    uint64_t length = 0;
    if (field && !slice_to_number(field->value, INT64_MAX, &length))
        return ERROR_BAD_FRAMING;
    bool is_empty = stream->ended && list_is_empty(&stream->body);
    if (is_empty || (field && length == 0))
        head->body = BODY_NONE;
    else
        head->body = field ? BODY_COUNTED : BODY_STREAM;
    head->body_length = head->body == BODY_COUNTED ? length : 0;
    bool bad = head->method == METHOD_TRACE && head->body != BODY_NONE;
    return bad ? ERROR_BAD_FRAMING : ERROR_NONE; /* RFC 9110 9.3.8 */
}

/* What follows on the stream are bytes of the tunnel, of which there is none yet; so a length could
 * only mislead somebody. */
static enum error_code read_upgrade(struct h2_stream *stream, struct request_head *head,
                                    struct arena *arena)
{
    if (fields_find(&head->fields, FIELD_CONTENT_LENGTH))
        return ERROR_BAD_FRAMING;
    stream->is_tunnel = true;
    head->body = BODY_NONE;
    head->wants_upgrade = true;
    return fields_add(&head->fields, arena, FIELD_UPGRADE, field_name_text(FIELD_UPGRADE),
                      SLICE("websocket"))
               ? ERROR_NONE
               : ERROR_OUT_OF_MEMORY;
}

/* ---- all of it */

static enum error_code read_rest(struct h2_stream *stream, struct slice rest,
                                 const struct h2_pseudo *pseudo, const struct h1_limits *limits,
                                 struct arena *arena, struct request_head *head)
{
    enum error_code error = read_target(pseudo, limits, head, arena);
    if (error)
        return error;
    if (!read_fields(rest, stream->head.count, &head->fields, arena))
        return ERROR_OUT_OF_MEMORY;
    error = read_host(pseudo, head, arena);
    fields_remove_disguises(&head->fields);
    if (!error)
        error =
            pseudo->protocol.data ? read_upgrade(stream, head, arena) : read_framing(stream, head);
    return error ? error : h1_read_expectation(head);
}

enum error_code h2_read_request(struct h2_stream *stream, const struct h1_limits *limits,
                                struct arena *arena, struct span *ret_bytes,
                                struct request_head *head)
{
    ASSERT(stream->is_request);
    const struct h2_pseudo *pseudo = &stream->facts.pseudo;
    struct slice rest = slice_from(span_slice(&stream->head.bytes), stream->facts.fields_at);
    *head = (struct request_head){.major_version = 2, .minor_version = 1};
    head->method_text = pseudo->method.data ? pseudo->method : SLICE("");
    head->method = method_find(head->method_text);
    *ret_bytes = span_take(&stream->head.bytes);
    if (stream->head.too_large)
        return ERROR_HEAD_TOO_LARGE;
    if (stream->head.too_many)
        return ERROR_TOO_MANY_FIELDS;
    return read_rest(stream, rest, pseudo, limits, arena, head);
}

/* They come as late as the body is read; the bytes may be gone before the exchange is. */
bool h2_read_trailers(const struct h2_block *block, struct arena *arena, struct fields *trailers)
{
    struct slice bytes = arena_copy(arena, span_slice(&block->bytes));
    struct field field;
    if (!bytes.data || !fields_init(trailers, arena, block->count + 1))
        return false;
    while (h2_block_next(&bytes, &field)) {
        if (field_is_trailer(&field) &&
            !fields_add(trailers, arena, field.id, field.name, field.value))
            return false;
    }
    fields_remove_disguises(trailers);
    return true;
}
