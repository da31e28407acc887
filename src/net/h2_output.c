#include "net/h2_output.h"

enum {
    FRAMED_MAX = 128 * 1024,
    ROOM_LEAST = 512, /* bytes of a buffer that are worth writing into */
};

static bool frame_into(struct h2 *h2, struct output *output, size_t room)
{
    struct text text;
    if (!output_reserve(output, room, &text))
        return false;
    h2_write(h2, &text);
    if (text.length > 0)
        output_add_text(output, &text);
    return true;
}

/* What a frame does not fit into is left behind; the next buffer takes any. */
bool h2_output_frame(struct h2 *h2, struct output *output)
{
    size_t room = output_scratch_room(output);
    if (room < ROOM_LEAST)
        room = H2_FRAME_ROOM;
    while (h2_has_output(h2) && output->bytes < FRAMED_MAX && output_has_room(output)) {
        size_t before = output->bytes;
        if (!frame_into(h2, output, room))
            return false;
        if (output->bytes == before && room >= H2_FRAME_ROOM)
            return true; /* windows are used up */
        room = H2_FRAME_ROOM;
    }
    return true;
}
