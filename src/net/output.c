#include "net/output.h"

#include "base/assert.h"
#include "base/pool.h"

enum { COPY_MAX = 1024 }; /* bytes of a piece that are cheaper to copy than to send as a part */

void output_init(struct output *output, struct buffer_pools *pools)
{
    ASSERT(pools);
    output->pools = pools;
    output->scratch = NULL;
    output->scratch_used = 0;
    output->first = output->count = 0;
    output->bytes = 0;
}

static void drop_scratch(struct output *output)
{
    if (output->scratch)
        buffer_unref(output->scratch);
    output->scratch = NULL;
    output->scratch_used = 0;
}

void output_fini(struct output *output)
{
    while (output->count > 0) {
        span_clear(&output->spans[output->first]);
        output->first = (output->first + 1) % OUTPUT_SPANS;
        output->count--;
    }
    output->bytes = 0;
    drop_scratch(output);
}

bool output_reserve(struct output *output, size_t size, struct text *ret_text)
{
    ASSERT(size > 0);
    if (!output->scratch || output->scratch->capacity - output->scratch_used < size) {
        drop_scratch(output);
        output->scratch = buffer_new(output->pools, size);
        if (!output->scratch)
            return false;
    }
    *ret_text = text_over(output->scratch->data + output->scratch_used, size);
    return true;
}

/* The last span, where new bytes of the same buffer stand right behind it; else NULL. */
static struct span *adjoining(struct output *output, const struct span *span)
{
    if (output->count == 0)
        return NULL;
    struct span *last = &output->spans[(output->first + output->count - 1) % OUTPUT_SPANS];
    bool joins = last->buffer == span->buffer && last->offset + last->length == span->offset;
    return joins ? last : NULL;
}

/* A small piece goes to the end of the scratch buffer where that is what it follows: a head with
 * its body is then one part, and the kernel reads no list of them. */
static bool copy_behind_text(struct output *output, const struct span *span)
{
    if (output->count == 0 || !output->scratch || span->length > COPY_MAX ||
        output->scratch->capacity - output->scratch_used < span->length)
        return false;
    struct span end = {output->scratch, output->scratch_used, 0};
    struct span *last = adjoining(output, &end);
    if (!last)
        return false;
    memcpy(output->scratch->data + output->scratch_used, span->buffer->data + span->offset,
           span->length);
    output->scratch_used += span->length;
    last->length += span->length;
    buffer_unref(span->buffer);
    return true;
}

static void push(struct output *output, struct span span)
{
    ASSERT(output->count < OUTPUT_SPANS);
    output->spans[(output->first + output->count) % OUTPUT_SPANS] = span;
    output->count++;
}

void output_add(struct output *output, struct span span)
{
    ASSERT(!span.buffer || span.buffer != output->scratch);
    if (span.length == 0)
        return;
    output->bytes += span.length;
    if (copy_behind_text(output, &span))
        return;
    struct span *last = adjoining(output, &span);
    if (!last) {
        push(output, span);
        return;
    }
    last->length += span.length;
    buffer_unref(span.buffer);
}

void output_add_text(struct output *output, const struct text *text)
{
    ASSERT(!text_is_cut(text) && text->length > 0);
    ASSERT(text->data == output->scratch->data + output->scratch_used);
    struct span span = {output->scratch, output->scratch_used, (uint32_t)text->length};
    output->scratch_used += span.length;
    output->bytes += span.length;
    struct span *last = adjoining(output, &span);
    if (last) {
        last->length += span.length;
        return;
    }
    buffer_ref(output->scratch);
    push(output, span);
}

bool output_has_room(const struct output *output)
{
    /* A piece comes with a chunk line before it and a line end behind it, and the last chunk. */
    return output->count <= OUTPUT_SPANS - 5 && output->bytes < OUTPUT_HIGH_WATER;
}

static void drop_sent(struct output *output, size_t sent)
{
    ASSERT(sent < output->bytes);
    output->bytes -= sent;
    while (sent > 0) {
        struct span *span = &output->spans[output->first];
        size_t part = sent < span->length ? sent : span->length;
        span_skip(span, part);
        sent -= part;
        if (span->length > 0)
            break;
        output->first = (output->first + 1) % OUTPUT_SPANS;
        output->count--;
    }
}

enum io output_send(struct output *output, struct transport *transport, size_t *ret_sent)
{
    ASSERT(output->count > 0 && output->count <= OUTPUT_SPANS && output->bytes > 0);
    struct slice parts[OUTPUT_SPANS];
    for (uint32_t i = 0; i < output->count; i++)
        parts[i] = span_slice(&output->spans[(output->first + i) % OUTPUT_SPANS]);
    enum io io = transport_send(transport, parts, output->count, ret_sent);
    if (*ret_sent == output->bytes)
        output_fini(output);
    else
        drop_sent(output, *ret_sent);
    return io;
}
