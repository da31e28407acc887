#include "http/cookie.h"

static struct slice without_quotes(struct slice s)
{
    if (s.length >= 2 && s.data[0] == '"' && s.data[s.length - 1] == '"')
        return slice_of(s.data + 1, s.length - 2);
    return s;
}

bool cookie_next(struct slice *rest, struct slice *ret_name, struct slice *ret_value)
{
    while (!slice_is_empty(*rest)) {
        struct slice cookie = slice_trim(slice_cut(rest, ';'));
        if (slice_is_empty(cookie))
            continue;
        *ret_name = slice_trim(slice_cut(&cookie, '='));
        *ret_value = without_quotes(slice_trim(cookie));
        return true;
    }
    return false;
}

bool cookie_find(const struct fields *fields, struct slice name, struct slice *ret_value)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->items[i];
        if (field->id != FIELD_COOKIE || slice_is_empty(field->name))
            continue;
        struct slice rest = field->value, sent_name, sent_value;
        while (cookie_next(&rest, &sent_name, &sent_value)) {
            if (slice_equal(sent_name, name)) {
                *ret_value = sent_value;
                return true;
            }
        }
    }
    return false;
}
