/* What waits to be sent over one transport: spans in their order, gathered over one turn and sent
 * with one call. Heads and chunk lines are written into a scratch buffer of its own; a head may
 * begin a *draft*, which lies in the loop's outbox, so that with what little follows it it is where
 * it leaves from. The caller asks `output_has_room` before it reads more to send: so a slow reader
 * bounds what we hold. */
#pragma once

#include "base/text.h"
#include "net/transport.h"

enum {
    OUTPUT_SPANS = 32,
    OUTPUT_HIGH_WATER = 256 * 1024, /* bytes; above it nothing more is read for this output */
};

struct output {
    struct buffer_pools *pools;
    struct outbox *outbox;             /* has its draft; NULL: there is none */
    uint32_t drafted;                  /* bytes of it, before all spans */
    struct buffer *scratch;            /* one reference, besides those of its spans */
    uint32_t text_start, scratch_used; /* of it: the text that goes behind all spans */
    uint32_t first, count;             /* of `spans` */
    size_t bytes;                      /* in the draft, in all spans, and in that text */
    struct span spans[OUTPUT_SPANS];
};

void output_init(struct output *output, struct buffer_pools *pools);

/* Drops what is there: draft, spans, text, scratch buffer. */
void output_drop(struct output *output);

/* Drops what was not sent. */
static inline void output_fini(struct output *output)
{
    if (output->count > 0 || output->scratch || output->outbox)
        output_drop(output);
}

/* How many parts it is sent in: at most OUTPUT_SPANS, where output_has_room was asked. */
static inline uint32_t output_parts(const struct output *output)
{
    return (output->outbox != NULL) + output->count + (output->text_start < output->scratch_used);
}

/* Begins the draft with what is first, if it can be over that transport: a text with room for some
 * thousand bytes, to be written at once and handed to output_draft_text. */
bool output_begin_draft(struct output *output, const struct transport *transport,
                        struct text *ret_text);

/* False: the text was cut; nothing was added, and there is no draft. */
bool output_draft_text(struct output *output, const struct text *text);

/* Room for a text of `size` bytes, to be written at once and handed to output_add_text. False: no
 * memory. */
bool output_reserve(struct output *output, size_t size, struct text *ret_text);
void output_add_text(struct output *output, const struct text *text);

/* How much of the scratch buffer a text gets without a new one. */
static inline size_t output_scratch_room(const struct output *output)
{
    return output->scratch ? output->scratch->capacity - output->scratch_used : 0;
}

/* Takes over the span. */
void output_add(struct output *output, struct span span);

/* Whether more may be added: there are spans free for a piece with what frames it, and less than
 * the high water in bytes. */
bool output_has_room(const struct output *output);

static inline bool output_is_empty(const struct output *output)
{
    return output->bytes == 0;
}

/* Of an output that is not empty. */
enum io output_send(struct output *output, struct transport *transport, size_t *ret_sent);

/* Sends. IO_DONE: all is gone; IO_PENDING: news will come; IO_FAILED. `*ret_sent` counts bytes. */
static inline enum io output_flush(struct output *output, struct transport *transport,
                                   size_t *ret_sent)
{
    *ret_sent = 0;
    return output_is_empty(output) ? IO_DONE : output_send(output, transport, ret_sent);
}
