#include "http/byte_class.h"

enum {
    VALUE = BYTE_FIELD,
    QUERY = BYTE_FIELD | BYTE_VISIBLE,
    PATH = QUERY | BYTE_PATH,
    TOKEN = PATH | BYTE_TOKEN,
    NAME = TOKEN | BYTE_UNRESERVED,
    DIGIT = NAME | BYTE_HEX,
};

const uint8_t byte_classes[256] = {
    [0x00 ... 0x08] = BYTE_CONTROL,
    ['\t'] = VALUE,
    [0x0A ... 0x1F] = BYTE_CONTROL,
    [' '] = VALUE,
    ['!'] = TOKEN,
    ['"'] = PATH,
    ['#'] = VALUE | BYTE_TOKEN,
    ['$'] = TOKEN,
    ['%'] = QUERY | BYTE_TOKEN,
    ['&'] = TOKEN,
    ['\''] = TOKEN,
    ['('] = PATH,
    [')'] = PATH,
    ['*'] = TOKEN,
    ['+'] = TOKEN,
    [','] = PATH,
    ['-'] = NAME,
    ['.'] = NAME,
    ['/'] = PATH,
    ['0' ... '9'] = DIGIT,
    [':'] = PATH,
    [';'] = PATH,
    ['<'] = PATH,
    ['='] = PATH,
    ['>'] = PATH,
    ['?'] = QUERY,
    ['@'] = PATH,
    ['A' ... 'F'] = DIGIT,
    ['G' ... 'Z'] = NAME,
    ['['] = PATH,
    ['\\'] = QUERY,
    [']'] = PATH,
    ['^'] = TOKEN,
    ['_'] = NAME,
    ['`'] = TOKEN,
    ['a' ... 'f'] = DIGIT,
    ['g' ... 'z'] = NAME,
    ['{'] = PATH,
    ['|'] = TOKEN,
    ['}'] = PATH,
    ['~'] = NAME,
    [0x7F] = BYTE_CONTROL,
    [0x80 ... 0xFF] = VALUE,
};

bool bytes_are(struct slice bytes, unsigned classes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        if (!byte_is(bytes.data[i], classes))
            return false;
    }
    return true;
}
