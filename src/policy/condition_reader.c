#include "policy/condition_reader.h"

#include "base/arena.h"
#include "base/assert.h"
#include "http/byte_class.h"
#include "http/uri.h"
#include "policy/path.h"
#include "policy/route_settings.h"

/* How one scalar of a setting becomes a test. False: what is wrong was told. */
typedef bool read_test_fn(struct setting_reader *reader, const struct node *node,
                          struct test *test);

struct words {
    const char *name, *wanted, *example; /* of the setting, for errors */
};

/* A text or a list of texts as one condition with any of them. */
static struct condition *read_tests(struct setting_reader *reader, enum condition_kind kind,
                                    const struct words *words, const struct node *node,
                                    read_test_fn *read_test)
{
    bool is_list = node->kind == NODE_SEQUENCE && node->count > 0;
    uint32_t count = is_list ? node->count : 1;
    struct condition *condition = ARENA_NEW(reader->arena, struct condition);
    struct test *tests = ARENA_ARRAY(reader->arena, struct test, count);
    if (!condition || !tests)
        return NULL;
    *condition = (struct condition){.kind = kind, .tests = tests, .test_count = count};
    bool good = true;
    for (uint32_t i = 0; i < count; i++) {
        const struct node *item = is_list ? node->items[i] : node;
        tests[i].node = item;
        if (item->kind != NODE_SCALAR || node_is_nothing(item))
            good = setting_refuse(reader, words->name, words->wanted, words->example, item);
        else
            good &= read_test(reader, item, &tests[i]);
    }
    return good ? condition : NULL;
}

/* For readers that need no more than that. */
static bool read_simple(struct setting_reader *reader, enum condition_kind kind,
                        const struct words *words, const struct node *node, read_test_fn *read_test,
                        void *field)
{
    const struct condition **ret_condition = field;
    *ret_condition = read_tests(reader, kind, words, node, read_test);
    return *ret_condition != NULL;
}

static bool is_pattern(const struct node *node)
{
    return node->text.length > 0 && node->text.data[0] == '~';
}

static bool read_pattern(struct setting_reader *reader, const struct node *node, struct test *test)
{
    test->kind = TEST_PATTERN;
    test->pattern = pattern_new(node, 1, reader->arena, reader->diagnostics);
    return test->pattern != NULL;
}

/* A text, `~…` or `*`. */
static bool read_text(struct setting_reader *reader, const struct node *node, struct test *test)
{
    if (is_pattern(node))
        return read_pattern(reader, node, test);
    test->kind = slice_equal(node->text, SLICE("*")) ? TEST_PRESENT : TEST_EQUAL;
    test->text = node->text;
    return true;
}

/* --- Paths -------------------------------------------------------------------------------------
 */

/* The path in the form in which it is asked for: escaped, normalized, `//` as `/`. */
static bool read_path_text(struct setting_reader *reader, const struct node *node,
                           struct slice written, struct slice *ret_path)
{
    struct slice escaped = path_escape(written, reader->arena), path;
    if (!escaped.data || path_normalize(escaped, reader->arena, &path) >= PATH_REFUSED) {
        diagnostics_error(reader->diagnostics, node->position,
                          "write % itself as %25, and the path without \".\" and \"..\"",
                          "this path could never be asked for: requests with a broken escape, or "
                          "with dots beside an empty segment or an encoded slash, are refused");
        return false;
    }
    return path_match_form(path, reader->arena, &path) &&
           path_collapse(path, reader->arena, ret_path);
}

/* For a path that has no slash at its beginning. */
static const char *slash_cure(struct diagnostics *diagnostics, struct slice path)
{
    struct slice rest = path.length ? slice_trim(slice_from(path, 1)) : path;
    if (slice_equal(path, SLICE("*")))
        return "write \"/*\" for every path, or no path at all";
    if (slice_starts_with(path, SLICE("*.")))
        return diagnostics_text(diagnostics, "write '~\\.%.*s$'", SHOWN(slice_from(path, 2)));
    if (slice_starts_with(path, SLICE("^~"))) /* as in nginx, and "=" below */
        return "a prefix is written \"/prefix/*\"";
    if (slice_starts_with(path, SLICE("^")))
        return diagnostics_text(diagnostics, "write '~%.*s'", SHOWN(path));
    if (slice_starts_with(path, SLICE("=")) && slice_starts_with(rest, SLICE("/")))
        return diagnostics_text(diagnostics, "write \"%.*s\", which is this path alone",
                                SHOWN(rest));
    return diagnostics_text(diagnostics, "write \"/%.*s\"", SHOWN(path));
}

