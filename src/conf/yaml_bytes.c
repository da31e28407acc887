/* What libyaml is spared: bytes that are no text, and JSON's pairs of surrogates. */
#include "base/arena.h"
#include "base/assert.h"
#include "conf/utf8.h"
#include "conf/yaml.h"
#include "conf/yaml_int.h"

/* The characters that YAML takes (YAML 1.1, 5.1). */
static bool is_text(uint32_t character)
{
    if (character < 0x20)
        return character == '\t' || character == '\n' || character == '\r';
    if (character < 0xA0)
        return character < 0x7F || character == 0x85;
    return character != 0xFEFF && character != 0xFFFE && character != 0xFFFF &&
           character != UTF8_INVALID;
}

static struct position position_of(struct slice bytes, size_t offset, uint16_t index)
{
    ASSERT(offset < bytes.length);
    uint32_t line = 1;
    struct slice rest = bytes;
    for (;;) {
        struct slice next = source_from_line(rest, 2);
        if (bytes.length - next.length > offset || next.length == 0)
            break;
        rest = next;
        line++;
    }
    struct slice passed = slice_until(rest, offset - (bytes.length - rest.length));
    return (struct position){index, line, (uint32_t)utf8_count(passed) + 1};
}

static void tell(struct slice bytes, size_t offset, uint32_t character, uint16_t index,
                 struct diagnostics *diagnostics)
{
    struct position position = position_of(bytes, offset, index);
    bool is_utf16 = offset < 2 && bytes.length >= 2 &&
                    (!memcmp(bytes.data, "\xFF\xFE", 2) || !memcmp(bytes.data, "\xFE\xFF", 2));
    if (is_utf16)
        diagnostics_error(diagnostics, position, "save it as UTF-8", "the file is in UTF-16");
    else if (character == UTF8_INVALID)
        diagnostics_error(diagnostics, position, "save the file as UTF-8",
                          "the byte 0x%02X is not UTF-8", (unsigned char)bytes.data[offset]);
    else
        diagnostics_error(diagnostics, position, "take it out, or write it as an escape in quotes",
                          "the invisible character U+%04X", character);
}

bool yaml_check_bytes(const struct source *source, uint16_t index, struct diagnostics *diagnostics)
{
    struct slice rest = source->bytes;
    if (rest.length > YAML_SIZE_MAX) {
        diagnostics_error(diagnostics, (struct position){.source = index},
                          "split it and put it together with \"include\"",
                          "the file %.*s is larger than %d MiB", SHOWN(source->name),
                          YAML_SIZE_MAX >> 20);
        return false;
    }
    while (rest.length) {
        size_t offset = source->bytes.length - rest.length;
        uint32_t character = utf8_next(&rest);
        if (!is_text(character)) {
            tell(source->bytes, offset, character, index, diagnostics);
            return false;
        }
    }
    return true;
}

/* The number that four hex digits at the beginning stand for, or 0. */
static uint32_t hex4(struct slice text)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t number = 0;
    for (size_t i = 0; i < 4; i++) {
        const char *digit =
            i < text.length && text.data[i] ? strchr(digits, ascii_lower(text.data[i])) : NULL;
        if (!digit)
            return 0;
        number = number * 16 + (uint32_t)(digit - digits);
    }
    return number;
}

uint32_t yaml_surrogates(struct slice text)
{
    if (!slice_starts_with(text, SLICE("\\u")) ||
        !slice_starts_with(slice_from(text, 6), SLICE("\\u")))
        return 0;
    uint32_t high = hex4(slice_from(text, 2)), low = hex4(slice_from(text, 8));
    if (high < 0xD800 || high >= 0xDC00 || low < 0xDC00 || low >= 0xE000)
        return 0;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

static bool begins_like_json(struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        if (!strchr(" \t\r\n", bytes.data[i]))
            return bytes.data[i] == '{' || bytes.data[i] == '[';
    }
    return false;
}

struct slice yaml_join_surrogates(struct slice bytes, struct arena *arena)
{
    enum { PAIR_LENGTH = 12 };
    if (!begins_like_json(bytes) || !memmem(bytes.data, bytes.length, "\\u", 2))
        return bytes;
    char *memory = arena_alloc(arena, bytes.length);
    if (!memory)
        return slice_of(NULL, 0);
    struct text joined = text_over(memory, bytes.length);
    while (bytes.length) {
        uint32_t character = yaml_surrogates(bytes);
        size_t taken = character ? PAIR_LENGTH : bytes.data[0] == '\\' ? 2 : 1;
        if (character)
            text_print(&joined, "\\U%08X", character);
        else
            text_add(&joined, slice_until(bytes, taken));
        bytes = slice_from(bytes, taken);
    }
    ASSERT(!text_is_cut(&joined));
    return text_slice(&joined);
}
