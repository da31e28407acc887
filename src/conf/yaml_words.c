/* libyaml's errors in words that help. It says where it stood when it knew no further; most often
 * that is not where the mistake is, and never how to mend it. So each of YAML's traps has a
 * function that knows it by libyaml's words and by what stands in the line; the first that knows
 * the error tells it. */
#include "base/assert.h"
#include "conf/utf8.h"
#include "conf/yaml.h"
#include "conf/yaml_int.h"

enum { IPV6_LENGTH_MAX = 48 };

struct fault {
    const char *problem, *context;
    struct position at, from; /* of the problem, and of what was being read; both in the file */
    const struct yaml_scene *scene;
    struct slice line;  /* that of the problem */
    struct slice here;  /* the rest of it from the problem on */
    struct slice start; /* from `from` to the end of that line */
    struct slice bytes;
    struct diagnostics *diagnostics;
};

/* A place inside of the source: libyaml counts one line too many at its end. */
static struct position clip(struct slice bytes, struct position position)
{
    uint32_t line = 1;
    struct slice rest = bytes;
    while (line < position.line) {
        struct slice next = source_from_line(rest, 2);
        if (next.length == 0 && source_line(rest, 1).length == rest.length)
            break;
        rest = next;
        line++;
    }
    uint32_t end = (uint32_t)utf8_count(rest.length ? source_line(rest, 1) : rest) + 1;
    bool is_behind = line < position.line || position.column > end;
    return (struct position){position.source, line, is_behind ? end : position.column};
}

static struct slice text_at(struct slice bytes, struct position position)
{
    struct slice text = source_line(bytes, position.line);
    for (uint32_t i = 1; i < position.column && text.length; i++)
        utf8_next(&text);
    return text;
}

static bool is_problem(const struct fault *fault, const char *part)
{
    return strstr(fault->problem, part);
}

static bool is_context(const struct fault *fault, const char *part)
{
    return strstr(fault->context, part);
}

static bool begins_with_any(struct slice text, const char *bytes)
{
    return text.length && strchr(bytes, text.data[0]);
}

/* What stands before the problem in its line. */
static struct slice before(const struct fault *fault)
{
    ASSERT(fault->here.length <= fault->line.length);
    return slice_until(fault->line, fault->line.length - fault->here.length);
}

static char last_byte(struct slice text)
{
    return text.length ? text.data[text.length - 1] : ' ';
}

/* The word at the beginning of `text`: up to a space, or to what ends a key or a value in brackets.
 */
static struct slice word(struct slice text, bool in_brackets)
{
    size_t end = 0;
    while (end < text.length && !strchr(in_brackets ? " \t,]}" : " \t", text.data[end]))
        end++;
    if (end > 1 && text.data[end - 1] == ':')
        end--;
    return slice_until(text, end);
}

static const char *quote_it(const struct fault *fault, struct slice text)
{
    return diagnostics_text(fault->diagnostics, "put it in quotes: \"%.*s\"", SHOWN(text));
}

static bool is_in_flow(const struct fault *fault)
{
    struct slice text = before(fault);
    return slice_find(text, '[') < text.length || slice_find(text, '{') < text.length;
}

static bool explain_tab(const struct fault *fault)
{
    bool is_tab = begins_with_any(fault->here, "\t") && is_problem(fault, "cannot start any token");
    if (!is_tab && !is_problem(fault, "found a tab character"))
        return false;
    diagnostics_error(fault->diagnostics, fault->at, "indent with spaces",
                      "a tab indents this line, which YAML does not take");
    return true;
}

/* `[::1]` or `[fe80::1%eth0]`: hex digits and at least two colons in brackets. Its length, or 0. */
static size_t ipv6_length(struct slice text)
{
    if (!begins_with_any(text, "["))
        return 0;
    text = slice_until(text, IPV6_LENGTH_MAX);
    size_t end = slice_find(text, ']'), colons = 0;
    if (end == text.length)
        return 0;
    for (size_t i = 1; i < end; i++) {
        if (!strchr("0123456789abcdefABCDEF:.", text.data[i]))
            return 0;
        colons += text.data[i] == ':';
    }
    return colons >= 2 ? end + 1 : 0;
}

