#include "policy/pattern.h"

#include "base/arena.h"
#include "base/assert.h"
#include "policy/pattern_cost.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    /* A pattern that needs more steps than this for one text is given up: well under a
     * millisecond with JIT, and enough for any honest pattern over the longest target. */
    MATCH_LIMIT = 100 * 1000,
    DEPTH_LIMIT = 1000,          /* of the interpreter, where there is no JIT */
    HEAP_LIMIT = 1024,           /* of the interpreter, in KiB */
    JIT_STACK_MIN = 32 * 1024,   /* bytes */
    JIT_STACK_MAX = 2048 * 1024, /* bytes; reserved, and used only as far as needed */
    ERROR_TEXT_MAX = 256,
};

struct pattern {
    pcre2_code *code;
    uint32_t groups;
    uint32_t prefix_length;
    char prefix[];
};

/* --- The literal beginning ---------------------------------------------------------------------
 */

/* Whether an alternative stands outside all parentheses: then no beginning is common. True also
 * where comments or quoted stretches make that hard to tell. */
static bool has_outer_alternative(struct slice expression)
{
    int depth = 0;
    bool in_class = false;
    if (memchr(expression.data, '#', expression.length) ||
        memmem(expression.data, expression.length, "\\Q", 2))
        return true;
    for (size_t i = 0; i < expression.length; i++) {
        switch (expression.data[i]) {
        case '\\':
            i++;
            break;
        case '[':
            in_class = true;
            break;
        case ']':
            in_class = false;
            break;
        case '(':
            depth += !in_class;
            break;
        case ')':
            depth -= !in_class;
            break;
        case '|':
            if (!in_class && depth <= 0)
                return true;
            break;
        }
    }
    return false;
}

static bool is_plain(char c)
{
    return strchr("\\^$.[|()?*+{", c) == NULL;
}

/* `\.` stands for the dot itself; a backslash before a letter or digit means something else. */
static bool is_escaped_literal(struct slice s)
{
    return s.length >= 2 && s.data[0] == '\\' && (unsigned char)s.data[1] < 0x80 &&
           !ascii_is_digit(s.data[1]) &&
           !(ascii_lower(s.data[1]) >= 'a' && ascii_lower(s.data[1]) <= 'z');
}

/* Writes the literal beginning of an anchored expression into `prefix` (as large as the
 * expression) and returns its length. What is not understood ends it: too short is only slow. */
static size_t find_literal_prefix(struct slice expression, char *prefix)
{
    if (slice_is_empty(expression) || expression.data[0] != '^' ||
        has_outer_alternative(expression))
        return 0;
    size_t length = 0;
    struct slice rest = slice_from(expression, 1);
    while (!slice_is_empty(rest)) {
        size_t taken = is_escaped_literal(rest) ? 2 : 1;
        if (taken == 1 && !is_plain(rest.data[0]))
            break;
        prefix[length++] = rest.data[taken - 1];
        rest = slice_from(rest, taken);
    }
    /* The last one may be repeated no times. */
    if (length && !slice_is_empty(rest) && strchr("?*{", rest.data[0]))
        length--;
    return length;
}

/* --- Compiling ---------------------------------------------------------------------------------
 */

static void tell_error(const struct node *scalar, size_t offset, int error,
                       struct diagnostics *diagnostics)
{
    PCRE2_UCHAR words[ERROR_TEXT_MAX];
    if (pcre2_get_error_message(error, words, sizeof(words)) < 0)
        words[0] = '\0';
    diagnostics_error(diagnostics, node_position_at(scalar, offset), NULL,
                      "the regular expression is malformed here: %s", (const char *)words);
}

static pcre2_code *compile(const struct node *scalar, size_t start, struct diagnostics *diagnostics)
{
    /* A text is one line whatever bytes it holds: `.` takes each of them, and `$` is the end. */
    const uint32_t options =
        PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C;
    struct slice expression = slice_from(scalar->text, start);
    int error = 0;
    size_t offset = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)expression.data, expression.length, options,
                                     &error, &offset, NULL);
    if (!code)
        tell_error(scalar, start + offset, error, diagnostics);
    return code;
}

