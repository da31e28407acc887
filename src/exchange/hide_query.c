/* Two passes: most queries have nothing to hide, and are not copied. */
#include "exchange/hide_query.h"

#include "base/arena.h"
#include "base/text.h"

#define MARK SLICE("[hidden]")

static const struct slice standard[] = {
    {"access_token", 12}, {"api_key", 7},        {"apikey", 6}, {"client_secret", 13},
    {"code", 4},          {"id_token", 8},       {"key", 3},    {"passwd", 6},
    {"password", 8},      {"refresh_token", 13}, {"secret", 6}, {"sig", 3},
    {"signature", 9},     {"token", 5},
};

const struct hidden_names hidden_names_standard = {standard,
                                                   sizeof(standard) / sizeof(standard[0])};

static int hex_value(char c)
{
    char lower = ascii_lower(c);
    if (ascii_is_digit(c))
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The next decoded byte of a name: a server reads `t%6Fken` as `token`. */
static char next_byte(struct slice *rest)
{
    char byte = rest->data[0];
    int high = byte == '%' && rest->length > 2 ? hex_value(rest->data[1]) : -1;
    int low = high >= 0 ? hex_value(rest->data[2]) : -1;
    *rest = slice_from(*rest, low >= 0 ? 3 : 1);
    return low >= 0 ? (char)(high * 16 + low) : byte;
}

static bool name_equal(struct slice sent, struct slice name)
{
    size_t length = 0;
    while (sent.length > 0) {
        char byte = next_byte(&sent);
        if (length == name.length || ascii_lower(byte) != ascii_lower(name.data[length]))
            return false;
        length++;
    }
    return length == name.length;
}

bool hidden_names_have(const struct hidden_names *names, struct slice parameter)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (name_equal(parameter, names->items[i]))
            return true;
    }
    return false;
}

/* Up to what may begin another one to somebody. */
static size_t parameter_length(struct slice rest)
{
    size_t length = 0;
    while (length < rest.length && !memchr("&;?#", rest.data[length], 4))
        length++;
    return length;
}

/* Without a text it only looks. Returns how many values are hidden. */
static size_t walk(struct slice query, const struct hidden_names *names, struct text *text)
{
    size_t hidden = 0;
    while (query.length > 0) {
        struct slice parameter = slice_until(query, parameter_length(query));
        size_t equals = slice_find(parameter, '='), shown = parameter.length;
        if (equals < parameter.length && hidden_names_have(names, slice_until(parameter, equals))) {
            hidden++;
            shown = equals + 1;
        }
        bool has_next = parameter.length < query.length;
        if (text) {
            text_add(text, slice_until(parameter, shown));
            if (shown < parameter.length || equals + 1 == shown)
                text_add(text, MARK);
            if (has_next)
                text_add_byte(text, query.data[parameter.length]);
        }
        query = slice_from(query, parameter.length + (has_next ? 1 : 0));
    }
    return hidden;
}

struct slice hide_in_query(struct slice text, const struct hidden_names *names, struct arena *arena)
{
    struct slice none = SLICE("");
    if (names->count == 0)
        return text;
    size_t hidden = walk(text, names, NULL);
    if (hidden == 0)
        return text;
    size_t room = text.length + hidden * MARK.length;
    char *memory = arena_alloc(arena, room);
    if (!memory)
        return none;
    struct text copy = text_over(memory, room);
    (void)walk(text, names, &copy);
    return text_slice(&copy);
}

struct slice hide_in_target(struct slice text, const struct hidden_names *names,
                            struct arena *arena)
{
    size_t question = slice_find(text, '?'), hash = slice_find(text, '#');
    size_t mark = question < hash ? question : hash;
    if (mark == text.length)
        return text;
    struct slice query = slice_from(text, mark + 1), shown = hide_in_query(query, names, arena);
    if (shown.data == query.data)
        return text;
    struct slice parts[] = {slice_until(text, mark + 1), shown};
    struct slice joined = arena_join(arena, parts, 2);
    return joined.data ? joined : SLICE("");
}
