#include "conf/utf8.h"

#include "base/assert.h"

/* First byte to length; 0: no character begins so. C0, C1 and F5 to FF never occur. */
static unsigned length_of(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if (first >= 0xE0 && first <= 0xEF)
        return 3;
    return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

static bool is_character(uint32_t character, unsigned length)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (character < smallest[length] || character > 0x10FFFF)
        return false;
    return character < 0xD800 || character > 0xDFFF;
}

uint32_t utf8_next(struct slice *rest)
{
    ASSERT(rest->length > 0);
    const unsigned char *bytes = (const unsigned char *)rest->data;
    unsigned length = length_of(bytes[0]);
    if (length == 1 || length == 0 || length > rest->length) {
        *rest = slice_from(*rest, 1);
        return length == 1 ? bytes[0] : UTF8_INVALID;
    }
    uint32_t character = bytes[0] & (0x7Fu >> length);
    for (unsigned i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            *rest = slice_from(*rest, 1);
            return UTF8_INVALID;
        }
        character = character << 6 | (bytes[i] & 0x3Fu);
    }
    bool good = is_character(character, length);
    *rest = slice_from(*rest, good ? length : 1);
    return good ? character : UTF8_INVALID;
}

size_t utf8_check(struct slice text)
{
    struct slice rest = text;
    while (rest.length) {
        struct slice before = rest;
        if (utf8_next(&rest) == UTF8_INVALID)
            return text.length - before.length;
    }
    return text.length;
}

size_t utf8_count(struct slice text)
{
    size_t count = 0;
    for (; text.length; count++)
        utf8_next(&text);
    return count;
}

struct range {
    uint32_t first, last;
};

static bool is_in(uint32_t character, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    }
    return false;
}

#define IS_IN(character, ranges) is_in((character), (ranges), sizeof(ranges) / sizeof(*(ranges)))

bool utf8_is_printable(uint32_t character)
{
    static const struct range refused[] = {
        {0, 0x1F},        {0x7F, 0x9F},     {0x61C, 0x61C},
        {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F},
        {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, UTF8_INVALID},
    };
    return !IS_IN(character, refused);
}

unsigned utf8_width(uint32_t character)
{
    static const struct range none[] = {
        {0x300, 0x36F}, {0x1AB0, 0x1AFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F},
    };
    static const struct range two[] = {
        {0x1100, 0x115F},   {0x2E80, 0xA4CF},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},
        {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F},
        {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD},
    };
    if (IS_IN(character, none))
        return 0;
    return IS_IN(character, two) ? 2 : 1;
}

void utf8_add_printable(struct text *text, struct slice bytes)
{
    while (bytes.length) {
        struct slice before = bytes;
        if (utf8_is_printable(utf8_next(&bytes)))
            text_add(text, slice_until(before, before.length - bytes.length));
        else
            text_add_byte(text, '?');
    }
}
