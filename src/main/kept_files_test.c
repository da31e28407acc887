#include "main/kept_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void keep(struct kept_files *files, enum kept_kind kind, struct slice name,
                 struct slice bytes)
{
    assert_true(kept_files_add(files, kind, name, arena_copy(&files->arena, bytes)));
}

static void what_is_kept_is_found_by_kind_and_name(void **state)
{
    (void)state;
    struct kept_files files;
    struct slice found;
    kept_files_init(&files);
    keep(&files, KEPT_FILE, SLICE("a"), SLICE("one"));
    keep(&files, KEPT_NAMES, SLICE("a"), SLICE("two"));
    assert_true(kept_files_find(&files, KEPT_FILE, SLICE("a"), &found));
    assert_true(slice_equal(found, SLICE("one")));
    assert_true(kept_files_find(&files, KEPT_NAMES, SLICE("a"), &found));
    assert_true(slice_equal(found, SLICE("two")));
    assert_false(kept_files_find(&files, KEPT_FILE, SLICE("b"), &found));
    kept_files_clear(&files);
    assert_false(kept_files_find(&files, KEPT_FILE, SLICE("a"), &found));
}

static void what_is_taken_replaces_what_was_there(void **state)
{
    (void)state;
    struct kept_files served, loading;
    struct slice found;
    kept_files_init(&served);
    kept_files_init(&loading);
    keep(&served, KEPT_FILE, SLICE("a"), SLICE("old"));
    keep(&served, KEPT_FILE, SLICE("b"), SLICE("old"));
    keep(&loading, KEPT_FILE, SLICE("a"), SLICE("new"));
    kept_files_take(&served, &loading);
    assert_true(kept_files_find(&served, KEPT_FILE, SLICE("a"), &found));
    assert_true(slice_equal(found, SLICE("new")));
    assert_false(kept_files_find(&served, KEPT_FILE, SLICE("b"), &found));
    assert_false(kept_files_find(&loading, KEPT_FILE, SLICE("a"), &found));
    kept_files_clear(&served);
    kept_files_clear(&loading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_found_by_kind_and_name),
        cmocka_unit_test(what_is_taken_replaces_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
