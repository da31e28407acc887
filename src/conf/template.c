/* A template is its pieces in order. Names are found in the table as the longest that stands there,
 * so that `$host.example.com` means what people mean by it. */
#include "conf/template.h"

#include "base/arena.h"
#include "base/assert.h"
#include "conf/foreign_words.h"

enum { ERRORS_MAX = 8, NAMES_MAX = 128 };

enum piece_kind { PIECE_TEXT, PIECE_VARIABLE, PIECE_CAPTURE };

struct piece {
    enum piece_kind kind;
    unsigned capture;
    const struct variable *variable;
    struct slice text; /* PIECE_TEXT; the argument of PIECE_VARIABLE */
};

struct template
{
    unsigned captures; /* how many are needed */
    uint32_t count;
    struct piece pieces[];
};

struct compiling {
    const struct node *scalar;
    enum template_phase phase;
    unsigned captures;
    const struct variable_table *variables;
    struct arena *arena;
    struct diagnostics *diagnostics;
    unsigned errors;
    uint32_t count;
    struct piece pieces[TEMPLATE_PIECES_MAX];
};

static bool is_name_byte(char c)
{
    char lower = ascii_lower(c);
    return ascii_is_digit(c) || c == '_' || (lower >= 'a' && lower <= 'z');
}

/* The argument behind a name with a dot: also dashes, and dots that something follows. */
static size_t argument_length(struct slice text)
{
    size_t end = 0;
    while (end < text.length) {
        bool is_joint = text.data[end] == '-' || text.data[end] == '.';
        bool goes_on = end + 1 < text.length && is_name_byte(text.data[end + 1]);
        if (!is_name_byte(text.data[end]) && !(is_joint && end > 0 && goes_on))
            break;
        end++;
    }
    return end;
}

static void tell(struct compiling *compiling, size_t offset, const char *cure, const char *what,
                 struct slice name)
{
    compiling->errors++;
    diagnostics_error(compiling->diagnostics, node_position_at(compiling->scalar, offset), cure,
                      "%s \"%.*s\"", what, SHOWN(name));
}

static void add_piece(struct compiling *compiling, struct piece piece)
{
    if (piece.kind == PIECE_TEXT && piece.text.length == 0)
        return;
    if (compiling->count < TEMPLATE_PIECES_MAX)
        compiling->pieces[compiling->count] = piece;
    else if (compiling->count == TEMPLATE_PIECES_MAX)
        tell(compiling, 0, NULL, "too many variables in", compiling->scalar->text);
    compiling->count++;
}

/* The longest name that `text` begins with; `*ret_length` is its length with the argument. */
static const struct variable *find_variable(const struct compiling *compiling, struct slice text,
                                            size_t *ret_length)
{
    const struct variable *best = NULL;
    *ret_length = 0;
    for (size_t i = 0; i < compiling->variables->count; i++) {
        struct slice name = slice_from_text(compiling->variables->items[i].name);
        if (!slice_starts_with(text, name))
            continue;
        struct slice rest = slice_from(text, name.length);
        bool has_argument = slice_ends_with(name, SLICE("."));
        size_t argument = has_argument ? argument_length(rest) : 0;
        bool fits = has_argument ? argument > 0 : !rest.length || !is_name_byte(rest.data[0]);
        if (fits && name.length + argument > *ret_length) {
            best = &compiling->variables->items[i];
            *ret_length = name.length + argument;
        }
    }
    return best;
}

static const char *spelling_cure(const struct compiling *compiling, struct slice name)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (; count < compiling->variables->count && count < NAMES_MAX; count++)
        names[count] = compiling->variables->items[count].name;
    if (slice_starts_with(name, SLICE("env.")))
        return "the environment is written ${env.NAME}";
    const char *foreign = foreign_variable(name, compiling->diagnostics);
    if (foreign)
        return foreign;
    const char *meant = did_you_mean(name, names, count);
    size_t dot = slice_find_last(name, '.');
    if (!meant && dot < name.length)
        meant = did_you_mean(slice_until(name, dot + 1), names, count);
    if (!meant)
        return name.length ? "\"weir settings\" lists what there is"
                           : "a dollar itself is written $$";
    bool has_argument = slice_ends_with(slice_from_text(meant), SLICE("."));
    return diagnostics_text(compiling->diagnostics, "did you mean \"$%s%s\"?", meant,
                            has_argument ? "NAME" : "");
}

