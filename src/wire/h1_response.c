#include "base/assert.h"
#include "base/cold.h"
#include "wire/h1_int.h"

enum { ROOM_FOR_MORE = 8 };

/* RFC 9112 4. The space before an empty reason is often left out, and is not missed. */
static enum error_code read_status_line(struct slice line, struct response_head *head)
{
    unsigned major = 0, minor = 0;
    uint64_t status = 0;
    struct slice digits = slice_until(slice_from(line, 9), 3);
    struct slice reason = slice_from(line, 12);
    if (line.length < 12 || !h1_read_version(slice_until(line, 8), &major, &minor) ||
        line.data[8] != ' ' || !slice_to_number(digits, 599, &status) || status < 100)
        return ERROR_BAD_RESPONSE_LINE;
    if (major != 1 || minor > 1 || (!slice_is_empty(reason) && reason.data[0] != ' '))
        return ERROR_BAD_RESPONSE_LINE;
    head->status = (uint16_t)status;
    head->minor_version = (uint8_t)minor;
    head->reason = slice_from(reason, 1);
    return ERROR_NONE;
}

static bool has_no_body(unsigned status, enum method method)
{
    return method == METHOD_HEAD || status == 204 || status == 304;
}

/* RFC 9110 8.6, RFC 9112 6.1: an interim response has no body and must not speak of one. Whoever
 * does may send one, in which a reader that knows better finds responses. Servers are seen that do
 * with 101, where nothing of HTTP follows, or that say a length of zero. */
static bool announces_interim_body(const struct response_head *head, uint64_t repeated)
{
    const struct fields *fields = &head->fields;
    const struct field *length = fields_find(fields, FIELD_CONTENT_LENGTH);
    return head->status < 200 && head->status != 101 &&
           ((fields->present & FIELD_BIT(FIELD_TRANSFER_ENCODING)) ||
            (repeated & FIELD_BIT(FIELD_CONTENT_LENGTH)) ||
            (length && !slice_equal(length->value, SLICE("0"))));
}

/* RFC 9112 6.3. A server that announces a body where there is none may well send it, too: nothing
 * that comes after such a head on its connection could be trusted. */
static enum error_code read_framing(struct response_head *head, uint64_t repeated,
                                    enum method method, struct h1_body *body, bool *keep_alive)
{
    enum h1_framing framing = H1_FRAMING_NONE;
    uint64_t length = 0;
    if (announces_interim_body(head, repeated))
        return ERROR_BAD_RESPONSE_FRAMING;
    if (head->status >= 200 && h1_decide_framing(&head->fields, repeated, head->minor_version,
                                                 H1_FRAMING_CLOSE, &framing, &length) != H1_FRAMED)
        return ERROR_BAD_RESPONSE_FRAMING;
    if (has_no_body(head->status, method)) {
        if (framing == H1_FRAMING_CHUNKED || (head->status == 204 && length > 0))
            *keep_alive = false;
        framing = H1_FRAMING_NONE;
        length = head->status == 204 ? 0 : length;
    }
    if (framing == H1_FRAMING_CLOSE)
        *keep_alive = false;
    head->body = h1_start_body(body, H1_RESPONSE, framing, length);
    head->body_length = length;
    return ERROR_NONE;
}

WHOLE enum error_code h1_parse_response(struct slice bytes, const struct h1_scan *scan,
                                        const struct h1_limits *limits, struct arena *arena,
                                        enum method method, struct response_head *head,
                                        struct h1_body *body, bool *ret_keep_alive)
{
    ASSERT(scan->error == ERROR_NONE && scan->lines > 0);
    ASSERT(scan->lines - 1 <= limits->header_count);
    struct h1_options options;
    uint64_t repeated = 0;
    *head = (struct response_head){0};
    *ret_keep_alive = false;
    enum error_code error = read_status_line(h1_start_line(bytes, scan), head);
    if (error)
        return error;
    if (!fields_init(&head->fields, arena, scan->lines - 1 + ROOM_FOR_MORE))
        return ERROR_OUT_OF_MEMORY;
    if (!h1_read_field_lines(h1_field_lines(bytes, scan), &head->fields, &repeated) ||
        !h1_read_options(&head->fields, &options))
        return ERROR_BAD_RESPONSE_FIELD;
    *ret_keep_alive = h1_is_persistent(&options, head->minor_version);
    return read_framing(head, repeated, method, body, ret_keep_alive);
}
