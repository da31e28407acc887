#include "stage/rewrite.h"

#include "base/assert.h"
#include "conf/configuration.h"
#include "http/uri.h"
#include "policy/path.h"
#include "policy/pattern.h"
#include "policy/route_settings.h"

/* What one or several mappings write together: key by key, the inner one last. */
struct rewrite {
    struct slice strip, add, replace; /* without a slash at the end; data NULL: not written */
    const struct node *replace_node;
    const struct pattern *regex; /* NULL: not written */
    const struct template *to;
};

struct rewrite_settings {
    const struct rewrite *rewrite; /* NULL: none */
};

/* ---- how it is written */

static bool refuse(struct setting_reader *reader, const struct node *node, const char *cure,
                   const char *what)
{
    diagnostics_error(reader->diagnostics, node->position, cure, "%s", what);
    return false;
}

/* A prefix in the form of normalized paths. Empty for `/`. */
static bool read_prefix(struct setting_reader *reader, const char *key, const struct node *node,
                        struct slice *ret_prefix)
{
    if (node->kind != NODE_SCALAR || node_is_nothing(node))
        return setting_refuse(reader, key, "a path", "/api/v1", node);
    struct slice text = node->text, path;
    if (text.length == 0 || text.data[0] != '/')
        return refuse(reader, node, "for example \"/api/v1\"", "a prefix begins with a slash");
    if (slice_ends_with(text, SLICE("/*")))
        return refuse(reader, node, "leave the * away", "a prefix is written without a *");
    text = path_escape(text, reader->arena);
    if (!text.data || path_normalize(text, reader->arena, &path) >= PATH_REFUSED ||
        !path_collapse(path, reader->arena, &path))
        return refuse(reader, node, NULL, "this cannot be the beginning of a path");
    bool ends_in_slash = slice_ends_with(path, SLICE("/"));
    *ret_prefix = slice_until(path, path.length - (ends_in_slash ? 1 : 0));
    return true;
}

/* The constant parts of `to` are checked here; variables when they are known. */
static bool read_to(struct setting_reader *reader, const struct node *node, struct rewrite *rewrite)
{
    if (node->kind != NODE_SCALAR || node_is_nothing(node))
        return setting_refuse(reader, "to", "a path", "/items/$1", node);
    if (slice_find(node->text, '?') < node->text.length)
        return refuse(reader, node, NULL,
                      "a rewrite changes the path, and the query stays as it is");
    rewrite->to = template_compile(node, TEMPLATE_REQUEST, pattern_groups(rewrite->regex) + 1,
                                   reader->variables, reader->arena, reader->diagnostics);
    return rewrite->to != NULL;
}

static bool read_regex(struct setting_reader *reader, const struct node *mapping,
                       const struct node *regex, struct rewrite *rewrite)
{
    const struct node *to = node_find(mapping, SLICE("to"));
    if (!to)
        return refuse(reader, regex, "write {regex: ..., to: ...}",
                      "the rewrite does not say what comes in the place of what it finds");
    if (mapping->count > 2)
        return refuse(reader, mapping, "nest two routes where both are wanted",
                      "a rewrite goes by prefixes or by a regular expression, not by both");
    if (regex->kind != NODE_SCALAR || node_is_nothing(regex))
        return setting_refuse(reader, "regex", "a regular expression", "^/products/(.*)$", regex);
    size_t start = slice_starts_with(regex->text, SLICE("~")) ? 1 : 0;
    *rewrite =
        (struct rewrite){.regex = pattern_new(regex, start, reader->arena, reader->diagnostics)};
    return rewrite->regex && read_to(reader, to, rewrite);
}

static bool read_prefixes(struct setting_reader *reader, const struct node *mapping,
                          struct rewrite *rewrite)
{
    const struct node *strip = node_find(mapping, SLICE("strip_prefix"));
    const struct node *add = node_find(mapping, SLICE("add_prefix"));
    const struct node *replace = node_find(mapping, SLICE("replace_prefix"));
    if (strip && replace)
        return refuse(reader, replace, "replace_prefix alone does both",
                      "strip_prefix and replace_prefix exclude each other");
    if (rewrite->regex)
        *rewrite = (struct rewrite){.regex = NULL}; /* the other kind takes its place */
    if (strip)
        rewrite->replace = slice_of(NULL, 0);
    if (replace) {
        rewrite->strip = slice_of(NULL, 0);
        rewrite->replace_node = replace;
    }
    bool good = !strip || (read_prefix(reader, "strip_prefix", strip, &rewrite->strip) &&
                           path_match_form(rewrite->strip, reader->arena, &rewrite->strip));
    good &= !add || read_prefix(reader, "add_prefix", add, &rewrite->add);
    good &= !replace || read_prefix(reader, "replace_prefix", replace, &rewrite->replace);
    return good;
}

