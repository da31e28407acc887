#include "conf/yaml.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct reading_test {
    struct arena arena;
    struct diagnostics *diagnostics;
    struct node *root;
};

static const char *get_variable(void *context, const char *name)
{
    (void)context;
    static const char *const values[][2] = {
        {"PORT", "8080"}, {"PRICE", "$host"}, {"EMPTY", ""}, {"BAD", "\xFF"}};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(name, values[i][0]) == 0)
            return values[i][1];
    }
    return NULL;
}

static void read_bytes(struct reading_test *test, struct slice bytes)
{
    struct source source = {SLICE("weir.yaml"), bytes};
    bool no_memory = false;
    arena_init(&test->arena, NULL, 1 << 30);
    test->diagnostics = diagnostics_new(100);
    struct yaml_reader reader = {&test->arena, test->diagnostics, {get_variable, NULL}};
    test->root = yaml_read(&reader, &source, 0, &no_memory);
    assert_false(no_memory);
}

static void read_text(struct reading_test *test, const char *text)
{
    read_bytes(test, slice_from_text(text));
}

static void finish(struct reading_test *test)
{
    diagnostics_free(test->diagnostics);
    arena_fini(&test->arena);
}

static bool contains(struct slice text, const char *part)
{
    return memmem(text.data, text.length, part, strlen(part));
}

/* The first diagnostic says so, there. */
static void assert_told(const struct reading_test *test, uint32_t line, uint32_t column,
                        const char *what, const char *cure)
{
    assert_true(diagnostics_count(test->diagnostics) > 0);
    const struct diagnostic *first = diagnostics_get(test->diagnostics, 0);
    if (!contains(first->what, what) || !contains(first->cure, cure) ||
        first->position.line != line || first->position.column != column)
        fail_msg("%u:%u: %.*s; %.*s", first->position.line, first->position.column,
                 SHOWN(first->what), SHOWN(first->cure));
}

static const struct node *value_of(const struct reading_test *test, const char *key)
{
    const struct node *value = node_find(test->root, slice_from_text(key));
    assert_non_null(value);
    return value;
}

static void assert_value(const struct reading_test *test, const char *key, const char *text)
{
    assert_true(slice_equal(value_of(test, key)->text, slice_from_text(text)));
}

static void a_tree_keeps_its_texts_and_places(void **state)
{
    (void)state;
    struct reading_test test;
    read_text(&test, "host: example.com\nroutes:\n  - path: \"/a b\"\n  - [x, 'y']\n");
    assert_int_equal(diagnostics_count(test.diagnostics), 0);
    assert_value(&test, "host", "example.com");
    const struct node *routes = value_of(&test, "routes");
    assert_int_equal(routes->kind, NODE_SEQUENCE);
    assert_int_equal(routes->count, 2);
    const struct node *path = node_find(routes->items[0], SLICE("path"));
    assert_true(path->quoted);
    assert_int_equal(path->position.line, 3);
    assert_int_equal(path->position.column, 11);
    assert_int_equal(node_position_at(path, 2).column, 14);
    assert_int_equal(routes->items[1]->items[1]->position.column, 9);
    finish(&test);
}

static void words_stay_words(void **state)
{
    (void)state;
    struct reading_test test;
    read_text(&test, "a: on\nb: no\nc: 010\nd: 1_000\ne: 2026-11-20\n");
    assert_value(&test, "a", "on");
    assert_value(&test, "b", "no");
    assert_value(&test, "c", "010");
    assert_value(&test, "d", "1_000");
    assert_value(&test, "e", "2026-11-20");
    finish(&test);
}

static void json_is_read(void **state)
{
    (void)state;
    struct reading_test test;
    read_text(&test, "{\n\t\"a\": \"x\\/y\\u00e9\",\n\t\"b\": [true, 1.5, null]\n}\n");
    assert_int_equal(diagnostics_count(test.diagnostics), 0);
    assert_value(&test, "a", "x/y\xC3\xA9");
    assert_int_equal(value_of(&test, "b")->count, 3);
    finish(&test);
}

static void pairs_of_surrogates_are_read_in_json(void **state)
{
    (void)state;
    struct reading_test test;
    read_text(&test, "\n{\"a\": \"\\ud83d\\uDE00!\", \"b\": \"\\\\ud83d\\\\ude00\"}");
    assert_int_equal(diagnostics_count(test.diagnostics), 0);
    assert_value(&test, "a", "\xF0\x9F\x98\x80!");
    assert_value(&test, "b", "\\ud83d\\ude00");
    finish(&test);
}

