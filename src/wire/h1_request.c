#include "base/assert.h"
#include "base/cold.h"
#include "wire/h1_find.h"
#include "wire/h1_int.h"

/* Fields that are added on the way to a server fit without a second table. */
enum { ROOM_FOR_MORE = 8 };

/* What stands before the next space, behind which `*rest`, the end of the line, begins then. */
static inline struct slice cut_part(struct slice line, struct slice *rest)
{
    const char *at = rest->data, *end = at + rest->length;
    const char *space = h1_find_byte(line.data, at, end, ' ');
    struct slice part = slice_of(at, (size_t)((space ? space : end) - at));
    *rest = slice_from(*rest, part.length + 1);
    return part;
}

/* RFC 9112 3: three parts with one space between; nothing is forgiven. */
static enum error_code read_request_line(struct slice line, const struct h1_limits *limits,
                                         struct request_head *head)
{
    struct slice version = line;
    head->method_text = cut_part(line, &version);
    head->target = cut_part(line, &version);
    unsigned major = 0, minor = 0;
    head->method = method_find(head->method_text);
    bool is_method = head->method != METHOD_OTHER || h1_is_token(head->method_text);
    if (!is_method || slice_is_empty(head->target) || !h1_read_version(version, &major, &minor))
        return ERROR_BAD_REQUEST_LINE;
    if (major != 1 || minor > 1)
        return ERROR_BAD_VERSION;
    if (head->target.length > limits->target_length)
        return ERROR_TARGET_TOO_LONG;
    head->major_version = 1;
    head->minor_version = (uint8_t)minor;
    return ERROR_NONE;
}

static enum error_code read_fields(struct slice lines, uint32_t count, struct request_head *head,
                                   struct arena *arena, uint64_t *ret_repeated)
{
    if (!fields_init(&head->fields, arena, count + ROOM_FOR_MORE))
        return ERROR_OUT_OF_MEMORY;
    if (!h1_read_field_lines(lines, &head->fields, ret_repeated))
        return ERROR_BAD_FIELD;
    fields_remove_disguises(&head->fields);
    return ERROR_NONE;
}

static enum error_code read_framing(struct request_head *head, uint64_t repeated,
                                    struct h1_body *body)
{
    enum h1_framing framing;
    uint64_t length = 0;
    switch (h1_decide_framing(&head->fields, repeated, head->minor_version, H1_FRAMING_NONE,
                              &framing, &length)) {
    case H1_AMBIGUOUS:
        return ERROR_BAD_FRAMING;
    case H1_UNKNOWN_CODING:
        return ERROR_UNKNOWN_CODING;
    case H1_FRAMED:
        break;
    }
    /* RFC 9110 9.3.8: never has content; a server that knows that would take it for a request. */
    if (head->method == METHOD_TRACE && framing != H1_FRAMING_NONE)
        return ERROR_BAD_FRAMING;
    head->body = h1_start_body(body, H1_REQUEST, framing, length);
    head->body_length = length;
    return ERROR_NONE;
}

enum error_code h1_read_expectation(struct request_head *head)
{
    struct fields *fields = &head->fields;
    if (!(fields->present & FIELD_BIT(FIELD_EXPECT)))
        return ERROR_NONE;
    for (uint32_t i = 0; i < fields->count && head->minor_version > 0; i++) {
        const struct field *field = &fields->items[i];
        if (field->id == FIELD_EXPECT && !slice_equal_fold(field->value, SLICE("100-continue")))
            return ERROR_EXPECTATION;
    }
    head->expects_continue = head->minor_version > 0 && head->body != BODY_NONE;
    if (!head->expects_continue)
        (void)fields_remove(fields, FIELD_EXPECT);
    return ERROR_NONE;
}

static enum error_code read_connection(struct request_head *head, uint64_t repeated,
                                       struct arena *arena, bool *ret_keep_alive)
{
    struct h1_options options;
    if (!h1_read_options(&head->fields, &options))
        return ERROR_BAD_FIELD;
    *ret_keep_alive = h1_is_persistent(&options, head->minor_version);
    if (options.upgrade && head->minor_version > 0 && !h1_read_upgrade(head, repeated, arena))
        return ERROR_OUT_OF_MEMORY;
    return ERROR_NONE;
}

WHOLE enum error_code h1_parse_request(struct slice bytes, const struct h1_scan *scan,
                                       const struct h1_limits *limits, struct arena *arena,
                                       struct request_head *head, struct h1_body *body,
                                       bool *ret_keep_alive)
{
    ASSERT(scan->error == ERROR_NONE && scan->lines > 0);
    uint64_t repeated = 0;
    *head = (struct request_head){0};
    *ret_keep_alive = false;
    enum error_code error = read_request_line(h1_start_line(bytes, scan), limits, head);
    if (!error)
        error = h1_read_target(head, arena);
    if (!error)
        error = read_fields(h1_field_lines(bytes, scan), scan->lines - 1, head, arena, &repeated);
    if (!error)
        error = h1_read_host(head, repeated, arena);
    if (!error)
        error = read_framing(head, repeated, body);
    if (!error)
        error = h1_read_expectation(head);
    if (!error)
        error = read_connection(head, repeated, arena, ret_keep_alive);
    return error;
}
