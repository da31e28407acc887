#include "policy/path.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, NULL, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void assert_collapsed(const char *path, const char *expected)
{
    struct slice collapsed;
    assert_true(path_collapse(slice_from_text(path), &arena, &collapsed));
    assert_true(slice_equal(collapsed, slice_from_text(expected)));
}

static void slashes_collapse(void **state)
{
    (void)state;
    assert_collapsed("/", "/");
    assert_collapsed("//", "/");
    assert_collapsed("/a/b", "/a/b");
    assert_collapsed("//a///b//", "/a/b/");
    assert_collapsed("*", "*");
    assert_collapsed("", "");
}

static void what_needs_no_collapsing_is_not_copied(void **state)
{
    (void)state;
    struct slice path = SLICE("/a/b/"), collapsed;
    assert_true(path_collapse(path, &arena, &collapsed));
    assert_ptr_equal(collapsed.data, path.data);
}

static void prefixes_go_by_whole_segments(void **state)
{
    (void)state;
    assert_true(path_has_prefix(SLICE("/a"), SLICE("/a")));
    assert_true(path_has_prefix(SLICE("/a/"), SLICE("/a")));
    assert_true(path_has_prefix(SLICE("/a/b"), SLICE("/a")));
    assert_true(path_has_prefix(SLICE("/"), SLICE("")));
    assert_true(path_has_prefix(SLICE("/a"), SLICE("")));
    assert_false(path_has_prefix(SLICE("/ab"), SLICE("/a")));
    assert_false(path_has_prefix(SLICE("/"), SLICE("/a")));
    assert_false(path_has_prefix(SLICE("*"), SLICE("")));
    assert_false(path_has_prefix(SLICE(""), SLICE("")));
}

static void assert_behind(const char *path, const char *prefix, const char *expected)
{
    struct slice rest;
    bool found = path_behind_prefix(slice_from_text(path), slice_from_text(prefix), &rest);
    assert_int_equal(found, expected != NULL);
    if (found && !slice_equal(rest, slice_from_text(expected)))
        fail_msg("%s behind %s: %.*s", path, prefix, (int)rest.length, rest.data);
}

static void what_stands_behind_a_prefix_keeps_its_slashes(void **state)
{
    (void)state;
    assert_behind("/a/b", "/a", "/b");
    assert_behind("/a", "/a", "");
    assert_behind("/a/", "/a", "/");
    assert_behind("/ab", "/a", NULL);
    assert_behind("/a", "/a/b", NULL);
    assert_behind("//a//b//c", "/a/b", "//c");
    assert_behind("//a", "/a", "");
    assert_behind("/a///", "/a", "///");
    assert_behind("/a//bc", "/a/b", NULL);
    assert_behind("//x", "", "//x");
    assert_behind("/", "", "/");
    assert_behind("/%c3%A9%2f/%aa", "/%C3%A9%2F", "/%aa");
    assert_behind("/caf%c3%a9", "/CAF%C3%A9", NULL);
}

static void what_no_path_may_hold_is_escaped(void **state)
{
    (void)state;
    assert_true(slice_equal(path_escape(SLICE("/a b?\xc3\xa9#\r\n\\%41"), &arena),
                            SLICE("/a%20b%3F%C3%A9%23%0D%0A%5C%41")));
    struct slice plain = SLICE("/a;b=c@d:e!$&'()*+,~");
    assert_ptr_equal(path_escape(plain, &arena).data, plain.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slashes_collapse),
        cmocka_unit_test(what_needs_no_collapsing_is_not_copied),
        cmocka_unit_test(prefixes_go_by_whole_segments),
        cmocka_unit_test(what_stands_behind_a_prefix_keeps_its_slashes),
        cmocka_unit_test(what_no_path_may_hold_is_escaped),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
