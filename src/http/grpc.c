#include "http/grpc.h"

#include "base/arena.h"
#include "base/text.h"

enum { MESSAGE_MAX = 1024 };

bool grpc_has_type(const struct request_head *request)
{
    const struct slice type = SLICE("application/grpc");
    const struct field *field = fields_find(&request->fields, FIELD_CONTENT_TYPE);
    if (!field || !slice_equal_fold(slice_until(field->value, type.length), type))
        return false;
    struct slice rest = slice_from(field->value, type.length);
    return slice_is_empty(rest) || rest.data[0] == '+' || rest.data[0] == ';' ||
           rest.data[0] == ' ';
}

enum grpc_code grpc_code_for(unsigned status)
{
    switch (status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

unsigned grpc_code_read(struct slice value)
{
    uint64_t code = 0;
    return slice_to_number(value, GRPC_CODE_COUNT - 1, &code) ? (unsigned)code : GRPC_NO_CODE;
}

static bool is_inside_character(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* No character of UTF-8 is cut in its middle. */
static struct slice shorten(struct slice text)
{
    while (text.length > 0 && is_space(text.data[0]))
        text = slice_from(text, 1);
    while (text.length > 0 && is_space(text.data[text.length - 1]))
        text = slice_until(text, text.length - 1);
    if (text.length <= MESSAGE_MAX)
        return text;
    size_t end = MESSAGE_MAX;
    while (end > 0 && is_inside_character(text.data[end]))
        end--;
    return slice_until(text, end);
}

struct slice grpc_message(struct slice text, struct arena *arena)
{
    enum { GROWTH_MAX = 3 };
    text = shorten(text);
    char *memory = arena_alloc(arena, GROWTH_MAX * text.length + 1);
    if (!memory)
        return slice_of(NULL, 0);
    struct text message = text_over(memory, GROWTH_MAX * text.length + 1);
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte >= ' ' && byte <= '~' && byte != '%')
            text_add_byte(&message, (char)byte);
        else
            text_print(&message, "%%%02X", byte);
    }
    return text_slice(&message);
}
