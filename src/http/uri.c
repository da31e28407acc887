/* A path is first read by fast scans, which know the ordinary ones: nothing to decode, no dot
 * behind a slash. Whatever else comes goes through two careful steps in a copy: escapes to their
 * one form, then dot segments, where each step refuses what two readers could read in two ways. */
#include "http/uri.h"
#include "base/assert.h"

#include "base/address.h"
#include "base/arena.h"
#include "base/cold.h"
#include "base/text.h"
#include "http/byte_class.h"

bool path_is_bare(struct slice path)
{
    if (slice_is_empty(path) || path.data[0] != '/')
        return false;
    for (size_t i = 1; i < path.length; i++) {
        char byte = path.data[i];
        if (!byte_is(byte, BYTE_PATH) || (path.data[i - 1] == '/' && (byte == '/' || byte == '.')))
            return false;
    }
    return true;
}

static bool is_escape(const char *at, const char *end)
{
    return end - at >= 3 && byte_is(at[1], BYTE_HEX) && byte_is(at[2], BYTE_HEX);
}

static char escaped_byte(const char *at)
{
    return (char)(hex_value(at[1]) << 4 | hex_value(at[2]));
}

/* Nothing that is decoded, refused or looked at more closely. */
static bool is_plain_escape(const char *at, const char *end)
{
    if (!is_escape(at, end))
        return false;
    char byte = escaped_byte(at);
    return byte != 0 && byte != '/' && byte != '\\' && !byte_is(byte, BYTE_UNRESERVED);
}

static bool is_plain(struct slice path)
{
    const char *end = path.data + path.length;
    for (const char *at = path.data + 1; at < end; at++) {
        if (*at == '%') {
            if (!is_plain_escape(at, end))
                return false;
            at += 2;
        } else if (!byte_is(*at, BYTE_PATH) || (*at == '.' && at[-1] == '/')) {
            return false;
        }
    }
    return true;
}

/* Unreserved characters decoded, other escapes byte for byte. False: refused. */
static bool decode(struct slice path, struct text *out)
{
    const char *end = path.data + path.length;
    for (const char *at = path.data; at < end; at++) {
        if (byte_is(*at, BYTE_PATH)) {
            text_add_byte(out, *at);
            continue;
        }
        if (*at != '%' || !is_escape(at, end))
            return false;
        char byte = escaped_byte(at);
        if (byte == 0)
            return false;
        if (byte_is(byte, BYTE_UNRESERVED))
            text_add_byte(out, byte);
        else
            text_add(out, slice_of(at, 3));
        at += 2;
    }
    return true;
}

static bool is_dot(struct slice segment)
{
    return slice_equal(segment, SLICE("."));
}

static bool is_dot_dot(struct slice segment)
{
    return slice_equal(segment, SLICE(".."));
}

/* Position of the next escape that stands for one of the two bytes, or the length. */
static size_t find_encoded(struct slice text, char byte, char other)
{
    for (size_t i = 0; i + 3 <= text.length; i++) {
        const char *at = text.data + i;
        if (*at == '%' && (escaped_byte(at) == byte || escaped_byte(at) == other))
            return i;
    }
    return text.length;
}

/* Position of the next `%2F` or `%5C`, in either case, or the length. */
static size_t find_encoded_slash(struct slice text)
{
    return find_encoded(text, '/', '\\');
}

/* What stands before the parameters, whose `;` some readers look for only after decoding. */
static struct slice cut_parameters(struct slice segment)
{
    segment = slice_until(segment, slice_find(segment, ';'));
    return slice_until(segment, find_encoded(segment, ';', ';'));
}

/* Whether a reader who decodes `%2F` and `%5C`, or one who cuts parameters off at `;` or `%3B`,
 * would find a dot segment in this segment where others find none. */
static bool hides_dots(struct slice segment)
{
    struct slice rest = segment;
    while (!slice_is_empty(rest)) {
        struct slice part = slice_until(rest, find_encoded_slash(rest));
        struct slice name = cut_parameters(part);
        if ((is_dot(name) || is_dot_dot(name)) && name.length != segment.length)
            return true;
        rest = slice_from(rest, part.length + 3);
    }
    return false;
}

/* Whether the segment is one to every reader: not empty, nor only parameters, nor with an encoded
 * slash in it. */
static bool is_one_segment(struct slice segment)
{
    return !slice_is_empty(cut_parameters(segment)) &&
           find_encoded_slash(segment) == segment.length;
}

/* Takes the last segment off the `*length` bytes at `path`; the root stays. False: refused. */
static bool pop_segment(const char *path, size_t *length)
{
    if (*length == 0)
        return true;
    struct slice kept = slice_of(path, *length);
    *length = slice_find_last(kept, '/');
    return is_one_segment(slice_from(kept, *length + 1));
}

/* Removes the dot segments of a decoded path in place. False: refused. */
static bool remove_dots(char *path, size_t *length)
{
    size_t kept = 0;
    struct slice rest = slice_of(path, *length);
    bool behind_empty = false;
    while (!slice_is_empty(rest)) {
        rest = slice_from(rest, 1);
        struct slice segment = slice_until(rest, slice_find(rest, '/'));
        rest = slice_from(rest, segment.length);
        if (hides_dots(segment))
            return false;
        if (is_dot(segment) || is_dot_dot(segment)) {
            if (behind_empty || slice_starts_with(rest, SLICE("//")))
                return false;
            if (is_dot_dot(segment) && !pop_segment(path, &kept))
                return false;
            if (slice_is_empty(rest))
                path[kept++] = '/';
        } else {
            path[kept++] = '/';
            memmove(path + kept, segment.data, segment.length);
            kept += segment.length;
        }
        behind_empty = slice_is_empty(segment);
    }
    *length = kept;
    return true;
}