static void files_without_content_are_empty_mappings(void **state)
{
    (void)state;
    static const char *const files[] = {"", "\n\n", "# nothing\n", "---\n", "\xC2\x85"};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        struct reading_test test;
        read_text(&test, files[i]);
        assert_non_null(test.root);
        assert_int_equal(test.root->kind, NODE_MAPPING);
        assert_int_equal(test.root->count, 0);
        finish(&test);
    }
}

/* What is wrong, where, in words of ours. */
static const struct {
    const char *text;
    uint32_t line, column;
    const char *what, *cure;
} traps[] = {
    {"host: *.x.com", 1, 7, "begins with \"*\" is an alias", "put it in quotes: \"*.x.com\""},
    {"host: *", 1, 7, "begins with \"*\" is an alias", "put it in quotes: \"*\""},
    {"host: [a, *.x.com]", 1, 11, "begins with \"*\" is an alias", "\"*.x.com\""},
    {"*.x.com: a", 1, 1, "begins with \"*\" is an alias", "\"*.x.com\""},
    {"host: *foo", 1, 7, "no anchor \"&foo\"", "put it in quotes: \"*foo\""},
    {"x: &", 1, 4, "is an anchor in YAML", "in quotes"},
    {"listen: [:80, :443]", 1, 10, "cannot begin with a colon", "put it in quotes: \":80\""},
    {"listen: [\":80\", :443]", 1, 17, "cannot begin with a colon", "\":443\""},
    {"listen: [::]:80", 1, 9, "an IPv6 address in brackets is a list", "\"[::]:80\""},
    {"listen:\n  - [::1]:80\n", 2, 5, "an IPv6 address", "\"[::1]:80\""},
    {"listen:\n  - [fe80::1]:80\n", 2, 5, "an IPv6 address", "\"[fe80::1]:80\""},
    {"listen: [[::]:80]", 1, 10, "an IPv6 address", "\"[::]:80\""},
    {"a: {to: https://${host}/x}", 1, 18, "\"{\" ends an unquoted value", "value in quotes"},
    {"a: {path: ~^/a{2}$}", 1, 15, "\"{\" ends an unquoted value", "value in quotes"},
    {"a: [~^/[a-z]+$]", 1, 8, "\"[\" ends an unquoted value", "value in quotes"},
    {"a: {b}c", 1, 7, "behind the closing bracket", "whole value in quotes"},
    {"a: [b] c", 1, 8, "behind the closing bracket", "whole value in quotes"},
    {"a: {b: c}]", 1, 10, "behind the closing bracket", ""},
    {"a: \"b\" c", 1, 8, "behind the closing quote", "whole value in quotes"},
    {"a:\n\tb: 1", 2, 1, "a tab indents this line", "indent with spaces"},
    {"a:\n  b: 1\n\tc: 2", 3, 1, "a tab indents this line", "indent with spaces"},
    {"s:\n  - host: a\n    proxy:http://x\n", 3, 5, "no space behind the colon",
     "write \"proxy: http://x\""},
    {"proxy:http://x\nb: 1", 1, 1, "no space behind the colon", "write \"proxy: http://x\""},
    {"a: 1\nb\nc: 2\n", 2, 1, "a key with a colon", "write \"b:\""},
    {"a: 1\nb c d\nc: 2\n", 2, 1, "a key with a colon", "key: value"},
    {"a: 1\nb http://c:3000\nc: 2\n", 2, 1, "a key with a colon", "\"b: http://c:3000\""},
    {"a\n  - b: c\n", 1, 1, "a key with a colon", "write \"a:\""},
    {"- a b\r\n  c: d\r\n", 1, 3, "a key with a colon", "write \"a: b\""},
    {"- A.b c\n  c: d\n", 2, 3, "indented deeper than line 1", "indent it like line 1"},
    {"a: \"foo\nb: 1\n", 1, 4, "not closed up to the end of the file (line 3)", "close it"},
    {"a: 'foo\nb: 1\nc: 'bar'\n", 1, 4, "closed only in line 3, column 4", "close it"},
    {"a: \"b\n---\nc: d\n", 1, 4, "not closed where a document begins or ends (line 2)",
     "close it"},
    {"a: 'b\n...\n", 1, 4, "not closed where a document begins or ends (line 2)", "close it"},
    {"a: [1, 2\nb: 1", 1, 4, "the \"[\" that opens here is not closed before line 2", "\"]\""},
    {"a: {x: 1\nb: 1", 1, 4, "the \"{\" that opens here is not closed before line 2", "\"}\""},
    {"a: [\"b\" \"c\"]", 1, 9, "missing before this in the list that opens in column 4", "\",\""},
    {"a: @x", 1, 4, "nothing can begin with \"@\"", "put it in quotes: \"@x\""},
    {"a: `x`", 1, 4, "nothing can begin with \"`\"", "in quotes"},
    {"a: %x", 1, 4, "nothing can begin with \"%\"", "in quotes"},
    {"%x: 1", 1, 1, "nothing can begin with \"%\"", "\"%x\""},
    {"a: b: c", 1, 5, "a colon and a space inside of an unquoted value", "in quotes"},
    {"--- a: b", 1, 6, "a colon is not expected here", "in quotes"},
    {"?\n: 80\n", 1, 2, "there is no key before the colon", "in quotes: \":80\""},
    {"a: b\n  c: d", 2, 3, "indented deeper than line 1", "indent it like line 1"},
    {"- a\n- b: c\n   d: e\n", 3, 4, "indented deeper than line 2", ""},
    {"a: \"\\ud83d\\ude00\"", 1, 7, "surrogates", "\\U0001F600"},
    {"a: \"\\ud83d\"", 1, 7, "no character", "write the character itself"},
    {"a: \"\\x\"", 1, 7, "this is not YAML: ", "in quotes"},
    {"a: \"~\\.php$\"", 1, 6, "\"\\.\" is no escape", "single quotes"},
    {"a: !!str x", 1, 4, "tags (tag:yaml.org,2002:str) are not read", "leave it out"},
    {"a: !x y", 1, 4, "tags (!x) are not read", "leave it out"},
    {"a: !e!x y", 1, 4, "is a tag in YAML", "in quotes"},
    {"a: b\n---\nc: d\n", 2, 1, "a second document", "one document"},
    {"a: b\n...\nc\n", 3, 1, "indented less than the first", ""},
    {"  a: 1\nb: 2\n", 2, 1, "indented less than the first", "in one column"},
    {"- a\nb: 1\n", 2, 1, "no item of the list that begins in line 1", "\"- \""},
    {"a:\n    b: 1\n  c: 2\n", 3, 3, "fits neither the mapping", "in one column"},
    {"a: ]", 1, 4, "cannot begin with \"]\"", "in quotes"},
    {"a: ,b", 1, 4, "cannot begin with \",\"", "in quotes"},
    {"a: >x", 1, 4, "is a block of lines", "\">x\""},
    {"a: |x", 1, 4, "is a block of lines", "\"|x\""},
    {"a: - b", 1, 4, "a list cannot begin behind its key", "[a, b]"},
    {"[a]: b", 1, 1, "a key must be a text, but here is a list", ""},
    {"<<: {a: b}", 1, 1, "merge keys (<<) are not read", "defaults"},
    {"a: &a {b: *a}", 1, 11, "stands inside of what it repeats", ""},
    {"a: 1\nb: 2\na: 3\n", 3, 1, "\"a\" is written twice: already in line 1, column 1", "one of"},
    {"a:\n- b\n - c\n", 2, 3, "goes on in the next line", "a further item"},
    {"a: ${env.MISSING}", 1, 4, "the environment has no MISSING", "${env.MISSING:-"},
    {"a: x${env.MISSING}", 1, 5, "the environment has no MISSING", ""},
    {"a: ${env.BAD}", 1, 4, "not UTF-8", ""},
    {"a: ${env.no-name}", 1, 4, "no name of an environment variable", "${env.NAME}"},
    {"a: ${env.PORT", 1, 4, "not closed by \"}\"", "${env.NAME}"},
    {"a: \x01", 1, 4, "the invisible character U+0001", ""},
    {"a: b\nc: \xFF", 2, 4, "0xFF is not UTF-8", "UTF-8"},
    {"\xFF\xFE"
     "a",
     1, 1, "UTF-16", "UTF-8"},
    {"a: \xEF\xBB\xBF", 1, 4, "U+FEFF", ""},
};

