#include "policy/pattern_cost.h"

#include "base/assert.h"

enum { DEPTH_MAX = 32 };

/* What may come how often. */
struct repeat {
    bool may_be_none;  /* `?`, `*`, `{0,…}` */
    bool is_unbounded; /* `*`, `+`, `{n,}`; not where it gives nothing back: `*+` */
};

/* A group that is open; the expression itself is the outermost. */
struct group {
    size_t start;
    bool is_loose; /* some alternative so far can be cut anywhere: see ends_loose */
    /* Of the alternative at hand: */
    unsigned needed; /* elements that must come */
    bool has_unbounded, needs_bounded;
};

struct parsing {
    struct slice expression;
    size_t at;
    struct group groups[DEPTH_MAX];
    size_t depth;
    size_t found; /* the length of the expression: nothing yet */
};

static char byte_at(const struct parsing *parsing, size_t index)
{
    return index < parsing->expression.length ? parsing->expression.data[index] : '\0';
}

/* Whether an alternative may be as short as one turn of something that repeats: `a+`, `b?a+`,
 * `a*`. Then what it takes can also be taken by several turns of it. */
static bool ends_loose(const struct group *group)
{
    return group->has_unbounded && group->needed <= 1 && !group->needs_bounded;
}

static void end_alternative(struct group *group)
{
    group->is_loose |= ends_loose(group);
    group->needed = 0;
    group->has_unbounded = group->needs_bounded = false;
}

/* `{2}`, `{2,}` or `{2,5}`, from the brace on; a brace that begins none of them is itself. */
static bool take_count(struct parsing *parsing, struct repeat *ret_repeat)
{
    size_t at = parsing->at + 1, digits = at;
    bool has_comma = false;
    while (ascii_is_digit(byte_at(parsing, at)))
        at++;
    if (at == digits)
        return false;
    ret_repeat->may_be_none = byte_at(parsing, digits) == '0';
    if (byte_at(parsing, at) == ',') {
        has_comma = true;
        digits = ++at;
        while (ascii_is_digit(byte_at(parsing, at)))
            at++;
    }
    ret_repeat->is_unbounded = has_comma && at == digits;
    if (byte_at(parsing, at) != '}')
        return false;
    parsing->at = at + 1;
    return true;
}

static struct repeat take_repeat(struct parsing *parsing)
{
    struct repeat repeat = {false, false}, once = repeat;
    char byte = byte_at(parsing, parsing->at);
    if (byte == '*' || byte == '+' || byte == '?') {
        repeat.may_be_none = byte != '+';
        repeat.is_unbounded = byte != '?';
        parsing->at++;
    } else if (byte != '{' || !take_count(parsing, &repeat)) {
        return once;
    }
    char mode = byte_at(parsing, parsing->at);
    if (mode == '+')
        repeat.is_unbounded = false;
    parsing->at += mode == '+' || mode == '?';
    return repeat;
}

static void add_element(struct parsing *parsing, struct repeat repeat)
{
    struct group *group = &parsing->groups[parsing->depth];
    group->has_unbounded |= repeat.is_unbounded;
    group->needed += !repeat.may_be_none;
    group->needs_bounded |= !repeat.may_be_none && !repeat.is_unbounded;
}

/* Whether anything can fail behind this place: without that, the first try is the last. */
static bool something_follows(const struct parsing *parsing)
{
    for (size_t i = parsing->at; i < parsing->expression.length; i++) {
        if (parsing->expression.data[i] != ')')
            return true;
    }
    return false;
}

/* False: more ends than beginnings. */
static bool end_group(struct parsing *parsing)
{
    if (parsing->depth == 0)
        return false;
    struct group *group = &parsing->groups[parsing->depth--];
    parsing->at++;
    end_alternative(group);
    struct repeat repeat = take_repeat(parsing);
    if (repeat.is_unbounded && group->is_loose && something_follows(parsing))
        parsing->found = group->start;
    repeat.is_unbounded |= group->is_loose;
    add_element(parsing, repeat);
    return true;
}

/* `(`, `(?:`, `(?<name>`, `(?P<name>`. False: something else, or they lie too deep. */
static bool begin_group(struct parsing *parsing)
{
    struct slice rest = slice_from(parsing->expression, parsing->at);
    size_t length = 1;
    if (slice_starts_with(rest, SLICE("(?:")))
        length = 3;
    else if ((slice_starts_with(rest, SLICE("(?<")) && rest.length > 3 && rest.data[3] != '=' &&
              rest.data[3] != '!') ||
             slice_starts_with(rest, SLICE("(?P<")))
        length = slice_find(rest, '>') + 1;
    else if (slice_starts_with(rest, SLICE("(?")) || slice_starts_with(rest, SLICE("(*")))
        return false;
    if (parsing->depth + 1 == DEPTH_MAX)
        return false;
    parsing->groups[++parsing->depth] = (struct group){.start = parsing->at};
    parsing->at += length;
    return true;
}

/* `[^]a-z[:digit:]]`. False: it has no end. */
static bool take_class(struct parsing *parsing)
{
    size_t at = parsing->at + 1;
    at += byte_at(parsing, at) == '^';
    at += byte_at(parsing, at) == ']';
    while (at < parsing->expression.length && byte_at(parsing, at) != ']') {
        bool is_named = byte_at(parsing, at) == '[' && byte_at(parsing, at + 1) == ':';
        struct slice rest = slice_from(parsing->expression, at);
        const char *end = is_named ? memmem(rest.data, rest.length, ":]", 2) : NULL;
        if (end)
            at += (size_t)(end - rest.data) + 2;
        else
            at += byte_at(parsing, at) == '\\' ? 2 : 1;
    }
    parsing->at = at + 1;
    return at < parsing->expression.length;
}

/* A backslash with what it makes of the next byte. False: more than that byte belongs to it. */
static bool take_escape(struct parsing *parsing)
{
    char escaped = byte_at(parsing, parsing->at + 1);
    if (escaped == '\0' || ascii_is_digit(escaped) || strchr("QEcgkoxpPN", escaped))
        return false;
    parsing->at += 2;
    if (!strchr("bBAzZGK", escaped))
        add_element(parsing, take_repeat(parsing));
    return true;
}

/* One piece of the expression. False: it is not understood. */
static bool take_piece(struct parsing *parsing)
{
    ASSERT(parsing->at < parsing->expression.length && parsing->depth < DEPTH_MAX);
    switch (byte_at(parsing, parsing->at)) {
    case '(':
        return begin_group(parsing);
    case ')':
        return end_group(parsing);
    case '|':
        end_alternative(&parsing->groups[parsing->depth]);
        parsing->at++;
        return true;
    case '^':
    case '$':
        parsing->at++;
        return true;
    case '\\':
        return take_escape(parsing);
    case '[':
        if (!take_class(parsing))
            return false;
        break;
    default:
        parsing->at++;
        break;
    }
    add_element(parsing, take_repeat(parsing));
    return true;
}

size_t pattern_find_nested_repeat(struct slice expression)
{
    struct parsing parsing = {.expression = expression, .found = expression.length};
    while (parsing.at < expression.length && parsing.found == expression.length) {
        if (!take_piece(&parsing))
            return expression.length;
    }
    return parsing.found;
}
