/* A diagnostic as people see it:
 *
 *     weir.yaml:3:5: error: unknown key "upsteam"
 *             upsteam: shop
 *             ^
 *         did you mean "upstream"?
 */
#include "conf/diagnostics.h"

#include "base/assert.h"
#include "conf/utf8.h"

enum { EXCERPT_WIDTH = 100, TAB_WIDTH = 8, LINE_TEXT_MAX = 1024 };

/* Length of the line's end that `rest` begins with; 0: it begins with none. */
static size_t line_end(struct slice rest)
{
    static const struct slice ends[] = {{"\r\n", 2},     {"\n", 1},           {"\r", 1},
                                        {"\xC2\x85", 2}, {"\xE2\x80\xA8", 3}, {"\xE2\x80\xA9", 3}};
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        if (slice_starts_with(rest, ends[i]))
            return ends[i].length;
    }
    return 0;
}

static bool may_end_line(char c)
{
    return c == '\n' || c == '\r' || c == '\xC2' || c == '\xE2';
}

/* Takes a line off `*rest`, with its end; returns it without. */
static struct slice take_line(struct slice *rest)
{
    size_t length = 0, end = 0;
    while (length < rest->length) {
        if (may_end_line(rest->data[length]) && (end = line_end(slice_from(*rest, length))))
            break;
        length++;
    }
    struct slice line = slice_until(*rest, length);
    *rest = slice_from(*rest, length + end);
    return line;
}

struct slice source_from_line(struct slice bytes, uint32_t line)
{
    for (; line > 1 && bytes.length; line--)
        take_line(&bytes);
    return bytes;
}

struct slice source_line(struct slice bytes, uint32_t line)
{
    struct slice rest = source_from_line(bytes, line);
    return rest.length ? take_line(&rest) : SLICE("");
}

/* One character as it is shown: tabs become spaces, so that the caret stands right. Returns its
 * width. */
static unsigned show(struct text *text, struct slice bytes, uint32_t character, unsigned column)
{
    if (character == '\t') {
        unsigned width = TAB_WIDTH - column % TAB_WIDTH;
        text_add(text, slice_of("        ", width));
        return width;
    }
    bool printable = utf8_is_printable(character);
    text_add(text, printable ? bytes : SLICE("?"));
    return printable ? utf8_width(character) : 1;
}

/* How many characters to leave out at the beginning, so that the caret is seen. */
static uint32_t left_out(struct slice line, uint32_t column)
{
    if (utf8_count(line) <= EXCERPT_WIDTH || column <= EXCERPT_WIDTH * 2 / 3)
        return 0;
    return column - EXCERPT_WIDTH / 2;
}

static void add_excerpt(struct text *text, struct slice line, uint32_t column)
{
    char caret_memory[4 * EXCERPT_WIDTH];
    struct text caret = text_over(caret_memory, sizeof(caret_memory));
    ASSERT(column > 0);
    uint32_t skipped = left_out(line, column), at = 1;
    unsigned width = 0;
    text_add(text, skipped ? SLICE("        ...") : SLICE("        "));
    text_add(&caret, skipped ? SLICE("           ") : SLICE("        "));
    for (; line.length && width < EXCERPT_WIDTH; at++) {
        struct slice before = line;
        uint32_t character = utf8_next(&line);
        if (at <= skipped)
            continue;
        unsigned shown =
            show(text, slice_until(before, before.length - line.length), character, width);
        for (unsigned i = 0; i < shown && at < column; i++)
            text_add_byte(&caret, ' ');
        width += shown;
    }
    text_add(text, line.length ? SLICE("...\n") : SLICE("\n"));
    text_add(text, text_slice(&caret));
}

static void add_place(struct text *text, struct position position, const struct source *sources,
                      size_t source_count)
{
    if (position.line == 0)
        return;
    ASSERT(position.source < source_count);
    utf8_add_printable(text, sources[position.source].name);
    text_print(text, ":%u:%u: ", position.line, position.column);
}

void diagnostic_print(struct text *text, const struct diagnostic *diagnostic,
                      const struct source *sources, size_t source_count, bool colour)
{
    bool is_error = diagnostic->severity == SEVERITY_ERROR;
    struct position position = diagnostic->position;
    const char *strong = colour ? "\033[1m" : "", *normal = colour ? "\033[0m" : "";
    const char *tint = !colour ? "" : is_error ? "\033[1;31m" : "\033[1;35m";

    text_print(text, "%s", strong);
    add_place(text, position, sources, source_count);
    text_print(text, "%s%s:%s%s ", tint, is_error ? "error" : "warning", normal, strong);
    text_add(text, diagnostic->what);
    text_print(text, "%s\n", normal);
    if (position.line > 0) {
        add_excerpt(text, source_line(sources[position.source].bytes, position.line),
                    position.column);
        text_print(text, "%s^%s\n", tint, normal);
    }
    if (diagnostic->cure.length) {
        text_add(text, SLICE("    "));
        text_add(text, diagnostic->cure);
        text_add_byte(text, '\n');
    }
}
