#include "net/h1_writer.h"

/* Nearly every head fits a draft. */

static bool reserve_request_head(struct output *output, const struct request_head *head,
                                 const struct h1_write *how)
{
    struct text text;
    if (!output_reserve(output, h1_request_head_room(head, how), &text))
        return false;
    h1_write_request_head(&text, head, how);
    output_add_text(output, &text);
    return true;
}

bool h1_output_request_head(struct output *output, const struct transport *transport,
                            const struct request_head *head, const struct h1_write *how)
{
    struct text text;
    if (!output_begin_draft(output, transport, &text))
        return reserve_request_head(output, head, how);
    h1_write_request_head(&text, head, how);
    return output_draft_text(output, &text) || reserve_request_head(output, head, how);
}

static bool reserve_response_head(struct output *output, const struct response_head *head,
                                  const struct h1_write *how)
{
    struct text text;
    if (!output_reserve(output, h1_response_head_room(head, how), &text))
        return false;
    h1_write_response_head(&text, head, how);
    output_add_text(output, &text);
    return true;
}

bool h1_output_response_head(struct output *output, const struct transport *transport,
                             const struct response_head *head, const struct h1_write *how)
{
    struct text text;
    if (!output_begin_draft(output, transport, &text))
        return reserve_response_head(output, head, how);
    h1_write_response_head(&text, head, how);
    return output_draft_text(output, &text) || reserve_response_head(output, head, how);
}

static bool add_line_end(struct output *output)
{
    struct text text;
    if (!output_reserve(output, 2, &text))
        return false;
    text_add(&text, SLICE("\r\n"));
    output_add_text(output, &text);
    return true;
}

bool h1_output_chunk(struct output *output, struct span piece)
{
    struct text text;
    if (!output_reserve(output, H1_CHUNK_HEAD_MAX, &text)) {
        span_clear(&piece);
        return false;
    }
    h1_write_chunk_head(&text, piece.length);
    output_add_text(output, &text);
    output_add(output, piece);
    return add_line_end(output);
}

bool h1_output_last_chunk(struct output *output, const struct fields *trailers)
{
    struct text text;
    if (!output_reserve(output, h1_last_chunk_room(trailers), &text))
        return false;
    h1_write_last_chunk(&text, trailers);
    output_add_text(output, &text);
    return true;
}