static const char *path_mistake(struct diagnostics *diagnostics, struct slice path,
                                const char **ret_cure)
{
    size_t star = slice_find(path, '*');
    if (path.length == 0 || path.data[0] != '/') {
        *ret_cure = slash_cure(diagnostics, path);
        return "a path begins with a slash, and a regular expression with ~";
    }
    if (slice_find(path, '?') < path.length || slice_find(path, '#') < path.length) {
        *ret_cure = "parameters are told by \"query\"";
        return "a path ends before its ? or #";
    }
    if (star < path.length && (star != path.length - 1 || path.data[star - 1] != '/')) {
        struct slice before = slice_until(path, star);
        bool is_twice =
            slice_equal(slice_from(path, star), SLICE("**")) && path.data[star - 1] == '/';
        bool is_last = star == path.length - 1;
        *ret_cure =
            is_twice  ? diagnostics_text(diagnostics, "write \"%.*s\", which is all below it",
                                         SHOWN(slice_until(path, star + 1)))
            : is_last ? diagnostics_text(diagnostics,
                                         "write \"%.*s/*\", or '~^%.*s' for all that begins so",
                                         SHOWN(before), SHOWN(before))
                      : "all other forms are regular expressions: \"~^/…\"";
        return "a * stands only at the end of a path, as a segment of its own: /prefix/*";
    }
    return NULL;
}

static bool read_prefix(struct setting_reader *reader, const struct node *node, struct test *test)
{
    test->kind = TEST_PREFIX;
    struct slice written = slice_until(node->text, node->text.length - 1);
    if (!read_path_text(reader, node, written, &test->text))
        return false;
    test->text = slice_until(test->text, test->text.length - 1); /* the slash at its end */
    if (path_depth(test->text) <= PATH_SEGMENTS_MAX)
        return true;
    diagnostics_error(reader->diagnostics, node->position, NULL, "a prefix has at most %d segments",
                      PATH_SEGMENTS_MAX);
    return false;
}

/* `~ \.php$` and `~* \.php$`, as nginx has them. */
static bool refuse_location(struct setting_reader *reader, const struct node *node)
{
    bool any_case = node->text.data[1] == '*';
    struct slice pattern = slice_trim(slice_from(node->text, any_case ? 2 : 1));
    diagnostics_error(reader->diagnostics, node->position,
                      diagnostics_text(reader->diagnostics, "write '~%s%.*s'",
                                       any_case ? "(?i)" : "", SHOWN(pattern)),
                      any_case ? "capitals and small letters are made equal by (?i)"
                               : "a regular expression begins right behind its ~");
    return false;
}

static bool read_path(struct setting_reader *reader, const struct node *node, struct test *test)
{
    if (slice_starts_with(node->text, SLICE("~ ")) || slice_starts_with(node->text, SLICE("~*")))
        return refuse_location(reader, node);
    if (is_pattern(node))
        return read_pattern(reader, node, test);
    const char *cure = NULL, *mistake = path_mistake(reader->diagnostics, node->text, &cure);
    if (mistake) {
        diagnostics_error(reader->diagnostics, node->position, cure, "%s", mistake);
        return false;
    }
    if (slice_ends_with(node->text, SLICE("*")))
        return read_prefix(reader, node, test);
    test->kind = TEST_EQUAL;
    return read_path_text(reader, node, node->text, &test->text);
}

bool condition_read_path(struct setting_reader *reader, const struct node *node, void *field)
{
    static const struct words words = {"path", "a path or a list of paths", "/products/*"};
    return read_simple(reader, CONDITION_PATH, &words, node, read_path, field);
}