static bool explain_ipv6(const struct fault *fault)
{
    char quote = '\0';
    for (size_t i = 0; i < fault->line.length; i++) {
        char c = fault->line.data[i];
        if (c == '"' || c == '\'')
            quote = quote == c ? '\0' : quote ? quote : c;
        struct slice text = slice_from(fault->line, i);
        size_t length = quote ? 0 : ipv6_length(text);
        if (length == 0)
            continue;
        struct position position = fault->at;
        position.column = (uint32_t)utf8_count(slice_until(fault->line, i)) + 1;
        struct slice port = word(slice_from(text, length), true);
        diagnostics_error(fault->diagnostics, position,
                          quote_it(fault, slice_until(text, length + port.length)),
                          "an IPv6 address in brackets is a list in YAML");
        return true;
    }
    return false;
}

static const char *cure_of_lone_colon(const struct fault *fault, struct slice front)
{
    struct slice value = word(slice_trim(slice_from(fault->here, 1)), is_in_flow(fault));
    uint64_t port = 0;
    bool is_port = slice_to_number(value, 65535, &port);
    if (slice_is_empty(front))
        return is_port ? diagnostics_text(fault->diagnostics,
                                          "put a key before it, for example \"listen: :%.*s\"",
                                          SHOWN(value))
                       : "put a key before it, for example \"key: value\"";
    return is_port
               ? diagnostics_text(fault->diagnostics,
                                  "write \":%.*s\", in quotes and without the space", SHOWN(value))
               : "put it in quotes if it belongs to a text";
}

/* `listen: : 80` and `: 80`: a colon with a space behind it, at the beginning of a line or value.
 */
static bool explain_lone_colon(const struct fault *fault)
{
    struct slice front = slice_trim(before(fault));
    bool is_lone = fault->here.length == 1 || begins_with_any(slice_from(fault->here, 1), " \t");
    bool is_first = slice_is_empty(front) ||
                    (strchr(":-[{,", last_byte(front)) && front.length < before(fault).length) ||
                    strchr("[{,", last_byte(front));
    if (!begins_with_any(fault->here, ":") || !is_lone || !is_first)
        return false;
    diagnostics_error(fault->diagnostics, fault->at, cure_of_lone_colon(fault, front),
                      "nothing stands before this colon");
    return true;
}

static bool explain_colon_first(const struct fault *fault)
{
    if (!begins_with_any(fault->here, ":") || !is_context(fault, "flow node"))
        return false;
    diagnostics_error(fault->diagnostics, fault->at, quote_it(fault, word(fault->here, true)),
                      "in brackets a value cannot begin with a colon");
    return true;
}

/* `*` and `&`, whose words libyaml looked for behind them. */
static bool explain_alias(const struct fault *fault)
{
    bool is_alias = is_context(fault, "scanning an alias");
    if (!is_alias && !is_context(fault, "scanning an anchor"))
        return false;
    diagnostics_error(fault->diagnostics, fault->from,
                      quote_it(fault, word(fault->start, is_in_flow(fault))),
                      is_alias ? "a value that begins with \"*\" is an alias in YAML"
                               : "a value that begins with \"&\" is an anchor in YAML");
    return true;
}

static bool explain_tag(const struct fault *fault)
{
    if (!is_context(fault, "a tag") && !is_problem(fault, "undefined tag handle"))
        return false;
    diagnostics_error(fault->diagnostics, fault->from, "put it in quotes",
                      "a value that begins with \"!\" is a tag in YAML");
    return true;
}

