/* What the files of the HTTP/1 codec share, and nobody else uses. */
#pragma once

#include "base/assert.h"
#include "wire/h1.h"

/* Of a head that was scanned the start line without its CRLF, and the field lines with theirs. */
static inline struct slice h1_start_line(struct slice bytes, const struct h1_scan *scan)
{
    ASSERT(scan->start + 2 <= scan->fields && scan->fields <= bytes.length);
    return slice_of(bytes.data + scan->start, scan->fields - 2 - scan->start);
}

static inline struct slice h1_field_lines(struct slice bytes, const struct h1_scan *scan)
{
    ASSERT(scan->fields + 2 <= scan->length && scan->length <= bytes.length);
    return slice_of(bytes.data + scan->fields, scan->length - 2 - scan->fields);
}

/* Reads lines that were scanned, so that only line ends and HTAB are left of control bytes, into
 * `fields`, which has the room. `ret_repeated` has the bits of known fields that came more than
 * once. False: malformed. */
bool h1_read_field_lines(struct slice lines, struct fields *fields, uint64_t *ret_repeated);

/* `HTTP/` digit `.` digit. False: malformed. */
bool h1_read_version(struct slice text, unsigned *ret_major, unsigned *ret_minor);

enum h1_framing_verdict { H1_FRAMED, H1_AMBIGUOUS, H1_UNKNOWN_CODING };

/* Decides how the body is delimited (RFC 9112 6.3), `otherwise` where no field says it. A length of
 * zero is H1_FRAMING_NONE. */
enum h1_framing_verdict h1_decide_framing(const struct fields *fields, uint64_t repeated,
                                          unsigned minor_version, enum h1_framing otherwise,
                                          enum h1_framing *ret_framing, uint64_t *ret_length);

/* The body reader and the version-neutral kind for a framing. */
enum body_kind h1_start_body(struct h1_body *body, enum h1_side side, enum h1_framing framing,
                             uint64_t length);

/* What Connection says (RFC 9110 7.6.1). */
struct h1_options {
    bool close, keep_alive, upgrade;
    uint32_t count; /* of elements */
};

/* False: an element is no token, or there are more than anybody needs. Empty elements are passed
 * over. */
bool h1_read_options(const struct fields *fields, struct h1_options *ret_options);

bool h1_is_persistent(const struct h1_options *options, unsigned minor_version);

/* Cuts the next element that is not empty off a list (RFC 9110 5.6.1). False at the end. */
bool h1_next_element(struct slice *rest, struct slice *ret_element);

bool h1_is_token(struct slice text);

/* Takes the target apart; in `head`, target_form, target, path, query and, of the absolute form,
 * the authority. `head->target` holds what stood in the request line. */
enum error_code h1_read_target(struct request_head *head, struct arena *arena);

/* Where a head has its authority: the target's, else Host; Host then says the same. */
enum error_code h1_read_host(struct request_head *head, uint64_t repeated, struct arena *arena);

/* What Expect says (RFC 9110 10.1.1). Comes behind the framing: without a body there is nothing to
 * wait for. */
enum error_code h1_read_expectation(struct request_head *head);

/* Sets `wants_upgrade` and leaves in Upgrade, in one line, the protocols that may be asked for.
 * False: no memory. */
bool h1_read_upgrade(struct request_head *head, uint64_t repeated, struct arena *arena);
