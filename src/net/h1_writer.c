#include "net/h1_writer.h"
#include "base/assert.h"

static bool add_line_end(struct output *output)
{
    struct text text;
    if (!output_reserve(output, 2, &text))
        return false;
    text_add(&text, SLICE("\r\n"));
    output_add_text(output, &text);
    return true;
}

bool h1_output_piece(struct output *output, enum h1_framing framing, struct span piece)
{
    ASSERT(framing != H1_FRAMING_NONE && piece.length > 0);
    if (framing != H1_FRAMING_CHUNKED) {
        output_add(output, piece);
        return true;
    }
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

bool h1_output_end(struct output *output, enum h1_framing framing, const struct fields *trailers)
{
    if (framing != H1_FRAMING_CHUNKED)
        return true;
    struct text text;
    if (!output_reserve(output, h1_last_chunk_room(trailers), &text))
        return false;
    h1_write_last_chunk(&text, trailers);
    output_add_text(output, &text);
    return true;
}
