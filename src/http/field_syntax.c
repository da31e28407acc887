#include "http/field_syntax.h"

#include "http/byte_class.h"
#include "http/field_name.h"

bool field_name_is_valid(struct slice name)
{
    return name.length > 0 && bytes_are(name, BYTE_TOKEN);
}

bool field_value_is_valid(struct slice value)
{
    return slice_trim(value).length == value.length && bytes_are(value, BYTE_FIELD);
}

bool field_name_is_settable(struct slice name)
{
    enum field_name id = field_name_find(name);
    return field_name_is_valid(name) && id != FIELD_CONTENT_LENGTH && id != FIELD_TRAILER &&
           !(field_name_duties(id) & FIELD_HOP_BY_HOP);
}