static void use_variable(struct compiling *compiling, const struct variable *variable,
                         struct slice name, size_t offset)
{
    if (variable->phase > compiling->phase)
        tell(compiling, offset,
             variable->phase == TEMPLATE_END ? "it is known only at the end, in a log"
                                             : "it is known only when the response is there",
             "too early for the variable", name);
    add_piece(compiling, (struct piece){.kind = PIECE_VARIABLE,
                                        .variable = variable,
                                        .text = slice_from(name, strlen(variable->name))});
}

static void use_capture(struct compiling *compiling, char digit, size_t offset)
{
    unsigned number = (unsigned)(digit - '0');
    if (number >= compiling->captures)
        tell(compiling, offset,
             compiling->captures ? "count the parentheses of the pattern"
                                 : "captures come from a pattern: \"~^/(.*)$\"",
             "there is no capture", slice_of(&digit, 1));
    add_piece(compiling, (struct piece){.kind = PIECE_CAPTURE, .capture = number});
}

/* `${name}`, from the dollar on. Returns how many bytes it takes. */
static size_t compile_braced(struct compiling *compiling, struct slice text, size_t offset)
{
    size_t end = slice_find(text, '}'), length = 0;
    if (end == text.length) {
        tell(compiling, offset, "close it with \"}\"", "a brace is not closed in", text);
        return text.length;
    }
    ASSERT(end >= 2);
    struct slice name = slice_until(slice_from(text, 2), end - 2);
    const struct variable *variable = find_variable(compiling, name, &length);
    if (name.length == 1 && ascii_is_digit(name.data[0]))
        use_capture(compiling, name.data[0], offset);
    else if (variable && length == name.length)
        use_variable(compiling, variable, name, offset);
    else
        tell(compiling, offset, spelling_cure(compiling, name), "unknown variable", name);
    return end + 1;
}

/* `$name`, `$1` or `$$`, from the dollar on. Returns how many bytes it takes. */
static size_t compile_dollar(struct compiling *compiling, struct slice text, size_t offset)
{
    ASSERT(text.length > 0 && text.data[0] == '$');
    struct slice rest = slice_from(text, 1);
    char next = rest.length ? rest.data[0] : '\0';
    size_t length = 0;
    if (next == '{')
        return compile_braced(compiling, text, offset);
    if (next == '$') {
        add_piece(compiling, (struct piece){.text = slice_until(text, 1)});
        return 2;
    }
    if (ascii_is_digit(next)) {
        use_capture(compiling, next, offset);
        return 2;
    }
    const struct variable *variable = find_variable(compiling, rest, &length);
    if (variable) {
        use_variable(compiling, variable, slice_until(rest, length), offset);
        return 1 + length;
    }
    struct slice name = slice_until(rest, argument_length(rest));
    tell(compiling, offset, spelling_cure(compiling, name),
         name.length ? "unknown variable" : "no name behind the dollar in",
         name.length ? name : text);
    return 1 + name.length;
}

/* Where the next dollar stands that did not come from the environment. */
static size_t find_dollar(const struct node *scalar, size_t start)
{
    const struct node_stretch *stretch = scalar->environment;
    for (size_t i = start; i < scalar->text.length; i++) {
        while (stretch && stretch->end && stretch->end <= i)
            stretch++;
        bool is_given = stretch && stretch->end && i >= stretch->start;
        if (scalar->text.data[i] == '$' && !is_given)
            return i;
    }
    return scalar->text.length;
}

/* Texts alone become one: then nothing is left to do when it is used. */
static bool join_texts(struct compiling *compiling)
{
    struct slice texts[TEMPLATE_PIECES_MAX];
    for (uint32_t i = 0; i < compiling->count; i++) {
        if (compiling->pieces[i].kind != PIECE_TEXT)
            return true;
        texts[i] = compiling->pieces[i].text;
    }
    if (compiling->count < 2)
        return true;
    compiling->pieces[0].text = arena_join(compiling->arena, texts, compiling->count);
    compiling->count = 1;
    return compiling->pieces[0].text.data;
}