static void each_trap_of_yaml_has_its_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(traps) / sizeof(*traps); i++) {
        struct reading_test test;
        read_text(&test, traps[i].text);
        assert_told(&test, traps[i].line, traps[i].column, traps[i].what, traps[i].cure);
        assert_int_equal(diagnostics_count(test.diagnostics), 1);
        finish(&test);
    }
}

static void the_environment_is_put_in_once(void **state)
{
    (void)state;
    struct reading_test test;
    read_text(&test,
              "a: x:${env.PORT}/\nb: ${env.NONE:-de:f}\nc: $host ${host} $${env.PORT}\n"
              "d: ${env.EMPTY}\ne: ${env.EMPTY:-e}\n${env.PORT}: f\ng: ${env.PORT:-}${env.PORT}\n");
    assert_int_equal(diagnostics_count(test.diagnostics), 0);
    assert_value(&test, "a", "x:8080/");
    assert_value(&test, "b", "de:f");
    assert_value(&test, "c", "$host ${host} $${env.PORT}");
    assert_value(&test, "d", "");
    assert_value(&test, "e", "e");
    assert_value(&test, "g", "80808080");
    assert_value(&test, "${env.PORT}", "f");
    finish(&test);
}

static void what_the_environment_gave_is_marked(void **state)
{
    (void)state;
    struct reading_test test;
    read_text(&test, "a: x${env.PRICE}y${env.EMPTY}${env.PORT}\n");
    const struct node *value = value_of(&test, "a");
    assert_true(slice_equal(value->text, SLICE("x$hosty8080")));
    assert_int_equal(value->environment[0].start, 1);
    assert_int_equal(value->environment[0].end, 6);
    assert_int_equal(value->environment[1].start, 7);
    assert_int_equal(value->environment[1].end, 11);
    assert_int_equal(value->environment[2].end, 0);
    finish(&test);
}