static bool explain_reserved(const struct fault *fault)
{
    bool is_directive = is_context(fault, "directive");
    if (!is_directive &&
        !(is_problem(fault, "cannot start any token") && begins_with_any(fault->here, "@`%")))
        return false;
    struct slice text = is_directive ? fault->start : fault->here;
    diagnostics_error(fault->diagnostics, is_directive ? fault->from : fault->at,
                      quote_it(fault, word(text, is_in_flow(fault))),
                      "without quotes nothing can begin with \"%.*s\"", (int)(text.length > 0),
                      text.data);
    return true;
}

static bool explain_block_text(const struct fault *fault)
{
    if (!is_context(fault, "scanning a block scalar") ||
        !is_problem(fault, "comment or line break"))
        return false;
    diagnostics_error(fault->diagnostics, fault->from, quote_it(fault, fault->start),
                      "a value that begins with \"%.*s\" is a block of lines in YAML",
                      (int)(fault->start.length > 0), fault->start.data);
    return true;
}

static bool explain_escape(const struct fault *fault)
{
    if (is_problem(fault, "unknown escape character")) {
        diagnostics_error(fault->diagnostics, fault->at,
                          "double the backslash, or use single quotes, where it has no meaning",
                          "\"%.*s\" is no escape in a text in double quotes",
                          (int)(fault->here.length < 2 ? fault->here.length : 2), fault->here.data);
        return true;
    }
    if (!is_problem(fault, "invalid Unicode character escape"))
        return false;
    /* libyaml stands behind the backslash and the u. */
    uint32_t character = 0;
    if (before(fault).length >= 2)
        character = yaml_surrogates(slice_of(fault->here.data - 2, fault->here.length + 2));
    if (character)
        diagnostics_error(fault->diagnostics, fault->at,
                          diagnostics_text(fault->diagnostics,
                                           "write the character itself, or \\U%08X", character),
                          "a pair of surrogates is no character in YAML");
    else
        diagnostics_error(fault->diagnostics, fault->at, "write the character itself",
                          "this escape is no character");
    return true;
}

static bool explain_open_quote(const struct fault *fault)
{
    if (!is_context(fault, "scanning a quoted scalar"))
        return false;
    bool is_end = is_problem(fault, "end of stream");
    diagnostics_error(fault->diagnostics, fault->from, "close it where the text ends",
                      is_end ? "the quote that opens here is not closed up to the end of the file "
                               "(line %u)"
                             : "the quote that opens here is not closed where a document begins or "
                               "ends (line %u)",
                      fault->at.line);
    return true;
}

/* Where a comment begins in the line that swallows a bracket, as in `{body: a #b}`; or its length.
 * A quote opens only where a value may begin: `don't` has none. */
static size_t swallowing_comment(struct slice line)
{
    char quote = '\0', last = ' ';
    size_t at = 0;
    for (; at < line.length && (quote || line.data[at] != '#' || !strchr(" \t", last)); at++) {
        char c = line.data[at];
        if (quote)
            quote = c == quote ? '\0' : quote;
        else if ((c == '"' || c == '\'') && strchr(" \t[{,:", last))
            quote = c;
        last = c;
    }
    int open = 0;
    for (size_t i = at; i < line.length; i++) {
        char c = line.data[i];
        open += (c == '[' || c == '{') - (c == ']' || c == '}');
    }
    return open < 0 ? at : line.length;
}

static bool explain_comment(const struct fault *fault)
{
    bool is_end = is_context(fault, "flow node") && fault->here.length == 0;
    struct position at = is_end ? fault->scene->open : fault->from;
    if (at.line == 0 || !(is_end || is_problem(fault, "did not find expected ','")))
        return false;
    struct slice rest = source_from_line(fault->bytes, at.line);
    for (; at.line <= fault->at.line; at.line++, rest = source_from_line(rest, 2)) {
        struct slice line = source_line(rest, 1);
        size_t comment = swallowing_comment(line);
        if (comment == line.length)
            continue;
        at.column = (uint32_t)utf8_count(slice_until(line, comment)) + 1;
        diagnostics_error(fault->diagnostics, at,
                          "put the value in quotes if the # belongs to it, else close the bracket "
                          "before the comment",
                          "\"#\" begins a comment here, in which the closing bracket is lost");
        return true;
    }
    return false;
}