static const struct template *finish(struct compiling *compiling)
{
    if (!join_texts(compiling))
        return NULL;
    size_t size = compiling->count * sizeof(struct piece);
    ASSERT(compiling->count <= TEMPLATE_PIECES_MAX);
    struct template *template = arena_calloc(compiling->arena, sizeof(*template) + size);
    if (!template)
        return NULL;
    template->count = compiling->count;
    memcpy(template->pieces, compiling->pieces, size);
    for (uint32_t i = 0; i < template->count; i++) {
        const struct piece *piece = &template->pieces[i];
        if (piece->kind == PIECE_CAPTURE && piece->capture >= template->captures)
            template->captures = piece->capture + 1;
    }
    return template;
}

const struct template *template_compile(const struct node *scalar, enum template_phase phase,
                                        unsigned captures, const struct variable_table *variables,
                                        struct arena *arena, struct diagnostics *diagnostics)
{
    ASSERT(scalar->kind == NODE_SCALAR);
    struct compiling compiling = {.scalar = scalar,
                                  .phase = phase,
                                  .captures = captures,
                                  .variables = variables,
                                  .arena = arena,
                                  .diagnostics = diagnostics};
    struct slice text = scalar->text;
    size_t done = 0;
    while (done < text.length && compiling.errors < ERRORS_MAX) {
        size_t dollar = find_dollar(scalar, done);
        add_piece(&compiling,
                  (struct piece){.text = slice_until(slice_from(text, done), dollar - done)});
        done = dollar;
        if (dollar < text.length)
            done += compile_dollar(&compiling, slice_from(text, dollar), dollar);
    }
    return compiling.errors ? NULL : finish(&compiling);
}

unsigned template_captures(const struct template *template)
{
    return template->captures;
}

bool template_names(const struct template *template, const char *name)
{
    for (uint32_t i = 0; i < template->count; i++) {
        const struct piece *piece = &template->pieces[i];
        if (piece->kind == PIECE_VARIABLE && strcmp(piece->variable->name, name) == 0)
            return true;
    }
    return false;
}

struct slice template_expand(const struct template *template, const void *exchange,
                             const struct slice *captures, struct arena *arena)
{
    struct slice values[TEMPLATE_PIECES_MAX], constant;
    if (template_is_constant(template, &constant))
        return constant;
    ASSERT(captures || template->captures == 0);
    for (uint32_t i = 0; i < template->count; i++) {
        const struct piece *piece = &template->pieces[i];
        if (piece->kind == PIECE_TEXT)
            values[i] = piece->text;
        else if (piece->kind == PIECE_CAPTURE)
            values[i] = captures[piece->capture];
        else
            values[i] = piece->variable->get(exchange, piece->text, arena);
    }
    return template->count == 1 && values[0].data ? values[0]
                                                  : arena_join(arena, values, template->count);
}

struct slice template_expand_encoded(const struct template *template, const void *exchange,
                                     struct slice (*encode)(struct slice value,
                                                            struct arena *arena),
                                     struct arena *arena)
{
    struct slice values[TEMPLATE_PIECES_MAX], none = slice_of(NULL, 0);
    ASSERT(template->captures == 0);
    for (uint32_t i = 0; i < template->count; i++) {
        const struct piece *piece = &template->pieces[i];
        values[i] = piece->text;
        if (piece->kind == PIECE_VARIABLE)
            values[i] = encode(piece->variable->get(exchange, piece->text, arena), arena);
        if (!values[i].data)
            return none;
    }
    return arena_join(arena, values, template->count);
}

bool template_is_constant(const struct template *template, struct slice *ret_text)
{
    if (template->count > 1 || (template->count == 1 && template->pieces[0].kind != PIECE_TEXT))
        return false;
    *ret_text = template->count ? template->pieces[0].text : SLICE("");
    return true;
}

uint32_t template_part_count(const struct template *template)
{
    return template->count;
}

struct template_part template_part(const struct template *template, uint32_t index)
{
    ASSERT(index < template->count && template->captures == 0);
    const struct piece *piece = &template->pieces[index];
    return (struct template_part){.variable = piece->variable, .text = piece->text};
}