/* --- Methods and schemes -----------------------------------------------------------------------
 */

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.length; i++) {
        if (!byte_is(s.data[i], BYTE_TOKEN))
            return false;
    }
    return s.length > 0;
}

static bool read_method(struct setting_reader *reader, const struct node *node, struct test *test)
{
    static const char *const known[] = {"GET",    "HEAD",    "POST",  "PUT",
                                        "DELETE", "OPTIONS", "TRACE", "PATCH"};
    if (!read_text(reader, node, test))
        return false;
    if (test->kind != TEST_EQUAL)
        return true;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct slice name = slice_from_text(known[i]);
        if (slice_equal_fold(name, node->text) && !slice_equal(name, node->text)) {
            diagnostics_error(reader->diagnostics, node->position,
                              diagnostics_text(reader->diagnostics, "write %s", known[i]),
                              "methods have case, and this one is written in capitals");
            return false;
        }
    }
    if (is_token(node->text))
        return true;
    diagnostics_error(reader->diagnostics, node->position,
                      "several methods are a list: [GET, HEAD]", "\"%.*s\" is no method",
                      SHOWN(node->text));
    return false;
}

bool condition_read_method(struct setting_reader *reader, const struct node *node, void *field)
{
    static const struct words words = {"method", "a method or a list of methods", "[POST, PUT]"};
    return read_simple(reader, CONDITION_METHOD, &words, node, read_method, field);
}

static bool read_scheme(struct setting_reader *reader, const struct node *node, struct test *test)
{
    test->kind = TEST_EQUAL;
    test->text = node->text;
    if (slice_equal(node->text, SLICE("http")) || slice_equal(node->text, SLICE("https")))
        return true;
    const char *list = setting_list_cure(reader->diagnostics, node->text);
    diagnostics_error(reader->diagnostics, node->position, list ? list : "write http or https",
                      "\"%.*s\" is no scheme", SHOWN(node->text));
    return false;
}

bool condition_read_scheme(struct setting_reader *reader, const struct node *node, void *field)
{
    static const struct words words = {"scheme", "http or https", "https"};
    return read_simple(reader, CONDITION_SCHEME, &words, node, read_scheme, field);
}

/* --- Headers, parameters, cookies: names with texts ---------------------------------------------
 */

static bool check_name(struct setting_reader *reader, enum condition_kind kind,
                       const struct node_pair *pair)
{
    if (kind == CONDITION_QUERY ? pair->key.length > 0 : is_token(pair->key))
        return true;
    const char *what = kind == CONDITION_COOKIE ? "cookie" : "header field";
    const char *cure = kind == CONDITION_COOKIE
                           ? "letters, digits, \"-\" and \"_\", as in session_id"
                           : "letters, digits and \"-\", as in X-Request-Id";
    if (kind == CONDITION_QUERY) {
        what = "parameter";
        cure = "write the name that stands before the \"=\" in the query";
    }
    diagnostics_error(reader->diagnostics, pair->key_position, cure,
                      "\"%.*s\" cannot be the name of a %s", SHOWN(pair->key), what);
    return false;
}

/* One condition for each name, linked in the file's order. */
static bool read_names(struct setting_reader *reader, enum condition_kind kind,
                       const struct words *words, const struct node *node, void *field)
{
    if (node->kind != NODE_MAPPING)
        return setting_refuse(reader, words->name, "a mapping of names to texts", words->example,
                              node);
    if (node->count == 0) {
        diagnostics_error(reader->diagnostics, node->position, "leave it away",
                          "\"%s\" names nothing", words->name);
        return false;
    }
    const struct condition **first = field, **link = first;
    bool good = true;
    for (uint32_t i = 0; i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        bool good_name = check_name(reader, kind, pair);
        struct condition *condition = read_tests(reader, kind, words, pair->value, read_text);
        good &= good_name && condition;
        if (!good)
            continue;
        condition->name = pair->key;
        if (kind == CONDITION_HEADER)
            condition->field = field_name_find(pair->key);
        *link = condition;
        link = &condition->next;
    }
    if (!good)
        *first = NULL;
    return good;
}

