/* The search for the end of a head goes from one control byte to the next: in a good head these are
 * its line ends and now and then a tab. So one pass finds the lines and refuses all that no line
 * may hold, whatever its place. Every verdict follows from a prefix of the bytes alone; therefore
 * it is the same however they arrive. */
#include "base/assert.h"
#include "base/cold.h"
#include "wire/h1_find.h"
#include "wire/h1_int.h"

enum { METHOD_LENGTH_MAX = 64 };

/* Where a search for the end of a line stopped. */
enum stop {
    STOP_LINE_END, /* at a CRLF */
    STOP_SHORT,    /* where the bytes end */
    STOP_BAD,      /* at what no line may hold */
};

/* Looks from `*at` on, past tabs, and leaves there where it stopped. `end` may lie before `*at`:
 * limits may have been lowered since the last call. */
static inline enum stop find_line_end(const char *begin, const char **at, const char *end)
{
    for (;; (*at)++) {
        *at = h1_find_control(begin, *at, end);
        if (end - *at >= 2 && memcmp(*at, "\r\n", 2) == 0)
            return STOP_LINE_END;
        if (*at >= end || (**at == '\r' && *at + 1 == end))
            return STOP_SHORT;
        if (**at != '\t')
            return STOP_BAD;
    }
}

COLD static enum h1_progress refuse(struct h1_scan *scan, enum error_code error)
{
    scan->error = error;
    return H1_BAD;
}

COLD static enum error_code malformed(enum h1_side side, bool start_line)
{
    if (side == H1_REQUEST)
        return start_line ? ERROR_BAD_REQUEST_LINE : ERROR_BAD_FIELD;
    return start_line ? ERROR_BAD_RESPONSE_LINE : ERROR_BAD_RESPONSE_FIELD;
}

/* A request line that will never be good is refused before it is complete. `line` is what came of
 * it so far. */
static enum error_code check_request_line(struct slice line, const struct h1_limits *limits)
{
    if (line.length <= METHOD_LENGTH_MAX && line.length <= limits->target_length)
        return ERROR_NONE;
    size_t space = slice_find(slice_until(line, METHOD_LENGTH_MAX + 1), ' ');
    if (space > METHOD_LENGTH_MAX)
        return ERROR_BAD_REQUEST_LINE;
    struct slice target = slice_from(line, space + 1);
    if (target.length <= limits->target_length)
        return ERROR_NONE;
    target = slice_until(target, (size_t)limits->target_length + 1);
    return slice_find(target, ' ') == target.length ? ERROR_TARGET_TOO_LONG : ERROR_NONE;
}

/* The same for a status line: a server of another protocol may never end its line, and would be
 * waited for. */
static bool may_become_status_line(struct slice line)
{
    const struct slice begin = SLICE("HTTP/");
    return slice_starts_with(line, begin) || slice_starts_with(begin, line);
}

/* Whoever speaks another protocol is told at once, not when the head should have ended. */
static bool may_be_start_line(struct slice line, enum h1_side side)
{
    const size_t version = sizeof("HTTP/1.1") - 1;
    if (side == H1_REQUEST)
        line = slice_from(line, line.length > version ? line.length - version : line.length);
    return slice_starts_with(line, SLICE("HTTP/"));
}

/* Nothing was found in all that may be looked at. */
COLD static enum h1_progress ask_for_more(struct slice bytes, const struct h1_limits *limits,
                                          enum h1_side side, struct h1_scan *scan)
{
    if (bytes.length < (size_t)scan->start + limits->header_size)
        return H1_MORE;
    return refuse(scan, side == H1_REQUEST ? ERROR_HEAD_TOO_LARGE : ERROR_RESPONSE_HEAD_TOO_LARGE);
}