static bool check_keys(struct setting_reader *reader, const struct node *mapping)
{
    static const char *const keys[] = {"strip_prefix", "add_prefix", "replace_prefix", "regex",
                                       "to"};
    enum { KEYS = sizeof(keys) / sizeof(keys[0]) };
    bool good = true;
    for (uint32_t i = 0; i < mapping->count; i++) {
        const struct node_pair *pair = &mapping->pairs[i];
        bool known = false;
        for (size_t k = 0; k < KEYS; k++)
            known |= slice_equal(pair->key, slice_from_text(keys[k]));
        if (known)
            continue;
        const char *meant = did_you_mean(pair->key, keys, KEYS);
        diagnostics_error(reader->diagnostics, pair->key_position,
                          meant
                              ? diagnostics_text(reader->diagnostics, "did you mean \"%s\"?", meant)
                              : "write strip_prefix, add_prefix, replace_prefix, or regex and to",
                          "unknown key \"%.*s\"", SHOWN(pair->key));
        good = false;
    }
    return good;
}

static bool read_rewrite(struct setting_reader *reader, const struct node *node, void *field)
{
    const struct rewrite **ret_rewrite = field;
    const struct rewrite *const *around = reader->inherited;
    if (node_is_word(node, "off")) {
        *ret_rewrite = NULL;
        return true;
    }
    if (node->kind != NODE_MAPPING || node->count == 0)
        return setting_refuse(reader, "rewrite", "a mapping", "{replace_prefix: /api/v1}", node);
    struct rewrite *rewrite = ARENA_NEW(reader->arena, struct rewrite);
    if (!rewrite || !check_keys(reader, node))
        return false;
    if (around && *around)
        *rewrite = **around;
    const struct node *regex = node_find(node, SLICE("regex")), *to = node_find(node, SLICE("to"));
    bool good = regex ? read_regex(reader, node, regex, rewrite)
                : to  ? refuse(reader, to, "write {regex: ..., to: ...}",
                               "the rewrite does not say what \"to\" takes the place of")
                      : read_prefixes(reader, node, rewrite);
    *ret_rewrite = good ? rewrite : NULL;
    return good;
}

static const struct setting records[] = {
    {
        .name = "rewrite",
        .type = SETTING_CUSTOM,
        .offset = offsetof(struct rewrite_settings, rewrite),
        .size = sizeof(const struct rewrite *),
        .read = read_rewrite,
        .standard = "off",
        .form = "off | {strip_prefix: TEXT, add_prefix: TEXT, replace_prefix: TEXT, regex: TEXT, "
                "to: TEMPLATE}",
        .phase = TEMPLATE_REQUEST,
        .scopes = SCOPE_SITE | SCOPE_ROUTE,
        .summary = "The path for which the server is asked: strip_prefix, add_prefix and "
                   "replace_prefix (of the route's own path) go by whole segments; or regex and "
                   "to, where to may hold captures ($1) and variables. The query stays.",
        .example = "{replace_prefix: /api/v1/items}",
    },
};

const struct setting_group rewrite_group = {
    .name = "",
    .settings = records,
    .count = 1,
    .size = sizeof(struct rewrite_settings),
    .summary = "What the server is asked for.",
};

/* ---- for one route */

struct compiled {
    const struct rewrite *rewrite;
    const struct slice *prefixes; /* that `replace_prefix` takes the place of, the longest first */
    uint32_t prefix_count;
};

/* The scope in which `replace_prefix` was written: its path is meant, however deep the route is
 * nested that inherits it. */
static const struct scope *find_home(const struct scope *scope, const struct node *replace)
{
    for (; scope; scope = scope->parent) {
        const struct node *mapping = node_find(scope->node, SLICE("rewrite"));
        if (node_find(mapping, SLICE("replace_prefix")) == replace)
            return scope;
    }
    return NULL;
}

static const struct condition *find_path(const struct configuration *configuration,
                                         const struct scope *scope)
{
    for (; scope && scope->kind == SCOPE_ROUTE; scope = scope->parent) {
        const struct route_settings *settings = scope_group(configuration, scope, &route_group);
        if (settings->conditions[CONDITION_PATH])
            return settings->conditions[CONDITION_PATH];
    }
    return NULL;
}

