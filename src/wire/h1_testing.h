/* For the tests and fuzzers of the HTTP/1 codec: feeds a message in pieces, and tells in words what
 * became of it, so that two ways to feed the same bytes can be compared, and expectations written.
 * Each piece is shown to the codec in memory of exactly its size: a read beyond it is found. */
#pragma once

#include "base/arena.h"
#include "base/assert.h"
#include "wire/h1.h"

#include <stdlib.h>

static const struct h1_limits H1_TESTING_LIMITS = {
    .header_size = 1024, .header_count = 20, .target_length = 200};

enum { H1_TESTING_ARENA = 1024 * 1024 };

/* Ends of the pieces, rising; the last is the end of the bytes. */
struct h1_cuts {
    const size_t *ends;
    size_t count;
};

/* A head on its way through the codec, with all that it stands on. */
struct h1_trial {
    struct arena arena;
    char *copy; /* of the bytes that were scanned last */
    struct h1_scan scan;
    enum h1_progress progress;
    enum error_code error; /* of the scan or of the reading */
    struct request_head request;
    struct response_head response;
    struct h1_body body;
    bool keep_alive;
};

/* What became of a message: an error's name, `MORE`, or `ok`, then facts, one word each. */
struct h1_outcome {
    struct text text;
    char memory[32 * 1024];
};

/* A copy in memory of its own and of exactly the size; to be freed. */
static inline char *h1_exact_copy(struct slice bytes)
{
    char *memory = malloc(bytes.length ? bytes.length : 1);
    ASSERT(memory);
    if (bytes.length)
        memcpy(memory, bytes.data, bytes.length);
    return memory;
}

static inline void h1_trial_scan(struct h1_trial *trial, struct slice bytes, struct h1_cuts cuts,
                                 const struct h1_limits *limits, enum h1_side side)
{
    *trial = (struct h1_trial){.progress = H1_MORE};
    arena_init(&trial->arena, NULL, H1_TESTING_ARENA);
    for (size_t i = 0; i < cuts.count && trial->progress == H1_MORE; i++) {
        free(trial->copy);
        trial->copy = h1_exact_copy(slice_until(bytes, cuts.ends[i]));
        trial->progress =
            h1_scan_head(slice_of(trial->copy, cuts.ends[i]), limits, side, &trial->scan);
    }
    trial->error = trial->scan.error;
}

static inline void h1_trial_request(struct h1_trial *trial, struct slice bytes, struct h1_cuts cuts,
                                    const struct h1_limits *limits)
{
    h1_trial_scan(trial, bytes, cuts, limits, H1_REQUEST);
    if (trial->progress == H1_COMPLETE)
        trial->error =
            h1_parse_request(slice_of(trial->copy, trial->scan.length), &trial->scan, limits,
                             &trial->arena, &trial->request, &trial->body, &trial->keep_alive);
}

static inline void h1_trial_response(struct h1_trial *trial, struct slice bytes,
                                     struct h1_cuts cuts, const struct h1_limits *limits,
                                     enum method method)
{
    h1_trial_scan(trial, bytes, cuts, limits, H1_RESPONSE);
    if (trial->progress == H1_COMPLETE)
        trial->error = h1_parse_response(slice_of(trial->copy, trial->scan.length), &trial->scan,
                                         limits, &trial->arena, method, &trial->response,
                                         &trial->body, &trial->keep_alive);
}

static inline bool h1_trial_is_good(const struct h1_trial *trial)
{
    return trial->progress == H1_COMPLETE && trial->error == ERROR_NONE;
}

static inline void h1_trial_fini(struct h1_trial *trial)
{
    arena_fini(&trial->arena);
    free(trial->copy);
}

static inline void h1_outcome_init(struct h1_outcome *outcome)
{
    outcome->text = text_over(outcome->memory, sizeof(outcome->memory));
}

/* White space in a value becomes `_`. */
static inline void h1_outcome_add_value(struct h1_outcome *outcome, struct slice value)
{
    for (size_t i = 0; i < value.length; i++) {
        bool blank = value.data[i] == ' ' || value.data[i] == '\t';
        text_add_byte(&outcome->text, blank ? '_' : value.data[i]);
    }
}

static inline void h1_outcome_add(struct h1_outcome *outcome, const char *name, struct slice value)
{
    text_print(&outcome->text, " %s=", name);
    h1_outcome_add_value(outcome, value);
}

static inline void h1_outcome_add_number(struct h1_outcome *outcome, const char *name,
                                         uint64_t number)
{
    text_print(&outcome->text, " %s=", name);
    text_add_number(&outcome->text, number);
}

/* Each as `Name:value`. */
static inline void h1_outcome_add_fields(struct h1_outcome *outcome, const struct fields *fields)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->items[i];
        if (slice_is_empty(field->name))
            continue;
        ASSERT(field->id == field_name_find(field->name));
        ASSERT(fields->present & FIELD_BIT(field->id));
        text_add_byte(&outcome->text, ' ');
        text_add(&outcome->text, field->name);
        text_add_byte(&outcome->text, ':');
        h1_outcome_add_value(outcome, field->value);
    }
}

/* What both sides have; false where that is all. */
static inline bool h1_outcome_begin(struct h1_outcome *outcome, const struct h1_trial *trial)
{
    static const char *const FRAMINGS[] = {"none", "counted", "chunked", "close"};
    h1_outcome_init(outcome);
    if (trial->error)
        text_add(&outcome->text, slice_from_text(error_name(trial->error)));
    else if (trial->progress == H1_MORE)
        text_add(&outcome->text, SLICE("MORE"));
    else
        text_print(&outcome->text, "ok body=%s %s head=%u", FRAMINGS[trial->body.framing],
                   trial->keep_alive ? "stays" : "closes", trial->scan.length);
    return h1_trial_is_good(trial);
}

static inline void h1_describe_request(struct h1_outcome *outcome, const struct h1_trial *trial)
{
    static const char *const FORMS[] = {"origin", "absolute", "asterisk"};
    const struct request_head *head = &trial->request;
    if (!h1_outcome_begin(outcome, trial))
        return;
    text_print(&outcome->text, " form=%s", FORMS[head->target_form]);
    h1_outcome_add(outcome, "method", head->method_text);
    h1_outcome_add(outcome, "target", head->target);
    h1_outcome_add(outcome, "path", head->path);
    if (head->has_query)
        h1_outcome_add(outcome, "query", head->query);
    h1_outcome_add(outcome, "authority", head->authority);
    h1_outcome_add(outcome, "host", head->host);
    h1_outcome_add_number(outcome, "port", head->port);
    h1_outcome_add_number(outcome, "minor", head->minor_version);
    h1_outcome_add_number(outcome, "length", head->body_length);
    text_add(&outcome->text, head->expects_continue ? SLICE(" expects") : SLICE(""));
    text_add(&outcome->text, head->wants_upgrade ? SLICE(" upgrades") : SLICE(""));
    text_add(&outcome->text, head->says_https ? SLICE(" https") : SLICE(""));
    h1_outcome_add_fields(outcome, &head->fields);
}

static inline void h1_describe_response(struct h1_outcome *outcome, const struct h1_trial *trial)
{
    const struct response_head *head = &trial->response;
    if (!h1_outcome_begin(outcome, trial))
        return;
    h1_outcome_add_number(outcome, "status", head->status);
    h1_outcome_add(outcome, "reason", head->reason);
    h1_outcome_add_number(outcome, "minor", head->minor_version);
    h1_outcome_add_number(outcome, "length", head->body_length);
    h1_outcome_add_fields(outcome, &head->fields);
}
