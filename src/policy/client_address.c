#include "policy/client_address.h"
#include "base/assert.h"

static struct slice without_quotes(struct slice s)
{
    if (s.length >= 2 && s.data[0] == '"' && s.data[s.length - 1] == '"')
        return slice_of(s.data + 1, s.length - 2);
    return s;
}

static bool is_port(struct slice s)
{
    uint64_t port = 0;
    return slice_to_number(s, UINT16_MAX, &port);
}

/* An address as proxies write it: bare, in quotes, IPv6 in brackets, with a port behind it. Two or
 * more colons without brackets are an IPv6 address, never a port. */
static bool parse_element(struct slice element, struct ip *ret_ip)
{
    struct slice s = without_quotes(slice_trim(element));
    if (s.length && s.data[0] == '[') {
        size_t close = slice_find(s, ']');
        if (close == s.length)
            return false;
        struct slice inner = slice_of(s.data + 1, close - 1), behind = slice_from(s, close + 1);
        bool good_end =
            slice_is_empty(behind) || (behind.data[0] == ':' && is_port(slice_from(behind, 1)));
        return good_end && slice_find(inner, ':') < inner.length && ip_parse(inner, ret_ip);
    }
    size_t colon = slice_find(s, ':');
    if (colon < s.length && slice_find_last(s, ':') == colon) {
        if (!is_port(slice_from(s, colon + 1)))
            return false;
        s = slice_until(s, colon);
    }
    return ip_parse(s, ret_ip);
}

/* Cuts the last element of a list off `*rest`. */
static struct slice take_last(struct slice *rest)
{
    size_t comma = slice_find_last(*rest, ',');
    bool found = comma < rest->length;
    struct slice last = found ? slice_from(*rest, comma + 1) : *rest;
    *rest = found ? slice_until(*rest, comma) : slice_of(NULL, 0);
    return last;
}

/* Goes on through one line, from right to left. False: the walk is over. */
static bool walk_line(struct slice line, const struct ip_ranges *trusted, struct ip *client)
{
    while (!slice_is_empty(line)) {
        struct slice element = take_last(&line);
        struct ip ip;
        if (slice_is_empty(slice_trim(element)))
            continue; /* RFC 9110 5.6.1.2: empty elements do not count */
        if (!parse_element(element, &ip))
            return false;
        *client = ip;
        if (!ip_ranges_contain(trusted, client))
            return false;
    }
    return true;
}

struct ip client_address(const struct ip *peer, const struct ip_ranges *trusted,
                         const struct fields *fields)
{
    ASSERT(peer->kind != ADDRESS_NONE && fields);
    struct ip client = *peer;
    if (!ip_ranges_contain(trusted, peer))
        return client;
    for (uint32_t i = fields->count; i-- > 0;) {
        const struct field *field = &fields->items[i];
        if (field->id != FIELD_X_FORWARDED_FOR || slice_is_empty(field->name))
            continue;
        if (!walk_line(field->value, trusted, &client))
            break;
    }
    return client;
}
