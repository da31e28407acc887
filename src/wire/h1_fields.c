#include "base/arena.h"
#include "base/assert.h"
#include "base/cold.h"
#include "http/byte_class.h"
#include "wire/h1_find.h"
#include "wire/h1_int.h"

/* Of a line that was scanned: neither a blank nor its end. */
static bool is_visible(char byte)
{
    return (unsigned char)byte > ' ';
}

/* Whether a name is a token. Of a name that is known it is known: once control bytes are out (the
 * scan refused them), only the name itself is equal to it without case. */
static bool is_field_name(const struct field *field)
{
    return field->id != FIELD_OTHER || h1_is_token(field->name);
}

/* Reads the line that begins at `at`, where lines go on to `end`. Returns what follows its CRLF, or
 * NULL: malformed. */
static const char *read_field(const char *at, const char *end, struct field *ret_field)
{
    const char *colon = h1_find_either(at, end, ':', '\r');
    ASSERT(colon < end);
    if (*colon != ':')
        return NULL;
    const char *line_end = h1_find_byte(at, colon, end, '\r');
    ASSERT(line_end);
    ret_field->name = slice_of(at, (size_t)(colon - at));
    ret_field->id = field_name_find(ret_field->name);
    if (!is_field_name(ret_field))
        return NULL;
    ret_field->is_line = colon[1] == ' ' && is_visible(colon[2]) && is_visible(line_end[-1]);
    if (ret_field->is_line)
        ret_field->value = slice_of(colon + 2, (size_t)(line_end - colon - 2));
    else
        ret_field->value = slice_trim(slice_of(colon + 1, (size_t)(line_end - colon - 1)));
    return line_end + 2;
}

/* With all of it in here, what lines are searched with stays in registers. */
WHOLE __attribute__((noinline)) bool h1_read_field_lines(struct slice lines, struct fields *fields,
                                                         uint64_t *ret_repeated)
{
    const char *at = lines.data, *end = lines.data + lines.length;
    uint64_t present = 0, repeated = 0;
    uint32_t count = 0;
    while (at < end) {
        ASSERT(count < fields->capacity);
        struct field *field = &fields->items[count++];
        at = read_field(at, end, field);
        if (!at)
            return false;
        repeated |= present & FIELD_BIT(field->id);
        present |= FIELD_BIT(field->id);
    }
    fields->count = count;
    fields->present = present;
    *ret_repeated = repeated & ~FIELD_BIT(FIELD_OTHER);
    return true;
}

bool h1_read_version(struct slice text, unsigned *ret_major, unsigned *ret_minor)
{
    *ret_major = *ret_minor = 1;
    if (slice_equal(text, SLICE("HTTP/1.1")))
        return true;
    if (text.length != 8 || !slice_starts_with(text, SLICE("HTTP/")) || text.data[6] != '.' ||
        !ascii_is_digit(text.data[5]) || !ascii_is_digit(text.data[7]))
        return false;
    *ret_major = (unsigned)(text.data[5] - '0');
    *ret_minor = (unsigned)(text.data[7] - '0');
    return true;
}

__attribute__((noinline)) bool h1_is_token(struct slice text)
{
    return !slice_is_empty(text) && bytes_are(text, BYTE_TOKEN);
}

bool h1_next_element(struct slice *rest, struct slice *ret_element)
{
    while (!slice_is_empty(*rest)) {
        *ret_element = slice_trim(slice_cut(rest, ','));
        if (!slice_is_empty(*ret_element))
            return true;
    }
    return false;
}

/* Each element is looked for among all fields: a head full of them would be work for 10 ms. */
enum { OPTIONS_MAX = 64 };

__attribute__((noinline)) static bool read_option_list(struct slice list,
                                                       struct h1_options *options)
{
    struct slice option;
    while (h1_next_element(&list, &option)) {
        if (!h1_is_token(option) || ++options->count > OPTIONS_MAX)
            return false;
        if (slice_equal_fold(option, SLICE("keep-alive")))
            options->keep_alive = true;
        else if (slice_equal_fold(option, SLICE("close")))
            options->close = true;
        else if (slice_equal_fold(option, SLICE("upgrade")))
            options->upgrade = true;
    }
    return true;
}

bool h1_read_options(const struct fields *fields, struct h1_options *ret_options)
{
    *ret_options = (struct h1_options){0};
    if (!(fields->present & FIELD_BIT(FIELD_CONNECTION)))
        return true;
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->items[i];
        if (field->id == FIELD_CONNECTION && !read_option_list(field->value, ret_options))
            return false;
    }
    return true;
}

bool h1_is_persistent(const struct h1_options *options, unsigned minor_version)
{
    return !options->close && (minor_version > 0 || options->keep_alive);
}

/* What may not stand in a trailer section goes; the bits follow from what is left. */
static void keep_trailers(struct fields *fields)
{
    fields->present = 0;
    for (uint32_t i = 0; i < fields->count; i++) {
        struct field *field = &fields->items[i];
        if (field_is_trailer(field))
            fields->present |= FIELD_BIT(field->id);
        else
            field->name = slice_of(NULL, 0);
    }
}

enum error_code h1_parse_trailers(struct slice bytes, const struct h1_scan *scan, enum h1_side side,
                                  struct arena *arena, struct fields *trailers)
{
    ASSERT(scan->length >= 2 && scan->length <= bytes.length);
    uint64_t repeated = 0;
    if (!fields_init(trailers, arena, scan->lines))
        return ERROR_OUT_OF_MEMORY;
    if (!h1_read_field_lines(slice_until(bytes, scan->length - 2), trailers, &repeated))
        return side == H1_REQUEST ? ERROR_BAD_FIELD : ERROR_BAD_RESPONSE_FIELD;
    keep_trailers(trailers);
    if (side == H1_REQUEST)
        fields_remove_disguises(trailers);
    return ERROR_NONE;
}
