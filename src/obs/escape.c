/* Nearly all bytes are harmless: they are found in runs and copied as such. */
#include "obs/escape.h"

enum { ESCAPED_LENGTH = 4, MARK_LENGTH = 3 };

static const bool harmful[256] = {
    [0 ... 31] = true, ['"'] = true, ['\\'] = true, [127 ... 255] = true};

static bool is_harmless(char byte)
{
    return !harmful[(unsigned char)byte];
}

static size_t harmless_length(struct slice bytes)
{
    size_t length = 0;
    while (length < bytes.length && is_harmless(bytes.data[length]))
        length++;
    return length;
}

static void add_escaped(struct text *text, char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    const char escaped[ESCAPED_LENGTH] = {'\\', 'x', digits[(unsigned char)byte >> 4],
                                          digits[(unsigned char)byte & 15]};
    text_add(text, slice_of(escaped, sizeof(escaped)));
}

/* What fits into `room`, without cutting an escape. Returns how many of the bytes that are. */
static size_t add_within(struct text *text, struct slice bytes, size_t room)
{
    size_t done = 0;
    while (done < bytes.length) {
        struct slice run = slice_from(bytes, done);
        run = slice_until(run, harmless_length(run));
        run = slice_until(run, room);
        text_add(text, run);
        done += run.length;
        room -= run.length;
        if (done == bytes.length || room < ESCAPED_LENGTH || is_harmless(bytes.data[done]))
            break;
        add_escaped(text, bytes.data[done++]);
        room -= ESCAPED_LENGTH;
    }
    return done;
}

static size_t escaped_length(struct slice bytes)
{
    size_t length = 0;
    for (size_t i = 0; i < bytes.length; i++)
        length += is_harmless(bytes.data[i]) ? 1 : ESCAPED_LENGTH;
    return length;
}

void escape_add(struct text *text, struct slice bytes, size_t max)
{
    bool fits = bytes.length <= max / ESCAPED_LENGTH || escaped_length(bytes) <= max;
    size_t room = fits ? max : max - MARK_LENGTH;
    if (add_within(text, bytes, room) < bytes.length)
        text_add(text, SLICE("..."));
}

bool escape_is_word(struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        if (!is_harmless(bytes.data[i]) || bytes.data[i] == ' ' || bytes.data[i] == '=')
            return false;
    }
    return bytes.length > 0;
}