/* Sorted into the list by length, the longest first. */
static void insert(struct slice *prefixes, uint32_t count, struct slice prefix)
{
    ASSERT(prefixes);
    uint32_t at = count;
    for (; at > 0 && prefixes[at - 1].length < prefix.length; at--)
        prefixes[at] = prefixes[at - 1];
    prefixes[at] = prefix;
}

static const void *refuse_replace(const struct rewrite *rewrite,
                                  const struct stage_compiler *compiler, const char *cure,
                                  const char *what)
{
    diagnostics_error(compiler->diagnostics, rewrite->replace_node->position, cure, "%s", what);
    return NULL;
}

static const void *compile_replace(struct compiled *compiled, const struct stage_compiler *compiler)
{
    const struct rewrite *rewrite = compiled->rewrite;
    const struct condition *path = find_path(
        compiler->configuration, find_home(compiler->route->scope, rewrite->replace_node));
    if (!path)
        return refuse_replace(rewrite, compiler,
                              "write it in a route with \"path: /prefix/*\", or use add_prefix",
                              "there is no path here whose prefix could be replaced");
    struct slice *prefixes = ARENA_ARRAY(compiler->arena, struct slice, path->test_count);
    if (!prefixes)
        return NULL;
    for (uint32_t i = 0; i < path->test_count; i++) {
        struct slice text = path->tests[i].text;
        if (path->tests[i].kind == TEST_PATTERN)
            return refuse_replace(rewrite, compiler, "use {regex: ..., to: ...}",
                                  "the path here is a regular expression and has no prefix");
        insert(prefixes, i, slice_equal(text, SLICE("/")) ? SLICE("") : text);
    }
    compiled->prefixes = prefixes;
    compiled->prefix_count = path->test_count;
    return compiled;
}

static const void *compile(const void *settings, const struct stage_compiler *compiler)
{
    const struct rewrite_settings *rewrite = settings;
    struct compiled *compiled = ARENA_NEW(compiler->arena, struct compiled);
    if (!compiled)
        return NULL;
    compiled->rewrite = rewrite->rewrite;
    return rewrite->rewrite->replace.data ? compile_replace(compiled, compiler) : compiled;
}

/* ---- what it does */

enum rewrite_verdict {
    REWRITE_DONE,
    REWRITE_DIFFERS,
    REWRITE_REFUSED,
    REWRITE_TOO_COSTLY,
    REWRITE_NO_MEMORY
};

/* Two texts as one path. Where nothing stands before it, what is left of the client's path begins
 * with one slash: two would name a host to some who read it. */
static enum rewrite_verdict join(struct slice first, struct slice second, struct arena *arena,
                                 struct slice *ret_path)
{
    ASSERT(arena);
    while (slice_is_empty(first) && slice_starts_with(second, SLICE("//")))
        second = slice_from(second, 1);
    if (slice_is_empty(second) && slice_is_empty(first))
        second = SLICE("/");
    const struct slice parts[] = {first, second};
    *ret_path = arena_join(arena, parts, 2);
    return ret_path->data ? REWRITE_DONE : REWRITE_NO_MEMORY;
}

static enum rewrite_verdict rewrite_prefixes(const struct compiled *compiled, struct arena *arena,
                                             struct slice *path)
{
    const struct rewrite *rewrite = compiled->rewrite;
    struct slice front = SLICE(""), rest = *path;
    for (uint32_t i = 0; i < compiled->prefix_count; i++) {
        if (path_behind_prefix(*path, compiled->prefixes[i], &rest)) {
            front = rewrite->replace;
            break;
        }
    }
    if (rewrite->strip.data)
        (void)path_behind_prefix(*path, rewrite->strip, &rest);
    const struct slice parts[] = {rewrite->add, front};
    if (slice_is_empty(front))
        return join(rewrite->add, rest, arena, path);
    struct slice both = arena_join(arena, parts, 2);
    return both.data ? join(both, rest, arena, path) : REWRITE_NO_MEMORY;
}

/* `.` or `..`, escaped or not. */
static bool is_dots(struct slice segment)
{
    size_t dots = 0;
    while (!slice_is_empty(segment)) {
        bool is_escape = slice_equal_fold(slice_until(segment, 3), SLICE("%2e"));
        if (!is_escape && segment.data[0] != '.')
            return false;
        segment = slice_from(segment, is_escape ? 3 : 1);
        dots++;
    }
    return dots == 1 || dots == 2;
}

static bool has_dots(struct slice path)
{
    bool found = false;
    while (!slice_is_empty(path) && !found)
        found = is_dots(slice_cut(&path, '/'));
    return found;
}

