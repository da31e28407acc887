#include "http/refresh_field.h"

static struct slice skip(struct slice text, const char *bytes)
{
    size_t count = 0;
    while (count < text.length && text.data[count] && strchr(bytes, text.data[count]))
        count++;
    return slice_from(text, count);
}

static bool begins_with_one_of(struct slice text, const char *bytes)
{
    return text.length > 0 && text.data[0] && strchr(bytes, text.data[0]);
}

static const char WHITE[] = " \t\f\r\n", DIGITS[] = "0123456789";

/* What stands behind the time and what parts it from the URL; the time may be `5`, `.5`, `5.1.`. */
static bool skip_time(struct slice *text)
{
    struct slice rest = skip(*text, WHITE);
    if (!begins_with_one_of(rest, DIGITS) && !begins_with_one_of(rest, "."))
        return false;
    rest = skip(rest, "0123456789.");
    if (!begins_with_one_of(rest, ";,") && !begins_with_one_of(rest, WHITE))
        return false;
    rest = skip(rest, WHITE);
    if (begins_with_one_of(rest, ";,"))
        rest = slice_from(rest, 1);
    *text = skip(rest, WHITE);
    return true;
}

/* `url=` may be left away, and what only begins like it is the URL; but no URL that begins so has
 * a scheme and a host. */
static struct slice skip_word(struct slice text)
{
    if (!slice_equal_fold(slice_until(text, 3), SLICE("url")))
        return text;
    struct slice rest = skip(slice_from(text, 3), WHITE);
    return begins_with_one_of(rest, "=") ? skip(slice_from(rest, 1), WHITE) : text;
}

struct slice refresh_field_url(struct slice value)
{
    const struct slice nothing = {0};
    struct slice rest = value;
    if (!skip_time(&rest))
        return nothing;
    rest = skip_word(rest);
    if (begins_with_one_of(rest, "\"'")) {
        char quote = rest.data[0];
        rest = slice_from(rest, 1);
        rest = slice_until(rest, slice_find(rest, quote));
    }
    rest = skip(rest, WHITE); /* as whoever reads an URL passes over it */
    return rest.length > 0 ? rest : nothing;
}
