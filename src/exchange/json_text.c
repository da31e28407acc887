#include "exchange/json_text.h"

#include "conf/utf8.h"

enum { ESCAPED_MAX = 12, MARK_LENGTH = 3 };

static bool is_plain(char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

static size_t plain_length(struct slice bytes)
{
    size_t length = 0;
    while (length < bytes.length && is_plain(bytes.data[length]))
        length++;
    return length;
}

static void add_code_unit(struct text *text, uint32_t unit)
{
    static const char digits[] = "0123456789abcdef";
    const char escaped[] = {'\\',
                            'u',
                            digits[unit >> 12 & 15],
                            digits[unit >> 8 & 15],
                            digits[unit >> 4 & 15],
                            digits[unit & 15]};
    text_add(text, slice_of(escaped, sizeof(escaped)));
}

static void add_invalid(struct text *text, char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    const char escaped[] = {'\\', '\\', 'x', digits[(unsigned char)byte >> 4],
                            digits[(unsigned char)byte & 15]};
    text_add(text, slice_of(escaped, sizeof(escaped)));
}

/* One character that is not plain; takes it off `*rest`. */
static void add_character(struct text *text, struct slice *rest)
{
    struct slice before = *rest;
    uint32_t character = utf8_next(rest);
    if (character == UTF8_INVALID) {
        add_invalid(text, before.data[0]);
    } else if (character == '"' || character == '\\') {
        text_add_byte(text, '\\');
        text_add_byte(text, (char)character);
    } else if (utf8_is_printable(character)) {
        text_add(text, slice_until(before, before.length - rest->length));
    } else if (character < 0x10000) {
        add_code_unit(text, character);
    } else {
        add_code_unit(text, 0xd800 + ((character - 0x10000) >> 10));
        add_code_unit(text, 0xdc00 + ((character - 0x10000) & 0x3ff));
    }
}

/* Adds what fits without cutting a character; returns what is left. */
static struct slice add_within(struct text *text, struct slice rest, size_t room)
{
    while (rest.length > 0 && room > 0) {
        struct slice run = slice_until(rest, plain_length(rest));
        if (run.length > room)
            run = slice_until(run, room);
        text_add(text, run);
        room -= run.length;
        rest = slice_from(rest, run.length);
        if (rest.length == 0 || room == 0 || is_plain(rest.data[0]))
            continue;
        char memory[ESCAPED_MAX];
        struct text escaped = text_over(memory, sizeof(memory));
        struct slice after = rest;
        add_character(&escaped, &after);
        if (escaped.length > room)
            break;
        text_add(text, text_slice(&escaped));
        room -= escaped.length;
        rest = after;
    }
    return rest;
}

void json_add_text(struct text *text, struct slice bytes, size_t max)
{
    text_add_byte(text, '"');
    size_t begin = text->length;
    size_t room = bytes.length > max / ESCAPED_MAX ? max - MARK_LENGTH : max;
    struct slice rest = add_within(text, bytes, room);
    /* What is left may fit into the room that was kept for the mark. */
    size_t shown = text->length;
    if (rest.length > 0 && rest.length <= MARK_LENGTH)
        rest = add_within(text, rest, max - (shown - begin));
    if (rest.length > 0) {
        text->length = shown;
        text_add(text, SLICE("..."));
    }
    text_add_byte(text, '"');
}

static struct slice skip_digits(struct slice rest)
{
    while (rest.length > 0 && ascii_is_digit(rest.data[0]))
        rest = slice_from(rest, 1);
    return rest;
}

bool json_is_number(struct slice bytes)
{
    struct slice rest = skip_digits(bytes);
    size_t digits = bytes.length - rest.length;
    if (digits == 0 || digits > 15 || (digits > 1 && bytes.data[0] == '0'))
        return false;
    if (rest.length == 0)
        return true;
    struct slice fraction = slice_from(rest, 1);
    return rest.data[0] == '.' && fraction.length > 0 && skip_digits(fraction).length == 0;
}