/* The quote was closed by the next one, lines later. */
static bool explain_wrong_quote(const struct fault *fault)
{
    bool in_flow = is_problem(fault, "did not find expected ','");
    if (!in_flow && !is_problem(fault, "did not find expected key"))
        return false;
    char quote = last_byte(in_flow ? before(fault) : slice_trim(before(fault)));
    if (quote != '"' && quote != '\'')
        return false;
    if (fault->scene->quote.line > 0)
        diagnostics_error(fault->diagnostics, fault->scene->quote, "close it where the text ends",
                          "the quote that opens here is closed only in line %u, column %u, and "
                          "something stands behind that",
                          fault->at.line, fault->at.column - 1);
    else
        diagnostics_error(fault->diagnostics, fault->at,
                          "put the whole value in quotes, those inside in quotes of the other kind",
                          "something stands behind the closing quote");
    return true;
}

size_t yaml_tight_colon(struct slice text)
{
    size_t colon = slice_find(text, ':');
    if (colon == 0 || colon + 1 >= text.length || strchr(" \t", text.data[colon + 1]))
        return 0;
    for (size_t i = 0; i < colon; i++) {
        char c = ascii_lower(text.data[i]);
        if (c != '_' && c != '-' && !ascii_is_digit(c) && (c < 'a' || c > 'z'))
            return 0;
    }
    return colon;
}

void yaml_tell_tight(struct diagnostics *diagnostics, struct position position, struct slice text,
                     size_t colon)
{
    ASSERT(colon > 0 && colon < text.length);
    struct slice value = slice_from(text, colon + 1);
    diagnostics_error(
        diagnostics, position,
        diagnostics_text(diagnostics, "write \"%.*s: %.*s\"", (int)colon, text.data, SHOWN(value)),
        "there is no space behind the colon");
}

static bool explain_tight(const struct fault *fault, struct slice text, struct position position)
{
    size_t colon = yaml_tight_colon(text);
    if (colon > 0)
        yaml_tell_tight(fault->diagnostics, position, text, colon);
    return colon > 0;
}

/* The cure for a line such as `sites`, or `host example.com`, in which a colon was forgotten; or
 * NULL. */
static const char *forgotten_colon(const struct fault *fault, struct slice above)
{
    struct slice text = slice_trim(above);
    if (slice_ends_with(text, SLICE("\r")))
        text = slice_trim(slice_until(text, text.length - 1));
    size_t length = slice_find(text, ' ');
    struct slice key = slice_until(text, length), value = slice_trim(slice_from(text, length));
    for (size_t i = 0; i < key.length; i++) {
        if (!strchr("abcdefghijklmnopqrstuvwxyz_", key.data[i]))
            return NULL;
    }
    if (key.length == 0 || slice_find(value, ' ') < value.length)
        return NULL;
    return diagnostics_text(fault->diagnostics,
                            value.length ? "write \"%.*s: %.*s\"" : "write \"%.*s:%.*s\"",
                            SHOWN(key), SHOWN(value));
}

static bool explain_no_colon(const struct fault *fault)
{
    if (!is_problem(fault, "could not find expected ':'"))
        return false;
    const char *colon = forgotten_colon(fault, source_line(fault->start, 1));
    if (!explain_tight(fault, fault->start, fault->from))
        diagnostics_error(fault->diagnostics, fault->from,
                          colon ? colon
                                : "write \"key: value\", or indent the line like the value that it "
                                  "continues",
                          "here should be a key with a colon");
    return true;
}