/* Where what may be looked at ends; an empty line before a request does not count. */
static const char *visible_end(struct slice bytes, const struct h1_limits *limits,
                               const struct h1_scan *scan)
{
    size_t limit = (size_t)scan->start + limits->header_size;
    return bytes.data + (bytes.length < limit ? bytes.length : limit);
}

/* H1_COMPLETE: the start line is. RFC 9112 2.2: one empty line before a request is forgiven. */
static enum h1_progress scan_start_line(struct slice bytes, const struct h1_limits *limits,
                                        enum h1_side side, struct h1_scan *scan)
{
    struct slice line = {0};
    while (slice_is_empty(line)) {
        const char *at = bytes.data + scan->seen;
        enum stop stop = find_line_end(bytes.data, &at, visible_end(bytes, limits, scan));
        scan->seen = (uint32_t)(at - bytes.data);
        line = slice_of(bytes.data + scan->line, scan->seen - scan->line);
        enum error_code error = ERROR_NONE;
        if (side == H1_REQUEST)
            error = check_request_line(line, limits);
        else if (!may_become_status_line(line))
            error = malformed(side, true);
        if (error)
            return refuse(scan, error);
        if (stop == STOP_SHORT)
            return ask_for_more(bytes, limits, side, scan);
        bool forgiven = slice_is_empty(line) && side == H1_REQUEST && scan->start == 0;
        if (stop == STOP_BAD || (slice_is_empty(line) && !forgiven))
            return refuse(scan, malformed(side, true));
        scan->line = scan->seen = scan->seen + 2;
        if (forgiven)
            scan->start = scan->line;
    }
    if (!may_be_start_line(line, side))
        return refuse(scan, malformed(side, true));
    scan->lines = 1;
    scan->fields = scan->line;
    return H1_COMPLETE;
}

/* Field lines and the empty line behind them. A part of what scans heads: trailers are rare. */
__attribute__((always_inline)) static inline enum h1_progress
scan_field_lines(struct slice bytes, const struct h1_limits *limits, enum h1_side side,
                 uint32_t lines_max, struct h1_scan *scan)
{
    const char *at = bytes.data + scan->seen, *line = bytes.data + scan->line;
    const char *end = visible_end(bytes, limits, scan);
    uint32_t lines = scan->lines;
    enum stop stop;
    while ((stop = find_line_end(bytes.data, &at, end)) == STOP_LINE_END && at > line) {
        if (++lines > lines_max)
            return refuse(scan, side == H1_REQUEST ? ERROR_TOO_MANY_FIELDS
                                                   : ERROR_RESPONSE_HEAD_TOO_LARGE);
        line = at = at + 2;
    }
    scan->lines = lines;
    scan->line = (uint32_t)(line - bytes.data);
    scan->seen = (uint32_t)(at - bytes.data);
    if (stop == STOP_SHORT)
        return ask_for_more(bytes, limits, side, scan);
    if (stop == STOP_BAD)
        return refuse(scan, malformed(side, false));
    scan->length = scan->line + 2;
    return H1_COMPLETE;
}

enum h1_progress h1_scan_head(struct slice bytes, const struct h1_limits *limits, enum h1_side side,
                              struct h1_scan *scan)
{
    ASSERT(scan->error == ERROR_NONE && scan->length == 0);
    if (bytes.length == 0)
        return H1_MORE; /* and `data` may be NULL, which has no places behind it */
    if (scan->lines == 0) {
        enum h1_progress progress = scan_start_line(bytes, limits, side, scan);
        if (progress != H1_COMPLETE)
            return progress;
    }
    return scan_field_lines(bytes, limits, side, limits->header_count + 1, scan);
}

COLD enum h1_progress h1_scan_trailers(struct slice bytes, const struct h1_limits *limits,
                                       enum h1_side side, struct h1_scan *scan)
{
    ASSERT(scan->error == ERROR_NONE && scan->length == 0);
    if (bytes.length == 0)
        return H1_MORE;
    return scan_field_lines(bytes, limits, side, limits->header_count, scan);
}
