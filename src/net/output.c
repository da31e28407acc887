#include "net/output.h"

#include "base/assert.h"
#include "base/pool.h"
#include "loop/outbox.h"

enum { COPY_MAX = 1024 }; /* bytes of a piece that are cheaper to copy than to send as a part */

void output_init(struct output *output, struct buffer_pools *pools)
{
    ASSERT(pools);
    output->pools = pools;
    output->outbox = NULL;
    output->drafted = 0;
    output->scratch = NULL;
    output->text_start = output->scratch_used = 0;
    output->first = output->count = 0;
    output->bytes = 0;
}

static void let_go_scratch(struct output *output)
{
    output->scratch = NULL;
    output->text_start = output->scratch_used = 0;
}

static void drop_draft(struct output *output)
{
    outbox_end_draft(output->outbox, 0);
    output->outbox = NULL;
    output->drafted = 0;
}

void output_drop(struct output *output)
{
    if (output->outbox)
        drop_draft(output);
    while (output->count > 0) {
        span_clear(&output->spans[output->first]);
        output->first = (output->first + 1) % OUTPUT_SPANS;
        output->count--;
    }
    output->bytes = 0;
    if (output->scratch)
        buffer_unref(output->scratch);
    let_go_scratch(output);
}

static void push(struct output *output, struct span span)
{
    ASSERT(output->count < OUTPUT_SPANS);
    output->spans[(output->first + output->count) % OUTPUT_SPANS] = span;
    output->count++;
}

static struct span text_of(const struct output *output)
{
    return (struct span){output->scratch, output->text_start,
                         output->scratch_used - output->text_start};
}

/* Something follows the text. */
static void push_text(struct output *output)
{
    buffer_ref(output->scratch);
    push(output, text_of(output));
    output->text_start = output->scratch_used;
}

/* Nothing more is written into the scratch buffer; its text, if any, takes over the reference. */
static void leave_scratch(struct output *output)
{
    struct span text = text_of(output);
    if (text.length > 0)
        push(output, text);
    else
        buffer_unref(output->scratch);
    let_go_scratch(output);
}

/* ---- the draft */

bool output_begin_draft(struct output *output, const struct transport *transport,
                        struct text *ret_text)
{
    if (!output_is_empty(output) || output->scratch || !transport_takes_draft(transport))
        return false;
    struct outbox *outbox = loop_outbox(transport->socket.loop);
    if (!outbox_begin_draft(outbox))
        return false;
    output->outbox = outbox;
    *ret_text = (struct text){.data = outbox_draft(outbox), .capacity = OUTBOX_ITEM_MAX};
    return true;
}

bool output_draft_text(struct output *output, const struct text *text)
{
    ASSERT(output->outbox && output->drafted == 0);
    if (text_is_cut(text)) {
        drop_draft(output);
        return false;
    }
    ASSERT(text->length > 0 && text->data == outbox_draft(output->outbox));
    output->drafted = (uint32_t)text->length;
    output->bytes += text->length;
    return true;
}

/* Whether the draft is all there is, so that it may go on. */
static bool is_draft(const struct output *output)
{
    return output->outbox && output->count == 0 && !output->scratch;
}

static char *draft_end(const struct output *output)
{
    return outbox_draft(output->outbox) + output->drafted;
}

static size_t draft_room(const struct output *output)
{
    return OUTBOX_ITEM_MAX - output->drafted;
}

/* ---- texts and spans */

bool output_reserve(struct output *output, size_t size, struct text *ret_text)
{
    ASSERT(size > 0);
    if (is_draft(output) && draft_room(output) >= size) {
        *ret_text = text_over(draft_end(output), size);
        return true;
    }
    if (output->scratch && output_scratch_room(output) < size)
        leave_scratch(output);
    if (!output->scratch) {
        output->scratch = buffer_new(output->pools, size);
        if (!output->scratch)
            return false;
    }
    *ret_text = text_over(output->scratch->data + output->scratch_used, size);
    return true;
}

void output_add_text(struct output *output, const struct text *text)
{
    ASSERT(!text_is_cut(text) && text->length > 0);
    output->bytes += text->length;
    if (is_draft(output)) {
        ASSERT(text->data == draft_end(output));
        output->drafted += (uint32_t)text->length;
        return;
    }
    ASSERT(text->data == output->scratch->data + output->scratch_used);
    output->scratch_used += (uint32_t)text->length;
}

/* A small piece goes to the end of the text that it follows: a head with its body is then one part,
 * and the kernel reads no list of them. */
