#include "conf/environment.h"

#include "base/arena.h"
#include "base/assert.h"
#include "conf/utf8.h"

enum { NAME_MAX_LENGTH = 255, REFERENCES_MAX = 64 };

struct expansion {
    const struct environment *environment;
    struct node *scalar;
    struct arena *arena;
    struct diagnostics *diagnostics;
    /* The text in pieces: what stands in the file and what is put in, by turns. */
    struct slice pieces[2 * REFERENCES_MAX + 1];
    struct slice references[REFERENCES_MAX]; /* what each second piece is put in for */
    size_t count;
};

static const struct slice opening = {"${env.", 6};

/* Where the next reference begins; a doubled dollar is none. */
static size_t find_reference(struct slice text, size_t start)
{
    for (size_t i = start; i < text.length; i++) {
        if (text.data[i] != '$')
            continue;
        if (i + 1 < text.length && text.data[i + 1] == '$')
            i++;
        else if (slice_starts_with(slice_from(text, i), opening))
            return i;
    }
    return text.length;
}

static bool is_name(struct slice name)
{
    if (name.length == 0 || name.length > NAME_MAX_LENGTH || ascii_is_digit(name.data[0]))
        return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = ascii_lower(name.data[i]);
        if (!ascii_is_digit(c) && c != '_' && (c < 'a' || c > 'z'))
            return false;
    }
    return true;
}

/* The value of `NAME` or `NAME:-default`; what is wrong is told at `offset`. */
static struct slice look_up(struct expansion *expansion, struct slice inside, size_t offset)
{
    struct position position = node_position_at(expansion->scalar, offset);
    size_t colon = slice_find(inside, ':');
    struct slice name = slice_until(inside, colon), rest = slice_from(inside, colon);
    bool has_default = slice_starts_with(rest, SLICE(":-"));
    if (!is_name(name) || (rest.length && !has_default)) {
        diagnostics_error(expansion->diagnostics, position,
                          "write ${env.NAME} or ${env.NAME:-default}",
                          "\"${env.%.*s}\" is no name of an environment variable", SHOWN(inside));
        return SLICE("");
    }
    char terminated[NAME_MAX_LENGTH + 1] = "";
    ASSERT(name.length < sizeof(terminated));
    memcpy(terminated, name.data, name.length);
    const struct environment *environment = expansion->environment;
    const char *value =
        environment->get ? environment->get(environment->context, terminated) : NULL;
    if (has_default && (!value || !*value))
        return slice_from(rest, 2);
    if (!value)
        diagnostics_error(expansion->diagnostics, position,
                          diagnostics_text(expansion->diagnostics,
                                           "set it, or give a default: ${env.%s:-…}", terminated),
                          "the environment has no %s", terminated);
    else if (utf8_check(slice_from_text(value)) < strlen(value))
        diagnostics_error(expansion->diagnostics, position, NULL,
                          "the value of %s in the environment is not UTF-8", terminated);
    else
        return slice_from_text(value);
    return SLICE("");
}

/* Cuts the text into pieces; false: something is malformed and was told. */
static bool cut(struct expansion *expansion)
{
    struct slice text = expansion->scalar->text;
    size_t done = 0;
    for (;;) {
        size_t start = find_reference(text, done);
        expansion->pieces[expansion->count++] = slice_until(slice_from(text, done), start - done);
        if (start == text.length)
            return true;
        struct slice rest = slice_from(text, start + opening.length);
        size_t end = slice_find(rest, '}');
        if (end == rest.length || expansion->count + 1 >= 2 * REFERENCES_MAX) {
            bool is_open = end == rest.length;
            diagnostics_error(expansion->diagnostics, node_position_at(expansion->scalar, start),
                              is_open ? "write ${env.NAME} or ${env.NAME:-default}" : NULL,
                              is_open ? "\"${env.\" is not closed by \"}\""
                                      : "too many environment variables in one text");
            return false;
        }
        done = start + opening.length + end + 1;
        expansion->references[expansion->count / 2] = slice_from(slice_until(text, done), start);
        expansion->pieces[expansion->count++] = look_up(expansion, slice_until(rest, end), start);
    }
}

/* Where the pieces from the environment will stand: every second one. NULL: no memory. */
static struct node_stretch *measure(struct expansion *expansion)
{
    struct node_stretch *stretches =
        ARENA_ARRAY(expansion->arena, struct node_stretch, expansion->count / 2 + 1);
    uint32_t at = 0, used = 0;
    ASSERT(expansion->count % 2 == 1);
    for (size_t i = 0; stretches && i < expansion->count; i++) {
        uint32_t end = at + (uint32_t)expansion->pieces[i].length;
        if (i % 2 == 1 && end > at)
            stretches[used++] = (struct node_stretch){at, end, expansion->references[i / 2]};
        at = end;
    }
    return stretches;
}

bool environment_expand(struct node *scalar, const struct environment *environment,
                        struct arena *arena, struct diagnostics *diagnostics)
{
    ASSERT(scalar->kind == NODE_SCALAR);
    if (find_reference(scalar->text, 0) == scalar->text.length)
        return true;
    struct expansion expansion = {
        .environment = environment, .scalar = scalar, .arena = arena, .diagnostics = diagnostics};
    if (!cut(&expansion))
        return true;
    struct node_stretch *stretches = measure(&expansion);
    struct slice text = arena_join(arena, expansion.pieces, expansion.count);
    if (!stretches || !text.data)
        return false;
    scalar->text = text;
    scalar->environment = stretches;
    scalar->verbatim = false;
    return true;
}