/* The line above that is neither empty nor a comment; its number, or 0. */
static uint32_t line_above(const struct fault *fault, struct slice *ret_text, uint32_t *ret_column)
{
    struct slice rest = fault->bytes;
    uint32_t found = 0;
    for (uint32_t number = 1; number < fault->at.line; number++) {
        struct slice line = source_line(rest, 1), text = line;
        rest = source_from_line(rest, 2);
        while (begins_with_any(text, " -\t"))
            text = slice_from(text, 1);
        if (text.length == 0 || text.data[0] == '#')
            continue;
        found = number;
        *ret_text = text;
        *ret_column = (uint32_t)(line.length - text.length) + 1;
    }
    return found;
}

static bool has_value(struct slice text)
{
    size_t colon = slice_find(text, ':');
    return colon + 1 < text.length && strchr(" \t", text.data[colon + 1]);
}

/* Where the text of the problem's line begins. */
static struct position line_start(const struct fault *fault)
{
    size_t indentation = 0;
    while (indentation < fault->line.length && fault->line.data[indentation] == ' ')
        indentation++;
    return (struct position){fault->at.source, fault->at.line, (uint32_t)indentation + 1};
}

static bool explain_second_colon(const struct fault *fault)
{
    if (!is_problem(fault, "mapping values are not allowed"))
        return false;
    struct slice above = SLICE("");
    uint32_t column = 0, number = line_above(fault, &above, &column);
    struct position there = {fault->at.source, number, column};
    const char *colon = number ? forgotten_colon(fault, above) : NULL;
    if (has_value(before(fault)))
        diagnostics_error(fault->diagnostics, fault->at, "put the value in quotes",
                          "a colon and a space inside of an unquoted value");
    else if (number && explain_tight(fault, above, there))
        return true;
    else if (colon)
        diagnostics_error(fault->diagnostics, there, colon, "here should be a key with a colon");
    else if (number)
        diagnostics_error(fault->diagnostics, line_start(fault),
                          diagnostics_text(fault->diagnostics, "indent it like line %u", number),
                          "this line is indented deeper than line %u, which has its value already",
                          number);
    else
        diagnostics_error(fault->diagnostics, fault->at, "put the value in quotes",
                          "a colon is not expected here");
    return true;
}

static bool explain_list_in_line(const struct fault *fault)
{
    if (!is_problem(fault, "block sequence entries are not allowed"))
        return false;
    diagnostics_error(fault->diagnostics, fault->at,
                      "begin the list in the next line, or write it in brackets: [a, b]",
                      "a list cannot begin behind its key");
    return true;
}

/* `https://${host}/x` and `~^/a{2}$` unquoted in brackets. */
static bool explain_brace(const struct fault *fault)
{
    bool in_value = is_problem(fault, "did not find expected ','") &&
                    begins_with_any(fault->here, "{}[]") &&
                    !strchr(" \t\"'", last_byte(before(fault)));
    if (!in_value && !is_problem(fault, "found unexpected ':'"))
        return false;
    diagnostics_error(fault->diagnostics, fault->at, "put the value in quotes",
                      "in brackets \"%c\" ends an unquoted value", fault->here.data[0]);
    return true;
}

static bool explain_open_bracket(const struct fault *fault)
{
    if (!is_problem(fault, "did not find expected ','"))
        return false;
    bool is_list = is_context(fault, "flow sequence");
    const char *closing = is_list ? "]" : "}";
    bool is_here = fault->at.line == fault->from.line && fault->here.length;
    if (is_here)
        diagnostics_error(fault->diagnostics, fault->at,
                          diagnostics_text(fault->diagnostics,
                                           "separate with \",\" or close with \"%s\"", closing),
                          "something is missing before this in the %s that opens in column %u",
                          is_list ? "list" : "mapping", fault->from.column);
    else
        diagnostics_error(fault->diagnostics, fault->from,
                          diagnostics_text(fault->diagnostics, "close it with \"%s\"", closing),
                          "the \"%s\" that opens here is not closed before line %u, column %u",
                          is_list ? "[" : "{", fault->at.line, fault->at.column);
    return true;
}