bool condition_read_header(struct setting_reader *reader, const struct node *node, void *field)
{
    static const struct words words = {"header", "a text or a list of texts for each name",
                                       "{X-Beta: \"1\"}"};
    return read_names(reader, CONDITION_HEADER, &words, node, field);
}

bool condition_read_query(struct setting_reader *reader, const struct node *node, void *field)
{
    static const struct words words = {"query", "a text or a list of texts for each name",
                                       "{version: \"2\"}"};
    return read_names(reader, CONDITION_QUERY, &words, node, field);
}

bool condition_read_cookie(struct setting_reader *reader, const struct node *node, void *field)
{
    static const struct words words = {"cookie", "a text or a list of texts for each name",
                                       "{beta: \"*\"}"};
    return read_names(reader, CONDITION_COOKIE, &words, node, field);
}

/* --- Clients -----------------------------------------------------------------------------------
 */

bool condition_read_client(struct setting_reader *reader, const struct node *node, void *field)
{
    struct condition *condition = ARENA_NEW(reader->arena, struct condition);
    struct ip_ranges *clients = ARENA_NEW(reader->arena, struct ip_ranges);
    if (!condition || !clients || !ip_ranges_read(reader, "client", node, clients))
        return false;
    *condition = (struct condition){.kind = CONDITION_CLIENT, .clients = clients};
    *(const struct condition **)field = condition;
    return true;
}

/* --- Certificates of clients --------------------------------------------------------------------
 */

static const struct words certificate_words = {
    "client_certificate", "a text or a list of texts for subject, fingerprint or both",
    "{subject: \"CN=alice,O=Example\"}"};

/* As other programs print it: in capitals or not, with colons between the bytes or not. */
static bool read_fingerprint(struct setting_reader *reader, const struct node *node,
                             struct test *test)
{
    enum { DIGITS = 64 };
    char *digits = arena_alloc(reader->arena, DIGITS);
    size_t count = 0;
    if (!digits)
        return false;
    if (is_pattern(node) || slice_equal(node->text, SLICE("*")))
        return read_text(reader, node, test);
    for (size_t i = 0; i < node->text.length; i++) {
        char digit = ascii_lower(node->text.data[i]);
        if (digit == ':')
            continue;
        bool is_digit = ascii_is_digit(digit) || (digit >= 'a' && digit <= 'f');
        if (!is_digit || count == DIGITS) {
            count = 0;
            break;
        }
        digits[count++] = digit;
    }
    test->kind = TEST_EQUAL;
    test->text = slice_of(digits, count);
    if (count == DIGITS)
        return true;
    diagnostics_error(reader->diagnostics, node->position,
                      "\"openssl x509 -noout -fingerprint -sha256 -in FILE\" prints it",
                      "\"%.*s\" is no fingerprint by SHA-256: 64 hexadecimal digits",
                      SHOWN(node->text));
    return false;
}

static bool read_certificate_pair(struct setting_reader *reader, const struct node_pair *pair,
                                  struct condition **ret_condition)
{
    bool is_subject = slice_equal(pair->key, SLICE("subject"));
    if (!is_subject && !slice_equal(pair->key, SLICE("fingerprint"))) {
        diagnostics_error(reader->diagnostics, pair->key_position, "subject or fingerprint",
                          "\"%.*s\" is nothing that a certificate is known by", SHOWN(pair->key));
        return false;
    }
    struct condition *condition =
        read_tests(reader, CONDITION_CERTIFICATE, &certificate_words, pair->value,
                   is_subject ? read_text : read_fingerprint);
    if (condition)
        condition->name = pair->key;
    *ret_condition = condition;
    return condition != NULL;
}

bool condition_read_certificate(struct setting_reader *reader, const struct node *node, void *field)
{
    const struct condition **first = field, *all = NULL;
    bool good = node->kind == NODE_MAPPING && node->count > 0;
    if (!good)
        return setting_refuse(reader, certificate_words.name, "a mapping",
                              certificate_words.example, node);
    for (uint32_t i = node->count; i-- > 0;) {
        struct condition *one = NULL;
        good &= read_certificate_pair(reader, &node->pairs[i], &one);
        if (!one)
            continue;
        one->next = all;
        all = one;
    }
    *first = good ? all : NULL;
    return good;
}
