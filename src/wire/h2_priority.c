#include "wire/h2_priority.h"

#include <string.h>

/* The end of what stands before `end`, where quotes hide it (RFC 8941 3.3.3). */
static size_t find_outside_quotes(struct slice text, char end)
{
    bool quoted = false;
    size_t at = 0;
    for (; at < text.length && (quoted || text.data[at] != end); at++) {
        if (text.data[at] == '"')
            quoted = !quoted;
        else if (quoted && text.data[at] == '\\')
            at++;
    }
    return at < text.length ? at : text.length;
}

static struct slice cut_outside_quotes(struct slice *rest, char end)
{
    size_t length = find_outside_quotes(*rest, end);
    struct slice part = slice_until(*rest, length);
    *rest = slice_from(*rest, length < rest->length ? length + 1 : length);
    return slice_trim(part);
}

/* A member of the dictionary (RFC 8941 3.2) without its parameters, which mean nothing here. */
static void read_member(struct slice member, struct h2_priority *priority)
{
    struct slice item = cut_outside_quotes(&member, ';');
    if (item.length == 3 && memcmp(item.data, "u=", 2) == 0 && item.data[2] >= '0' &&
        item.data[2] <= '7')
        priority->urgency = (uint8_t)(item.data[2] - '0');
    else if (slice_equal(item, SLICE("i")) || slice_equal(item, SLICE("i=?1")))
        priority->is_incremental = true;
    else if (slice_equal(item, SLICE("i=?0")))
        priority->is_incremental = false;
}

struct h2_priority h2_priority_read(struct slice value)
{
    struct h2_priority priority = {.urgency = H2_URGENCY_DEFAULT};
    while (value.length > 0)
        read_member(cut_outside_quotes(&value, ','), &priority);
    return priority;
}
