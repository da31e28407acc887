#include "wire/h2_field.h"

#include "base/cold.h"
#include "http/byte_class.h"
#include "wire/h1_find.h"

bool h2_name_is_sound(struct slice name)
{
    if (name.length == 0)
        return false;
    if (name.data[0] == ':')
        return true;
    for (size_t i = 0; i < name.length; i++) {
        if (!byte_is(name.data[i], BYTE_TOKEN) || ascii_lower(name.data[i]) != name.data[i])
            return false;
    }
    return true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* Whether controls stand there, save tabs. */
COLD static bool has_forbidden(const char *at, const char *end)
{
    const char *control = h1_find_control(at, at, end);
    while (control < end && *control == '\t')
        control = h1_find_control(at, control + 1, end);
    return control < end;
}

/* Whether controls stand there: of what is no multiple of a word, the last one overlaps the one
 * before. */
static bool has_controls(const char *at, const char *end)
{
    enum { WORD = sizeof(uint64_t) };
    if (end - at < WORD)
        return h1_find_control(at, at, end) < end;
    for (; end - at > WORD; at += WORD) {
        if (h1_control_bits(at))
            return true;
    }
    return h1_control_bits(end - WORD) != 0;
}

bool h2_value_is_sound(struct slice value)
{
    if (value.length == 0)
        return true;
    const char *end = value.data + value.length;
    if (is_blank(value.data[0]) || is_blank(end[-1]))
        return false;
    return !has_controls(value.data, end) || !has_forbidden(value.data, end);
}
