#include "http/uri.h"

#include "base/arena.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct path_vector {
    const char *path;
    const char *form; /* NULL: refused */
};

static const struct path_vector PATHS[] = {
    {"/", "/"},
    {"/a", "/a"},
    {"/a/b.c/d..e/.f/..g/h.", "/a/b.c/d..e/.f/..g/h."},
    {"//a//b//", "//a//b//"},
    {"/a:b@c!$&'()*+,;=~-_", "/a:b@c!$&'()*+,;=~-_"},
    {"/...", "/..."},
    /* RFC 3986 6.2.2.2: unreserved characters are decoded, others stay. */
    {"/%61%5A%30%2d%2E%5f%7e", "/aZ0-._~"},
    {"/%20%3a%c3%A9/%41", "/%20%3a%c3%A9/A"},
    {"/a%2fb%5cc/./d", "/a%2fb%5cc/d"},
    {"/a%2Fb", "/a%2Fb"},
    {"/%25%32%65", "/%252e"},
    {"/%252e%252e/a", "/%252e%252e/a"},
    {"/%3F%23", "/%3F%23"},
    {"/%01%7F", "/%01%7F"},
    /* RFC 3986 5.2.4. */
    {"/.", "/"},
    {"/..", "/"},
    {"/./a", "/a"},
    {"/a/.", "/a/"},
    {"/a/..", "/"},
    {"/a/../", "/"},
    {"/a/b/../../c", "/c"},
    {"/a/b/c/./../../g", "/a/g"},
    {"/../../a", "/a"},
    {"/a/./b/./", "/a/b/"},
    {"/a/%2e%2E/b", "/b"},
    {"/a/.%2e/b", "/b"},
    {"/%2e/a", "/a"},
    {"//a/..", "//"},
    {"/a//b/..", "/a//"},
    {"/a%2Fb/./c", "/a%2Fb/c"},
    /* Malformed. */
    {"", NULL},
    {"a", NULL},
    {"*", NULL},
    {"/%", NULL},
    {"/%2", NULL},
    {"/%zz", NULL},
    {"/%2g", NULL},
    {"/a%00b", NULL},
    {"/a\\b", NULL},
    {"/a b", NULL},
    {"/a\tb", NULL},
    {"/a\x7F", NULL},
    {"/\xC3\xA9", NULL},
    {"/a?b", NULL},
    {"/a#b", NULL},
    /* Two readers resolve these in two ways. */
    {"//..", NULL},
    {"/a//../b", NULL},
    {"/a//./b", NULL},
    {"/a/..//b", NULL},
    {"/a/.//b", NULL},
    {"/a//b/../../c", NULL},
    {"/a/..%2fb", NULL},
    {"/a/..%2Fb", NULL},
    {"/a%2F..", NULL},
    {"/a%2f../b", NULL},
    {"/a%2F..%2Fb", NULL},
    {"/a%5C..%5Cb", NULL},
    {"/..%5cb", NULL},
    {"/a/%2e%2e%2fb", NULL},
    {"/a%2f%2e", NULL},
    {"/.%2Fa", NULL},
    {"/a%2Fb/../c", NULL},
    {"/a/%2F/../c", NULL},
    {"/a/..;/b", NULL},
    {"/a/..;x=y/b", NULL},
    {"/a/.;/b", NULL},
    {"/a/%2e%2e;/b", NULL},
    {"/a/;x/../b", NULL},
    {"/a/%3B/../b", NULL},
    {"/a/%3bx/../b", NULL},
    {"/a/..%3Bx/b", NULL},
    {"/a/.%3b/b", NULL},
};

static void check_path(const struct path_vector *vector, struct arena *arena)
{
    struct slice path = slice_from_text(vector->path), form;
    enum path_verdict verdict = path_normalize(path, arena, &form);
    if (!vector->form) {
        if (verdict != PATH_REFUSED)
            fail_msg("%s is not refused", vector->path);
        return;
    }
    bool plain = strcmp(vector->path, vector->form) == 0;
    if (verdict != (plain ? PATH_PLAIN : PATH_REWRITTEN))
        fail_msg("%s has verdict %d", vector->path, (int)verdict);
    if (!slice_equal(form, slice_from_text(vector->form)))
        fail_msg("%s becomes %.*s", vector->path, (int)form.length, form.data);
    if (plain)
        assert_ptr_equal(form.data, path.data);
}

