#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

void text_add_number(struct text *text, uint64_t number)
{
    char digits[TEXT_DIGITS_MAX];
    const char *end = text_put_number(digits, number);
    text_add(text, slice_of(digits, (size_t)(end - digits)));
}

void text_add_hex(struct text *text, uint64_t number)
{
    char digits[16];
    size_t at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[number % 16];
        number /= 16;
    } while (number);
    text_add(text, slice_of(digits + at, sizeof(digits) - at));
}

void text_print(struct text *text, const char *format, ...)
{
    size_t room = text->capacity - text->length;
    va_list arguments;
    va_start(arguments, format);
    /* One byte of the room is lost to the NUL that vsnprintf insists on. */
    int needed = vsnprintf(text->data + text->length, room, format, arguments);
    va_end(arguments);
    if (needed < 0)
        return;
    if ((size_t)needed >= room) {
        text->cut = true;
        needed = room ? (int)room - 1 : 0;
    }
    text->length += (size_t)needed;
}
