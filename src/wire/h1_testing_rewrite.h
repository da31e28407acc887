/* For the tests and fuzzers of the HTTP/1 codec: writes a good head anew, so that it can be read
 * again and compared. */
#pragma once

#include "wire/h1_testing.h"

/* For what was written anew: it may be longer by a line of framing and one of connection. */
static const struct h1_limits H1_REWRITTEN_LIMITS = {
    .header_size = 2048, .header_count = 22, .target_length = 200};

/* Whether nothing stands in the bytes that a head or trailer section may not hold: control bytes, a
 * bare CR or LF, a line that begins with white space, an empty line before the end. */
static inline bool h1_is_clean(struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        bool line_end = byte == '\r' && i + 1 < bytes.length && bytes.data[i + 1] == '\n';
        if (line_end) {
            i++;
            bool last = i + 1 == bytes.length;
            bool blank = !last && (bytes.data[i + 1] == ' ' || bytes.data[i + 1] == '\t');
            bool early = !last && bytes.data[i + 1] == '\r' && i + 3 != bytes.length;
            if (blank || early)
                return false;
        } else if ((byte < 0x20 && byte != '\t') || byte == 0x7F) {
            return false;
        }
    }
    return slice_ends_with(bytes, SLICE("\r\n\r\n"));
}

static inline enum h1_connection h1_trial_connection(const struct h1_trial *trial,
                                                     struct slice upgrade)
{
    if (!slice_is_empty(upgrade))
        return H1_UPGRADE;
    return trial->keep_alive ? H1_KEEP_ALIVE : H1_CLOSE;
}

/* What no longer can be told from a head that was written anew goes, from both. */
static inline void h1_forget_wire(struct h1_trial *trial)
{
    trial->scan.length = 0;
    trial->request.minor_version = trial->response.minor_version = 1;
    trial->keep_alive |= trial->request.wants_upgrade; /* one that says close as well */
    if (trial->request.target_form == TARGET_ABSOLUTE)
        trial->request.target_form = TARGET_ORIGIN;
    trial->request.says_https = false;
    fields_remove_hop_by_hop(&trial->request.fields);
    (void)fields_remove(&trial->request.fields, FIELD_CONTENT_LENGTH);
    fields_remove_hop_by_hop(&trial->response.fields);
    (void)fields_remove(&trial->response.fields, FIELD_CONTENT_LENGTH);
}

/* Writes a good request anew and forgets how it came. */
static inline void h1_rewrite_request(struct h1_trial *trial, struct text *text)
{
    struct request_head *head = &trial->request;
    struct h1_write how = {.framing = trial->body.framing,
                           .length = head->body_length,
                           .announce_length = fields_find(&head->fields, FIELD_CONTENT_LENGTH),
                           .peer_minor_version = 1};
    if (head->wants_upgrade)
        how.upgrade = fields_find(&head->fields, FIELD_UPGRADE)->value;
    how.connection = h1_trial_connection(trial, how.upgrade);
    h1_forget_wire(trial);
    h1_write_request_head(text, head, &how);
    ASSERT(text_is_cut(text) || text->length <= h1_request_head_room(head, &how));
}

/* The same for a response. */
static inline void h1_rewrite_response(struct h1_trial *trial, struct text *text)
{
    struct response_head *head = &trial->response;
    bool announced = fields_find(&head->fields, FIELD_CONTENT_LENGTH) && head->status >= 200 &&
                     head->status != 204;
    struct h1_write how = {.framing = trial->body.framing,
                           .length = head->body_length,
                           .announce_length = announced,
                           .peer_minor_version = 1};
    how.connection = h1_trial_connection(trial, slice_of(NULL, 0));
    h1_forget_wire(trial);
    h1_write_response_head(text, head, &how);
    ASSERT(text_is_cut(text) || text->length <= h1_response_head_room(head, &how));
}