static void every_path_has_one_form_or_is_refused(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 1024 * 1024);
    for (size_t i = 0; i < sizeof(PATHS) / sizeof(PATHS[0]); i++)
        check_path(&PATHS[i], &arena);
    arena_fini(&arena);
}

static void a_form_is_its_own_form(void **state)
{
    (void)state;
    struct arena arena;
    struct slice again;
    arena_init(&arena, NULL, 1024 * 1024);
    for (size_t i = 0; i < sizeof(PATHS) / sizeof(PATHS[0]); i++) {
        struct slice form = slice_from_text(PATHS[i].form);
        if (form.data)
            assert_int_equal(path_normalize(form, &arena, &again), PATH_PLAIN);
    }
    arena_fini(&arena);
}

static void ordinary_paths_need_no_memory(void **state)
{
    (void)state;
    struct arena none;
    struct slice form;
    arena_init(&none, NULL, 0);
    assert_int_equal(path_normalize(SLICE("/a/b%20c"), &none, &form), PATH_PLAIN);
    assert_int_equal(path_normalize(SLICE("/a/../b"), &none, &form), PATH_NO_MEMORY);
    arena_fini(&none);
}

static void a_reference_of_two_slashes_names_a_host(void **state)
{
    (void)state;
    const char *hosts[] = {"//a", "///a", "/\\a", "/\t/a", "/\t\t\\a", "//"};
    const char *others[] = {"", "/", "/a//b", "/\t", "/\ta", "a//b", "https://a", "/;//a", "\t//a"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        assert_true(reference_names_host(slice_from_text(hosts[i])));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(reference_names_host(slice_from_text(others[i])));
}

static void a_bare_path_is_the_same_in_every_form(void **state)
{
    (void)state;
    const char *bare[] = {"/", "/a", "/a/", "/a/b.c", "/a.b/c;d=1,2", "/a/b..", "/a.", "/~a:@!$"};
    const char *other[] = {"",      "a",     "*",    "//",    "/a//b", "/a//", "/.",
                           "/a/..", "/a/.b", "/a%b", "/%20a", "/a\\b", "/a?",  "/a\xc3"};
    struct arena none;
    struct slice form;
    arena_init(&none, NULL, 0);
    for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++) {
        struct slice path = slice_from_text(bare[i]);
        assert_true(path_is_bare(path));
        assert_int_equal(path_normalize(path, &none, &form), PATH_PLAIN);
        assert_true(path_match_form(path, &none, &form));
        assert_ptr_equal(form.data, path.data);
    }
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        assert_false(path_is_bare(slice_from_text(other[i])));
    arena_fini(&none);
}

static void assert_segments(const char *path, const char *expected)
{
    char memory[64];
    struct text text = text_over(memory, sizeof(memory));
    struct slice rest = slice_from_text(path), segment;
    while (path_next_segment(&rest, &segment)) {
        text_add(&text, segment);
        text_add_byte(&text, '|');
    }
    assert_true(slice_equal(text_slice(&text), slice_from_text(expected)));
}

static void segments_are_walked_as_if_slashes_were_single(void **state)
{
    (void)state;
    assert_segments("/", "");
    assert_segments("/a", "a|");
    assert_segments("/a/", "a|");
    assert_segments("/a/b/c", "a|b|c|");
    assert_segments("//a///b//", "a|b|");
    assert_segments("", "");
}

struct authority_vector {
    const char *authority, *host; /* host NULL: malformed */
    uint16_t port;
};