static bool copy_behind_text(struct output *output, const struct span *span)
{
    if (span->length > COPY_MAX)
        return false;
    char *to = NULL;
    if (is_draft(output) && draft_room(output) >= span->length) {
        to = draft_end(output);
        output->drafted += span->length;
    } else if (output->text_start < output->scratch_used &&
               output_scratch_room(output) >= span->length) {
        to = output->scratch->data + output->scratch_used;
        output->scratch_used += span->length;
    }
    if (!to)
        return false;
    memcpy(to, span->buffer->data + span->offset, span->length);
    buffer_unref(span->buffer);
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

static void add_uncopied(struct output *output, struct span span)
{
    if (output->text_start < output->scratch_used)
        push_text(output);
    struct span *last = adjoining(output, &span);
    if (!last) {
        push(output, span);
        return;
    }
    last->length += span.length;
    buffer_unref(span.buffer);
}

void output_add(struct output *output, struct span span)
{
    ASSERT(!span.buffer || span.buffer != output->scratch);
    if (span.length == 0)
        return;
    output->bytes += span.length;
    if (!copy_behind_text(output, &span))
        add_uncopied(output, span);
}

bool output_has_room(const struct output *output)
{
    /* A piece comes with a chunk line before it and a line end behind it, and the last chunk. */
    return output->count <= OUTPUT_SPANS - 5 && output->bytes < OUTPUT_HIGH_WATER;
}

/* The draft becomes the first span: it has not gone, and others are to have its place. False: no
 * memory. */
static bool leave_draft(struct output *output)
{
    ASSERT(output->count < OUTPUT_SPANS);
    struct buffer *buffer = buffer_new(output->pools, output->drafted);
    if (!buffer)
        return false;
    memcpy(buffer->data, outbox_draft(output->outbox), output->drafted);
    output->first = (output->first + OUTPUT_SPANS - 1) % OUTPUT_SPANS;
    output->spans[output->first] = span_take_buffer(buffer, output->drafted);
    output->count++;
    drop_draft(output);
    return true;
}

static void drop_sent(struct output *output, size_t sent)
{
    ASSERT(sent < output->bytes);
    output->bytes -= sent;
    while (sent > 0 && output->count > 0) {
        struct span *span = &output->spans[output->first];
        size_t part = sent < span->length ? sent : span->length;
        span_skip(span, part);
        sent -= part;
        if (span->length > 0)
            return;
        output->first = (output->first + 1) % OUTPUT_SPANS;
        output->count--;
    }
    ASSERT(sent == 0 || sent < output->scratch_used - output->text_start);
    output->text_start += (uint32_t)sent;
}

/* As the system takes it. IO_FAILED is also that there is no memory. Not inlined: what goes at once
 * need not pay for the guard of its frame. */
__attribute__((noinline)) static enum io send_parts(struct output *output,
                                                    struct transport *transport, size_t *ret_sent)
{
    ASSERT(output_parts(output) <= OUTPUT_SPANS);
    struct slice parts[OUTPUT_SPANS];
    uint32_t count = 0;
    if (output->outbox)
        parts[count++] = slice_of(outbox_draft(output->outbox), output->drafted);
    for (uint32_t i = 0; i < output->count; i++)
        parts[count++] = span_slice(&output->spans[(output->first + i) % OUTPUT_SPANS]);
    struct span text = text_of(output);
    if (text.length > 0)
        parts[count++] = span_slice(&text);
    enum io io = transport_send(transport, parts, count, ret_sent);
    bool is_all = *ret_sent == output->bytes;
    bool is_lost = !is_all && output->outbox && !leave_draft(output);
    if (is_all || is_lost)
        output_drop(output);
    else
        drop_sent(output, *ret_sent);
    return is_lost ? IO_FAILED : io;
}

/* A text, where that is all there is. */
static bool put_text(struct output *output, struct transport *transport)
{
    struct span text = text_of(output);
    if (output->outbox || output->count > 0 || !transport_put(transport, span_slice(&text)))
        return false;
    buffer_unref(output->scratch);
    let_go_scratch(output);
    return true;
}

static enum io sent_all(struct output *output, size_t *ret_sent)
{
    *ret_sent = output->bytes;
    output->bytes = 0;
    return IO_DONE;
}

/* Not inlined: a draft need not pay for its frame. */
__attribute__((noinline)) static enum io
send_undrafted(struct output *output, struct transport *transport, size_t *ret_sent)
{
    return put_text(output, transport) ? sent_all(output, ret_sent)
                                       : send_parts(output, transport, ret_sent);
}

enum io output_send(struct output *output, struct transport *transport, size_t *ret_sent)
{
    ASSERT(output->bytes > 0);
    if (!is_draft(output) || !socket_put_draft(&transport->socket, output->drafted))
        return send_undrafted(output, transport, ret_sent);
    output->outbox = NULL;
    output->drafted = 0;
    return sent_all(output, ret_sent);
}