/* What the expression finds in the path as it is, or else in the form in which routes compare it,
 * which then takes its place: what a route let in, its rewrite does not miss by a `//` or by the
 * digits of an escape. */
static enum rewrite_verdict find(const struct rewrite *rewrite, struct arena *arena,
                                 struct slice *path, struct slice *captures)
{
    struct slice compared;
    enum pattern_verdict verdict = pattern_match(rewrite->regex, *path, captures);
    if (verdict == PATTERN_DIFFERS && !path_is_bare(*path)) {
        if (!path_match_form(*path, arena, &compared) || !path_collapse(compared, arena, &compared))
            return REWRITE_NO_MEMORY;
        verdict = pattern_match(rewrite->regex, compared, captures);
        if (verdict == PATTERN_MATCHES)
            *path = compared;
    }
    if (verdict == PATTERN_TOO_COSTLY)
        return REWRITE_TOO_COSTLY;
    return verdict == PATTERN_MATCHES ? REWRITE_DONE : REWRITE_DIFFERS;
}

/* The path with what the expression found replaced. A path that only now gets dot segments is
 * refused: they were brought in by a variable, to climb out of what the route is for. */
static enum rewrite_verdict rewrite_regex(struct exchange *exchange, const struct rewrite *rewrite,
                                          struct slice *path)
{
    ASSERT(rewrite->regex && rewrite->to);
    struct arena *arena = exchange_arena(exchange);
    struct slice captures[PATTERN_CAPTURES_MAX];
    enum rewrite_verdict verdict = find(rewrite, arena, path, captures);
    if (verdict != REWRITE_DONE)
        return verdict;
    if (!captures[0].data)
        return REWRITE_REFUSED; /* \K behind the end of the match */
    size_t start = (size_t)(captures[0].data - path->data);
    const struct slice parts[] = {
        slice_until(*path, start),
        template_expand(rewrite->to, exchange, captures, arena),
        slice_from(*path, start + captures[0].length),
    };
    struct slice joined = parts[1].data ? arena_join(arena, parts, 3) : parts[1];
    while (start == 0 && slice_starts_with(joined, SLICE("//")))
        joined = slice_from(joined, 1); /* as in `join` */
    struct slice escaped = joined.data ? path_escape(joined, arena) : joined;
    if (!escaped.data)
        return REWRITE_NO_MEMORY;
    if (escaped.length == 0 || escaped.data[0] != '/' || has_dots(escaped))
        return REWRITE_REFUSED;
    switch (path_normalize(escaped, arena, path)) {
    case PATH_PLAIN:
    case PATH_REWRITTEN:
        break;
    case PATH_REFUSED:
        return REWRITE_REFUSED;
    case PATH_NO_MEMORY:
        return REWRITE_NO_MEMORY;
    }
    return REWRITE_DONE;
}

static bool is_wanted(const void *settings)
{
    const struct rewrite_settings *rewrite = settings;
    return rewrite->rewrite != NULL;
}

static enum stage_verdict refuse_exchange(struct exchange *exchange, enum error_code error)
{
    exchange_refuse(exchange, error);
    return STAGE_ANSWER;
}

static enum stage_verdict on_request(struct exchange *exchange, const void *settings)
{
    const struct compiled *compiled = settings;
    struct slice path = exchange_path(exchange);
    if (slice_is_empty(path) || path.data[0] != '/')
        return STAGE_GO_ON; /* the asterisk of OPTIONS */
    enum rewrite_verdict verdict =
        compiled->rewrite->regex ? rewrite_regex(exchange, compiled->rewrite, &path)
                                 : rewrite_prefixes(compiled, exchange_arena(exchange), &path);
    switch (verdict) {
    case REWRITE_DIFFERS:
        return STAGE_GO_ON;
    case REWRITE_DONE:
        if (exchange_set_path(exchange, path))
            return STAGE_GO_ON;
        break;
    case REWRITE_REFUSED:
        return refuse_exchange(exchange, ERROR_BAD_TARGET);
    case REWRITE_TOO_COSTLY:
        return refuse_exchange(exchange, ERROR_PATTERN_TOO_COSTLY);
    case REWRITE_NO_MEMORY:
        break;
    }
    return refuse_exchange(exchange, ERROR_OUT_OF_MEMORY);
}

const struct stage rewrite_stage = {
    .name = "rewrite",
    .group = &rewrite_group,
    .is_wanted = is_wanted,
    .compile = compile,
    .on_request = on_request,
};
