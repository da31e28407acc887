#include "http/query.h"

#include "base/arena.h"
#include "http/byte_class.h"

bool query_next(struct slice *rest, struct slice *ret_name, struct slice *ret_value)
{
    while (!slice_is_empty(*rest)) {
        struct slice parameter = slice_cut(rest, '&');
        if (slice_is_empty(parameter))
            continue;
        *ret_name = slice_cut(&parameter, '=');
        *ret_value = parameter;
        return true;
    }
    return false;
}

bool query_find(struct slice query, struct slice name, struct slice *ret_value)
{
    struct slice sent_name, sent_value;
    while (query_next(&query, &sent_name, &sent_value)) {
        if (query_text_equal(sent_name, name)) {
            *ret_value = sent_value;
            return true;
        }
    }
    return false;
}

/* The byte that `sent` (not empty) begins with when decoded, and how many bytes it takes. */
static char next_byte(struct slice sent, size_t *ret_taken)
{
    *ret_taken = 1;
    if (sent.data[0] == '+')
        return ' ';
    bool is_escape = sent.data[0] == '%' && sent.length >= 3 && byte_is(sent.data[1], BYTE_HEX) &&
                     byte_is(sent.data[2], BYTE_HEX);
    if (!is_escape)
        return sent.data[0];
    *ret_taken = 3;
    return (char)(hex_value(sent.data[1]) << 4 | hex_value(sent.data[2]));
}

bool query_text_equal(struct slice sent, struct slice text)
{
    size_t taken = 0;
    for (; !slice_is_empty(sent) && !slice_is_empty(text); sent = slice_from(sent, taken)) {
        if (next_byte(sent, &taken) != text.data[0])
            return false;
        text = slice_from(text, 1);
    }
    return slice_is_empty(sent) && slice_is_empty(text);
}

struct slice query_text_decode(struct slice sent, struct arena *arena)
{
    if (slice_is_empty(sent))
        return SLICE("");
    if (!memchr(sent.data, '%', sent.length) && !memchr(sent.data, '+', sent.length))
        return sent;
    char *memory = arena_alloc(arena, sent.length);
    if (!memory)
        return slice_of(NULL, 0);
    size_t length = 0, taken = 0;
    for (; !slice_is_empty(sent); sent = slice_from(sent, taken))
        memory[length++] = next_byte(sent, &taken);
    return slice_of(memory, length);
}

void query_add_encoded(struct text *text, struct slice value)
{
    for (size_t i = 0; i < value.length; i++) {
        if (byte_is(value.data[i], BYTE_UNRESERVED))
            text_add_byte(text, value.data[i]);
        else
            text_print(text, "%%%02X", (unsigned)(unsigned char)value.data[i]);
    }
}
