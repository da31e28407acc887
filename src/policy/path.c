#include "policy/path.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/text.h"
#include "http/byte_class.h"

static bool is_kept(char byte)
{
    return byte == '%' || byte_is(byte, BYTE_PATH);
}

struct slice path_escape(struct slice path, struct arena *arena)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    size_t length = path.length;
    for (size_t i = 0; i < path.length; i++)
        length += is_kept(path.data[i]) ? 0 : 2;
    if (length == path.length)
        return path;
    char *memory = arena_alloc(arena, length);
    if (!memory)
        return slice_of(NULL, 0);
    struct text text = text_over(memory, length);
    for (size_t i = 0; i < path.length; i++) {
        unsigned char byte = (unsigned char)path.data[i];
        const char escape[3] = {'%', DIGITS[byte >> 4], DIGITS[byte & 15]};
        if (is_kept(path.data[i]))
            text_add_byte(&text, path.data[i]);
        else
            text_add(&text, slice_of(escape, sizeof(escape)));
    }
    return text_slice(&text);
}

static bool has_double_slash(struct slice path)
{
    for (size_t i = 1; i < path.length; i++) {
        if (path.data[i] == '/' && path.data[i - 1] == '/')
            return true;
    }
    return false;
}

bool path_collapse(struct slice path, struct arena *arena, struct slice *ret_path)
{
    *ret_path = path;
    if (!has_double_slash(path))
        return true;
    char *memory = arena_alloc(arena, path.length);
    if (!memory)
        return false;
    size_t length = 0;
    for (size_t i = 0; i < path.length; i++) {
        if (path.data[i] != '/' || length == 0 || memory[length - 1] != '/')
            memory[length++] = path.data[i];
    }
    *ret_path = slice_of(memory, length);
    return true;
}

uint32_t path_depth(struct slice path)
{
    uint32_t depth = 0;
    for (size_t i = 0; i < path.length; i++)
        depth += path.data[i] == '/';
    return depth;
}

bool path_has_prefix(struct slice path, struct slice prefix)
{
    ASSERT(!slice_ends_with(prefix, SLICE("/")));
    if (!slice_starts_with(path, prefix))
        return false;
    return path.length == prefix.length ? path.length > 0 : path.data[prefix.length] == '/';
}

/* Whether the byte of a normalized path is that of a prefix, where the digits of escapes are
 * capitals. */
static bool is_byte_of_prefix(struct slice path, size_t at, char expected)
{
    char byte = path.data[at];
    bool is_digit = byte >= 'a' && ((at >= 1 && path.data[at - 1] == '%') ||
                                    (at >= 2 && path.data[at - 2] == '%'));
    return byte == expected || (is_digit && byte - 'a' + 'A' == expected);
}

bool path_behind_prefix(struct slice path, struct slice prefix, struct slice *ret_rest)
{
    ASSERT(!slice_ends_with(prefix, SLICE("/")));
    size_t at = 0;
    for (size_t i = 0; i < prefix.length; i++, at++) {
        while (prefix.data[i] != '/' && at > 0 && at < path.length && path.data[at] == '/' &&
               path.data[at - 1] == '/')
            at++;
        if (at >= path.length || !is_byte_of_prefix(path, at, prefix.data[i]))
            return false;
    }
    struct slice rest = slice_from(path, at);
    if (!slice_is_empty(rest) && rest.data[0] != '/')
        return false;
    *ret_rest = rest;
    return true;
}
