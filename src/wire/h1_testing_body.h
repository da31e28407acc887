/* For the tests and fuzzers of the HTTP/1 codec: feeds a chunked body with its trailer section. */
#pragma once

#include "wire/h1_testing.h"

/* A chunked body on its way. */
struct h1_body_trial {
    struct h1_body body;
    struct h1_scan scan; /* of the trailer section */
    size_t consumed;
    enum h1_body_event event;
    enum h1_progress progress; /* through the trailer section */
    struct text data;
    char memory[16 * 1024];
};

static inline void h1_body_trial_init(struct h1_body_trial *trial, enum h1_side side)
{
    trial->body = (struct h1_body){.framing = H1_FRAMING_CHUNKED, .side = (uint8_t)side};
    trial->scan = (struct h1_scan){0};
    trial->consumed = 0;
    trial->event = H1_BODY_MORE;
    trial->progress = H1_MORE;
    trial->data = text_over(trial->memory, sizeof(trial->memory));
}

/* `bytes` is all that came up to now. */
static inline void h1_body_trial_read(struct h1_body_trial *trial, struct slice bytes)
{
    do {
        struct slice rest = slice_from(bytes, trial->consumed), piece = {0};
        size_t consumed = 0;
        trial->event = h1_read_body(&trial->body, rest, &consumed, &piece);
        ASSERT(consumed <= rest.length && trial->event != H1_BODY_END);
        ASSERT(trial->event != H1_BODY_MORE || consumed == rest.length);
        ASSERT(!h1_body_may_end_here(&trial->body));
        trial->consumed += consumed;
        if (trial->event == H1_BODY_PIECE) {
            ASSERT(piece.length > 0 && piece.data + piece.length == rest.data + consumed);
            text_add(&trial->data, piece);
        }
    } while (trial->event == H1_BODY_PIECE);
}

static inline void h1_describe_trailers(struct h1_outcome *outcome,
                                        const struct h1_body_trial *trial, struct slice section)
{
    struct arena arena;
    struct fields trailers;
    arena_init(&arena, NULL, H1_TESTING_ARENA);
    enum error_code error =
        h1_parse_trailers(section, &trial->scan, trial->body.side, &arena, &trailers);
    text_add(&outcome->text, error ? slice_from_text(error_name(error)) : SLICE("ok"));
    h1_outcome_add_number(outcome, "end", trial->consumed + trial->scan.length);
    if (!error)
        h1_outcome_add_fields(outcome, &trailers);
    arena_fini(&arena);
}

/* Sees a chunked body with its trailer section through the codec. */
static inline void h1_feed_body(struct h1_body_trial *trial, struct slice bytes,
                                struct h1_cuts cuts, enum h1_side side, struct h1_outcome *outcome)
{
    h1_body_trial_init(trial, side);
    h1_outcome_init(outcome);
    bool over = false;
    for (size_t i = 0; i < cuts.count && !over; i++) {
        char *copy = h1_exact_copy(slice_until(bytes, cuts.ends[i]));
        h1_body_trial_read(trial, slice_of(copy, cuts.ends[i]));
        struct slice rest = slice_of(copy + trial->consumed, cuts.ends[i] - trial->consumed);
        if (trial->event == H1_BODY_TRAILERS)
            trial->progress = h1_scan_trailers(rest, &H1_TESTING_LIMITS, side, &trial->scan);
        over = trial->event == H1_BODY_BAD || trial->progress != H1_MORE;
        if (trial->event == H1_BODY_BAD)
            text_add(&outcome->text, slice_from_text(error_name(trial->body.error)));
        else if (trial->progress == H1_BAD)
            text_add(&outcome->text, slice_from_text(error_name(trial->scan.error)));
        else if (trial->progress == H1_COMPLETE)
            h1_describe_trailers(outcome, trial, rest);
        free(copy);
    }
    if (!over)
        text_add(&outcome->text, SLICE("MORE"));
    h1_outcome_add(outcome, "data", text_slice(&trial->data));
}