enum path_verdict path_normalize(struct slice path, struct arena *arena, struct slice *ret_path)
{
    ASSERT(arena && ret_path);
    if (slice_is_empty(path) || path.data[0] != '/')
        return PATH_REFUSED;
    if (is_plain(path)) {
        *ret_path = path;
        return PATH_PLAIN;
    }
    char *memory = arena_alloc(arena, path.length);
    if (!memory)
        return PATH_NO_MEMORY;
    struct text text = text_over(memory, path.length);
    if (!decode(path, &text) || !remove_dots(text.data, &text.length))
        return PATH_REFUSED;
    if (slice_equal(text_slice(&text), path)) {
        *ret_path = path;
        return PATH_PLAIN;
    }
    *ret_path = text_slice(&text);
    return PATH_REWRITTEN;
}

static bool has_small_digits(struct slice path)
{
    for (size_t i = slice_find(path, '%'); i + 2 < path.length; i++) {
        if (path.data[i] == '%' && (path.data[i + 1] >= 'a' || path.data[i + 2] >= 'a'))
            return true;
    }
    return false;
}

bool path_match_form(struct slice path, struct arena *arena, struct slice *ret_path)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    *ret_path = path;
    if (!has_small_digits(path))
        return true;
    char *memory = arena_alloc(arena, path.length);
    if (!memory)
        return false;
    memcpy(memory, path.data, path.length);
    for (size_t i = 0; i + 2 < path.length; i++) {
        if (memory[i] != '%')
            continue;
        memory[i + 1] = DIGITS[hex_value(memory[i + 1])];
        memory[i + 2] = DIGITS[hex_value(memory[i + 2])];
        i += 2;
    }
    *ret_path = slice_of(memory, path.length);
    return true;
}

bool path_next_segment(struct slice *rest, struct slice *ret_segment)
{
    size_t start = 0;
    while (start < rest->length && rest->data[start] == '/')
        start++;
    struct slice found = slice_from(*rest, start);
    found = slice_until(found, slice_find(found, '/'));
    *rest = slice_from(*rest, start + found.length);
    if (slice_is_empty(found))
        return false;
    *ret_segment = found;
    return true;
}

bool reference_names_host(struct slice reference)
{
    size_t at = 1;
    while (at < reference.length && reference.data[at] == '\t')
        at++;
    return at < reference.length && reference.data[0] == '/' &&
           (reference.data[at] == '/' || reference.data[at] == '\\');
}

static bool port_parse(struct slice text, uint16_t *ret_port)
{
    uint64_t port = 0;
    if (!slice_is_empty(text) && (!slice_to_number(text, UINT16_MAX, &port) || port == 0))
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* `[v6]` and what follows it. */
COLD __attribute__((noinline)) static bool literal_parse(struct slice authority,
                                                         struct slice *ret_host, uint16_t *ret_port)
{
    struct slice rest = slice_from(authority, 1);
    if (slice_find(rest, ']') == rest.length)
        return false;
    struct slice host = slice_cut(&rest, ']');
    struct ip ip;
    if (slice_find(host, ':') == host.length || !ip_parse(host, &ip))
        return false;
    if (!slice_is_empty(rest) && rest.data[0] != ':')
        return false;
    if (!port_parse(slice_from(rest, 1), ret_port))
        return false;
    *ret_host = host;
    return true;
}

/* Of the names of RFC 3986 3.2.2 only what those in use have: with escapes and sub-delims, of which
 * the comma makes a list, a server might find another name than Weir did; and a label has at least
 * one letter (RFC 1035 2.3.1), so that no name is empty without its last dot or made of dots. */
bool authority_parse(struct slice authority, struct slice *ret_host, uint16_t *ret_port)
{
    if (slice_is_empty(authority))
        return false;
    const char *end = authority.data + authority.length, *at = authority.data;
    while (at < end && byte_is(*at, BYTE_UNRESERVED) &&
           (*at != '.' || (at > authority.data && at[-1] != '.')))
        at++;
    size_t length = (size_t)(at - authority.data);
    if (length == 0)
        return authority.data[0] == '[' && literal_parse(authority, ret_host, ret_port);
    if (length < authority.length && authority.data[length] != ':')
        return false;
    *ret_host = slice_until(authority, length);
    return port_parse(slice_from(authority, length + 1), ret_port);
}

WHOLE bool host_normalize(struct slice name, char *memory, size_t capacity, struct slice *ret_host)
{
    ASSERT(memory);
    enum { NAME_MAX_LENGTH = 253 };
    if (name.length > 0 && name.data[name.length - 1] == '.')
        name.length--;
    if (name.length > capacity || name.length > NAME_MAX_LENGTH)
        return false;
    ascii_lower_copy(memory, name);
    *ret_host = slice_of(memory, name.length);
    return true;
}
