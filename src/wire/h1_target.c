/* Whom a request is for: its target (RFC 9112 3.2) and its Host field. */
#include "base/arena.h"
#include "base/assert.h"
#include "http/byte_class.h"
#include "http/uri.h"
#include "wire/h1_int.h"

/* Position behind the path that begins at `at`: the end of the target or its `?`. NULL: a raw
 * backslash, a malformed escape, or a byte of no path. */
static const char *path_end(const char *at, const char *end)
{
    while (at < end && *at != '?') {
        if (byte_is(*at, BYTE_PATH)) {
            at++;
            continue;
        }
        if (*at != '%' || end - at < 3 || !byte_is(at[1], BYTE_HEX) || !byte_is(at[2], BYTE_HEX))
            return NULL;
        at += 3;
    }
    return at;
}

/* `target` is path and query. */
static enum error_code read_path(struct request_head *head, struct slice target)
{
    const char *end = target.data + target.length;
    const char *query = path_end(target.data, end);
    if (!query)
        return ERROR_BAD_TARGET;
    head->target = target;
    head->path = slice_until(target, (size_t)(query - target.data));
    head->has_query = query < end;
    head->query = slice_from(target, head->path.length + 1);
    return bytes_are(head->query, BYTE_VISIBLE) ? ERROR_NONE : ERROR_BAD_TARGET;
}

static enum error_code read_asterisk(struct request_head *head)
{
    if (head->method != METHOD_OPTIONS)
        return ERROR_BAD_TARGET;
    head->target_form = TARGET_ASTERISK;
    head->target = SLICE("*");
    return ERROR_NONE;
}

/* Length of `http://` or `https://` at the beginning; 0: another scheme or none. */
static size_t scheme_length(struct slice target)
{
    if (slice_equal_fold(slice_until(target, 7), SLICE("http://")))
        return 7;
    return slice_equal_fold(slice_until(target, 8), SLICE("https://")) ? 8 : 0;
}

/* `rest` is what follows the authority: nothing, or from `/` or `?` on. */
static enum error_code read_absolute_rest(struct request_head *head, struct slice rest,
                                          struct arena *arena)
{
    if (!slice_is_empty(rest) && rest.data[0] == '/')
        return read_path(head, rest);
    /* RFC 9112 3.2.4: without a path it is the server as a whole that OPTIONS asks. */
    if (slice_is_empty(rest) && head->method == METHOD_OPTIONS)
        return read_asterisk(head);
    const struct slice parts[] = {SLICE("/"), rest};
    struct slice target = arena_join(arena, parts, 2);
    return target.data ? read_path(head, target) : ERROR_OUT_OF_MEMORY;
}

__attribute__((noinline)) static enum error_code read_absolute(struct request_head *head,
                                                               struct arena *arena)
{
    size_t scheme = scheme_length(head->target);
    if (scheme == 0)
        return ERROR_BAD_TARGET;
    struct slice rest = slice_from(head->target, scheme);
    size_t end = 0;
    while (end < rest.length && rest.data[end] != '/' && rest.data[end] != '?')
        end++;
    struct slice authority = slice_until(rest, end);
    if (!authority_parse(authority, &head->host, &head->port))
        return ERROR_BAD_TARGET;
    head->target_form = TARGET_ABSOLUTE;
    head->says_https = scheme == SLICE("https://").length;
    head->authority = authority;
    return read_absolute_rest(head, slice_from(rest, end), arena);
}

enum error_code h1_read_target(struct request_head *head, struct arena *arena)
{
    ASSERT(head->target.length > 0);
    if (head->method == METHOD_CONNECT)
        return ERROR_METHOD_REFUSED;
    if (head->target.data[0] == '/')
        return read_path(head, head->target);
    if (slice_equal(head->target, SLICE("*")))
        return read_asterisk(head);
    return read_absolute(head, arena);
}

/* Host as the target's authority says it; the field is added where HTTP/1.0 left it out. */
__attribute__((noinline)) static enum error_code set_host(struct request_head *head,
                                                          struct arena *arena)
{
    bool set =
        fields_set(&head->fields, arena, FIELD_HOST, field_name_text(FIELD_HOST), head->authority);
    return set ? ERROR_NONE : ERROR_OUT_OF_MEMORY;
}

enum error_code h1_read_host(struct request_head *head, uint64_t repeated, struct arena *arena)
{
    const struct field *field = fields_find(&head->fields, FIELD_HOST);
    bool in_target = !slice_is_empty(head->authority);
    struct slice host;
    uint16_t port = 0;
    if (repeated & FIELD_BIT(FIELD_HOST))
        return ERROR_BAD_HOST;
    if (!field && head->minor_version > 0)
        return ERROR_BAD_HOST;
    if (field && !authority_parse(field->value, &host, &port))
        return ERROR_BAD_HOST;
    if (in_target)
        return set_host(head, arena);
    if (field) {
        head->authority = field->value;
        head->host = host;
        head->port = port;
    }
    return ERROR_NONE;
}
