#include "net/h1_writer.h"

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