static void an_alias_is_the_same_node(void **state)
{
    (void)state;
    struct reading_test test;
    read_text(&test, "a: &x {b: c}\nd: *x\ne: &x 1\nf: *x\n");
    assert_int_equal(diagnostics_count(test.diagnostics), 0);
    assert_ptr_equal(value_of(&test, "a"), value_of(&test, "d"));
    assert_value(&test, "f", "1");
    finish(&test);
}

static void aliases_that_multiply_are_refused_at_once(void **state)
{
    (void)state;
    char text[4096];
    int length = snprintf(text, sizeof(text), "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 10; i++)
        length +=
            snprintf(text + length, sizeof(text) - (size_t)length,
                     "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i,
                     i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    struct reading_test test;
    read_text(&test, text);
    assert_null(test.root);
    assert_told(&test, 7, 10, "more than 2000000 values", "alias");
    finish(&test);
}

/* `count` times `part`. */
static char *repeat(const char *part, size_t count)
{
    size_t length = strlen(part);
    char *text = malloc(length * count + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * length, part, length);
    text[length * count] = '\0';
    return text;
}

static void what_is_too_deep_is_refused_at_once(void **state)
{
    (void)state;
    struct reading_test test;
    char *text = repeat("[", 20000);
    read_text(&test, text);
    assert_told(&test, 1, 65, "more than 64 deep", "");
    finish(&test);
    free(text);
    read_text(
        &test,
        "a: &a [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n"
        "b: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n");
    assert_told(&test, 2, 34, "more than 64 deep", "");
    finish(&test);
}

static void many_keys_are_fine_and_their_duplicates_are_found(void **state)
{
    (void)state;
    enum { KEYS = 20000 };
    char *text = malloc(KEYS * 16 + 32);
    assert_non_null(text);
    size_t length = 0;
    for (unsigned i = 0; i < KEYS; i++)
        length += (size_t)snprintf(text + length, 24, "key%05u: %u\n", i == 15000 ? 7 : i, i);
    struct reading_test test;
    read_text(&test, text);
    assert_told(&test, 15001, 1, "\"key00007\" is written twice: already in line 8, column 1", "");
    assert_int_equal(test.root->count, KEYS - 1);
    finish(&test);
    free(text);
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    (void)state;
    char *text = repeat("#\n", YAML_SIZE_MAX / 2 + 1);
    struct reading_test test;
    read_text(&test, text);
    assert_null(test.root);
    assert_told(&test, 0, 0, "larger than 16 MiB", "include");
    finish(&test);
    free(text);
}

static void a_comment_in_the_place_of_a_value_is_seen(void **state)
{
    (void)state;
    struct reading_test test;
    read_text(&test, "a: #top\nb:\n");
    assert_true(value_of(&test, "a")->commented);
    assert_false(value_of(&test, "b")->commented);
    finish(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_keeps_its_texts_and_places),
        cmocka_unit_test(words_stay_words),
        cmocka_unit_test(json_is_read),
        cmocka_unit_test(pairs_of_surrogates_are_read_in_json),
        cmocka_unit_test(files_without_content_are_empty_mappings),
        cmocka_unit_test(each_trap_of_yaml_has_its_words),
        cmocka_unit_test(the_environment_is_put_in_once),
        cmocka_unit_test(what_the_environment_gave_is_marked),
        cmocka_unit_test(an_alias_is_the_same_node),
        cmocka_unit_test(aliases_that_multiply_are_refused_at_once),
        cmocka_unit_test(what_is_too_deep_is_refused_at_once),
        cmocka_unit_test(many_keys_are_fine_and_their_duplicates_are_found),
        cmocka_unit_test(a_file_that_is_too_large_is_refused),
        cmocka_unit_test(a_comment_in_the_place_of_a_value_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