static const struct authority_vector AUTHORITIES[] = {
    {"a", "a", 0},
    {"a.example:80", "a.example", 80},
    {"a:", "a", 0},
    {"a:00080", "a", 80},
    {"A_b-c.~", "A_b-c.~", 0},
    {"a.b.:80", "a.b.", 80},
    {"1.2.3.4:65535", "1.2.3.4", 65535},
    {"[::1]", "::1", 0},
    {"[2001:db8::1]:443", "2001:db8::1", 443},
    {"[::1]:", "::1", 0},
    {"[::ffff:1.2.3.4]:1", "::ffff:1.2.3.4", 1},
    {"", NULL, 0},
    {":80", NULL, 0},
    {".", NULL, 0},
    {"..", NULL, 0},
    {".a", NULL, 0},
    {"a..b", NULL, 0},
    {"a..:80", NULL, 0},
    {"a:0", NULL, 0},
    {"a:65536", NULL, 0},
    {"a:b", NULL, 0},
    {"a:1:2", NULL, 0},
    {"a:-1", NULL, 0},
    {"a: 1", NULL, 0},
    {"a b", NULL, 0},
    {"user@a", NULL, 0},
    {"a/b", NULL, 0},
    {"a\\b", NULL, 0},
    {"a\"b", NULL, 0},
    {"a<b>", NULL, 0},
    {"a%2Db", NULL, 0},
    {"a,b", NULL, 0},
    {"a;b", NULL, 0},
    {"a!", NULL, 0},
    {"$a", NULL, 0},
    {"a&b=c", NULL, 0},
    {"(a)", NULL, 0},
    {"*.a", NULL, 0},
    {"a+b", NULL, 0},
    {"a'b", NULL, 0},
    {"a%2", NULL, 0},
    {"a%", NULL, 0},
    {"a%zz", NULL, 0},
    {"\xC3\xA9", NULL, 0},
    {"::1", NULL, 0},
    {"[]", NULL, 0},
    {"[::1", NULL, 0},
    {"::1]", NULL, 0},
    {"[::1]80", NULL, 0},
    {"[::1]:x", NULL, 0},
    {"[1.2.3.4]", NULL, 0},
    {"[a]", NULL, 0},
    {"[v1.a]", NULL, 0},
    {"[fe80::1%25a]", NULL, 0},
    {"[[::1]]", NULL, 0},
};

static void authorities_are_host_and_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(AUTHORITIES) / sizeof(AUTHORITIES[0]); i++) {
        const struct authority_vector *vector = &AUTHORITIES[i];
        struct slice host;
        uint16_t port = 0;
        bool good = authority_parse(slice_from_text(vector->authority), &host, &port);
        if (good != (vector->host != NULL))
            fail_msg("%s", vector->authority);
        if (!good)
            continue;
        assert_true(slice_equal(host, slice_from_text(vector->host)));
        assert_int_equal(port, vector->port);
    }
    struct slice none;
    uint16_t port;
    assert_false(authority_parse(slice_of(NULL, 0), &none, &port));
}

static void hosts_are_compared_in_small_letters_without_their_last_dot(void **state)
{
    (void)state;
    char memory[16];
    struct slice host;
    assert_true(host_normalize(SLICE("WWW.Example."), memory, sizeof(memory), &host));
    assert_true(slice_equal(host, SLICE("www.example")));
    assert_true(host_normalize(SLICE("2001:DB8::1"), memory, sizeof(memory), &host));
    assert_true(slice_equal(host, SLICE("2001:db8::1")));
    assert_true(host_normalize(SLICE("0123456789012345."), memory, sizeof(memory), &host));
    assert_false(host_normalize(SLICE("01234567890123456"), memory, sizeof(memory), &host));
}

static void the_longest_host_has_253_bytes(void **state)
{
    (void)state;
    char name[254], memory[512];
    struct slice host;
    memset(name, 'a', sizeof(name));
    assert_true(host_normalize(slice_of(name, 253), memory, sizeof(memory), &host));
    assert_false(host_normalize(slice_of(name, 254), memory, sizeof(memory), &host));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_has_one_form_or_is_refused),
        cmocka_unit_test(a_form_is_its_own_form),
        cmocka_unit_test(ordinary_paths_need_no_memory),
        cmocka_unit_test(a_reference_of_two_slashes_names_a_host),
        cmocka_unit_test(a_bare_path_is_the_same_in_every_form),
        cmocka_unit_test(segments_are_walked_as_if_slashes_were_single),
        cmocka_unit_test(authorities_are_host_and_port),
        cmocka_unit_test(hosts_are_compared_in_small_letters_without_their_last_dot),
        cmocka_unit_test(the_longest_host_has_253_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