/* The file ends where a value is awaited. */
static bool explain_end(const struct fault *fault)
{
    struct position open = fault->scene->open;
    if (!is_context(fault, "flow node") || fault->here.length || open.line == 0)
        return false;
    diagnostics_error(fault->diagnostics, open, "close it where the list or mapping ends",
                      "the bracket that opens here is not closed before line %u, column %u",
                      fault->at.line, fault->at.column);
    return true;
}

static bool explain_behind_bracket(const struct fault *fault)
{
    struct slice text = slice_trim(before(fault));
    if (!is_problem(fault, "did not find expected key") || !strchr("]}", last_byte(text)))
        return false;
    diagnostics_error(fault->diagnostics, fault->at, "put the whole value in quotes",
                      "something stands behind the closing bracket");
    return true;
}

static bool explain_no_value(const struct fault *fault)
{
    if (!is_problem(fault, "did not find expected node content") || fault->here.length == 0)
        return false;
    diagnostics_error(fault->diagnostics, fault->at, "put it in quotes if it is a text",
                      "a value cannot begin with \"%c\"", fault->here.data[0]);
    return true;
}

static bool explain_indentation(const struct fault *fault)
{
    if (is_problem(fault, "did not find expected '-' indicator"))
        diagnostics_error(fault->diagnostics, fault->at,
                          "begin a further item with \"- \", or indent the line like what it "
                          "belongs to",
                          "this is no item of the list that begins in line %u", fault->from.line);
    else if (is_problem(fault, "did not find expected key"))
        diagnostics_error(fault->diagnostics, fault->at, "keys of one mapping begin in one column",
                          "this fits neither the mapping that begins in line %u, column %u, nor "
                          "what is around it",
                          fault->from.line, fault->from.column);
    else if (is_problem(fault, "<document start>"))
        diagnostics_error(fault->diagnostics, fault->at, "the keys at the top begin in one column",
                          "this line is indented less than the first");
    else
        return false;
    return true;
}

static bool explain_otherwise(const struct fault *fault)
{
    diagnostics_error(fault->diagnostics, fault->at,
                      "if this is a text with special characters, put it in quotes",
                      "this is not YAML: %s%s%s", fault->problem, *fault->context ? " " : "",
                      fault->context);
    return true;
}

void yaml_explain(const yaml_parser_t *parser, const struct source *source, uint16_t index,
                  const struct yaml_scene *scene, struct diagnostics *diagnostics)
{
    static bool (*const explainers[])(const struct fault *) = {
        explain_tab,          explain_escape,         explain_open_quote,  explain_comment,
        explain_ipv6,         explain_lone_colon,     explain_colon_first, explain_alias,
        explain_tag,          explain_reserved,       explain_block_text,  explain_no_colon,
        explain_second_colon, explain_list_in_line,   explain_wrong_quote, explain_brace,
        explain_open_bracket, explain_behind_bracket, explain_end,         explain_no_value,
        explain_indentation,  explain_otherwise,
    };
    yaml_mark_t at = parser->problem_mark, from = parser->context_mark;
    struct fault fault = {
        .problem = parser->problem ? parser->problem : "",
        .context = parser->context ? parser->context : "",
        .at = clip(source->bytes,
                   (struct position){index, (uint32_t)at.line + 1, (uint32_t)at.column + 1}),
        .from = clip(source->bytes,
                     (struct position){index, (uint32_t)from.line + 1, (uint32_t)from.column + 1}),
        .scene = scene,
        .bytes = source->bytes,
        .diagnostics = diagnostics,
    };
    ASSERT(fault.at.line > 0 && fault.from.line > 0);
    fault.line = source_line(fault.bytes, fault.at.line);
    fault.here = text_at(fault.bytes, fault.at);
    fault.start = text_at(fault.bytes, fault.from);
    for (size_t i = 0; !explainers[i](&fault); i++)
        ;
}
