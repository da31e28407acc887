#include "http/accept.h"

#include "base/assert.h"

enum { QUALITY_FULL = 1000, NAMED_NOT = 0, NAMED_BY_ALL, NAMED_BY_TYPE, NAMED_FULLY };

/* Up to `separator`, which is cut off as well, without the white space around it. */
static struct slice next_part(struct slice *rest, char separator)
{
    size_t end = slice_find(*rest, separator);
    struct slice part = slice_trim(slice_until(*rest, end));
    *rest = slice_from(*rest, end < rest->length ? end + 1 : end);
    return part;
}

/* A weight (RFC 9110 12.4.2) in thousandths; what is none counts in full. */
static unsigned read_quality(struct slice text)
{
    if (text.length == 0 || text.length > 5 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.length > 1 && text.data[1] != '.'))
        return QUALITY_FULL;
    unsigned quality = (unsigned)(text.data[0] - '0') * 1000, place = 100;
    for (size_t i = 2; i < text.length; i++, place /= 10) {
        if (!ascii_is_digit(text.data[i]))
            return QUALITY_FULL;
        quality += (unsigned)(text.data[i] - '0') * place;
    }
    return quality < QUALITY_FULL ? quality : QUALITY_FULL;
}

static unsigned quality_of(struct slice parameters)
{
    while (parameters.length > 0) {
        struct slice parameter = next_part(&parameters, ';');
        struct slice name = next_part(&parameter, '=');
        if (slice_equal_fold(name, SLICE("q")))
            return read_quality(parameter);
    }
    return QUALITY_FULL;
}

/* How exactly the range names the type. */
static unsigned match_range(struct slice range, struct slice type)
{
    size_t slash = slice_find(type, '/');
    if (slice_equal(range, SLICE("*/*")))
        return NAMED_BY_ALL;
    if (slice_equal_fold(range, type))
        return NAMED_FULLY;
    bool is_family = range.length == slash + 2 && slice_ends_with(range, SLICE("/*"));
    return is_family && slice_equal_fold(slice_until(range, slash), slice_until(type, slash))
               ? NAMED_BY_TYPE
               : NAMED_NOT;
}

unsigned accept_weight(const struct fields *fields, struct slice type)
{
    ASSERT(slice_find(type, '/') < type.length);
    unsigned named = NAMED_NOT, quality = 0;
    bool is_said = false;
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->items[i];
        if (field->id != FIELD_ACCEPT || field->name.length == 0)
            continue;
        struct slice rest = field->value;
        is_said |= rest.length > 0;
        while (rest.length > 0) {
            struct slice element = next_part(&rest, ',');
            unsigned match = match_range(next_part(&element, ';'), type);
            if (match > named) {
                named = match;
                quality = quality_of(element);
            }
        }
    }
    if (!is_said)
        return QUALITY_FULL * (NAMED_FULLY + 1);
    return quality ? quality * (NAMED_FULLY + 1) + named : ACCEPT_REFUSED;
}