static void warn_of_cost(const struct node *scalar, size_t start, struct diagnostics *diagnostics)
{
    struct slice expression = slice_from(scalar->text, start);
    size_t at = pattern_find_nested_repeat(expression);
    if (at < expression.length)
        diagnostics_warning(diagnostics, node_position_at(scalar, start + at),
                            "let what is inside come once, or put something between its turns",
                            "this group repeats what repeats already: texts can be made on which "
                            "it is given up, and their requests are refused");
}

static void free_code(void *code)
{
    pcre2_code_free(code);
}

const struct pattern *pattern_new(const struct node *scalar, size_t start, struct arena *arena,
                                  struct diagnostics *diagnostics)
{
    ASSERT(scalar->kind == NODE_SCALAR && start <= scalar->text.length);
    struct slice expression = slice_from(scalar->text, start);
    struct pattern *pattern = arena_alloc(arena, sizeof(*pattern) + expression.length);
    pcre2_code *code = pattern ? compile(scalar, start, diagnostics) : NULL;
    if (!code || !arena_on_fini(arena, free_code, code)) {
        pcre2_code_free(code);
        return NULL;
    }
    warn_of_cost(scalar, start, diagnostics);
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without it the interpreter serves */
    *pattern = (struct pattern){.code = code};
    (void)pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &pattern->groups);
    pattern->prefix_length = (uint32_t)find_literal_prefix(expression, pattern->prefix);
    return pattern;
}

/* --- Matching ----------------------------------------------------------------------------------
 */

/* What a thread needs for matching, made at its first match. */
static _Thread_local struct {
    pcre2_match_data *data; /* NULL: not made yet */
    pcre2_jit_stack *stack;
    pcre2_match_context *limits;
} workspace;

void pattern_leave_thread(void)
{
    pcre2_match_data_free(workspace.data);
    pcre2_match_context_free(workspace.limits);
    pcre2_jit_stack_free(workspace.stack);
    memset(&workspace, 0, sizeof(workspace));
}

static bool make_workspace(void)
{
    workspace.data = pcre2_match_data_create(PATTERN_CAPTURES_MAX, NULL);
    workspace.limits = pcre2_match_context_create(NULL);
    workspace.stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    if (!workspace.data || !workspace.limits || !workspace.stack) {
        pattern_leave_thread();
        return false;
    }
    (void)pcre2_set_match_limit(workspace.limits, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(workspace.limits, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(workspace.limits, HEAP_LIMIT);
    pcre2_jit_stack_assign(workspace.limits, NULL, workspace.stack);
    return true;
}

static void copy_captures(struct slice text, int pairs, struct slice *captures)
{
    const size_t *offsets = pcre2_get_ovector_pointer(workspace.data);
    for (int i = 0; i < PATTERN_CAPTURES_MAX; i++) {
        bool has_part = i < pairs && offsets[2 * i] != PCRE2_UNSET;
        /* With \K a match may start behind its end. */
        bool is_forward = has_part && offsets[2 * i] <= offsets[2 * i + 1];
        captures[i] =
            is_forward ? slice_of(text.data + offsets[2 * i], offsets[2 * i + 1] - offsets[2 * i])
                       : slice_of(NULL, 0);
    }
}

enum pattern_verdict pattern_match(const struct pattern *pattern, struct slice text,
                                   struct slice *captures)
{
    if (!slice_starts_with(text, pattern_literal_prefix(pattern)))
        return PATTERN_DIFFERS;
    if (!workspace.data && !make_workspace())
        return PATTERN_TOO_COSTLY;
    PCRE2_SPTR bytes = (PCRE2_SPTR)(text.data ? text.data : "");
    int pairs =
        pcre2_match(pattern->code, bytes, text.length, 0, 0, workspace.data, workspace.limits);
    if (pairs == PCRE2_ERROR_NOMATCH)
        return PATTERN_DIFFERS;
    if (pairs < 0)
        return PATTERN_TOO_COSTLY;
    if (captures)
        copy_captures(text, pairs == 0 ? PATTERN_CAPTURES_MAX : pairs, captures);
    return PATTERN_MATCHES;
}

unsigned pattern_groups(const struct pattern *pattern)
{
    return pattern->groups;
}

struct slice pattern_literal_prefix(const struct pattern *pattern)
{
    return slice_of(pattern->prefix, pattern->prefix_length);
}
