/* Which bytes the grammars of HTTP and of URIs allow where, as one table. Pure. */
#pragma once

#include "base/slice.h"

enum {
    BYTE_TOKEN = 1,       /* tchar, RFC 9110 5.6.2 */
    BYTE_FIELD = 2,       /* of a field value, RFC 9110 5.5: HTAB, SP, VCHAR and obs-text */
    BYTE_VISIBLE = 4,     /* VCHAR save '#': what a query may hold */
    BYTE_PATH = 8,        /* of a path, escapes apart: VCHAR save # ? % and the backslash */
    BYTE_UNRESERVED = 16, /* RFC 3986 2.3 */
    BYTE_HEX = 32,
    BYTE_CONTROL = 64, /* what no line may hold: C0 save HTAB, and DEL */
};

extern const uint8_t byte_classes[256];

static inline bool byte_is(char byte, unsigned classes)
{
    return (byte_classes[(unsigned char)byte] & classes) != 0;
}

/* Whether each byte is of one of the classes; true of no bytes. */
bool bytes_are(struct slice bytes, unsigned classes);

/* The value of a hex digit; `digit` is BYTE_HEX. */
static inline unsigned hex_value(char digit)
{
    return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)((digit | 0x20) - 'a' + 10);
}
