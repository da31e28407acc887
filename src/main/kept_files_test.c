#include "main/kept_files.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void keep(struct kept_files *files, enum kept_kind kind, const char *name, const char *bytes)
{
    struct kept kept = {.bytes = arena_copy(&files->arena, slice_from_text(bytes))};
    assert_true(kept_files_add(files, kind, slice_from_text(name), kept));
}

static void expect(const struct kept_files *files, enum kept_kind kind, const char *name,
                   const char *bytes)
{
    const struct kept *kept = kept_files_find(files, kind, slice_from_text(name));
    assert_int_equal(kept != NULL, bytes != NULL);
    if (kept)
        assert_true(slice_equal(kept->bytes, slice_from_text(bytes)));
}

static void what_is_kept_is_found_by_kind_and_name(void **state)
{
    (void)state;
    struct kept_files files;
    kept_files_init(&files);
    keep(&files, KEPT_FILE, "a", "one");
    keep(&files, KEPT_NAMES, "a", "two");
    keep(&files, KEPT_FILE, "", "three");
    expect(&files, KEPT_FILE, "a", "one");
    expect(&files, KEPT_NAMES, "a", "two");
    expect(&files, KEPT_FILE, "", "three");
    expect(&files, KEPT_FILE, "b", NULL);
    expect(&files, KEPT_LOG, "a", NULL);
    kept_files_clear(&files);
    expect(&files, KEPT_FILE, "a", NULL);
}

static void that_something_cannot_be_read_is_kept_as_well(void **state)
{
    (void)state;
    struct kept_files files;
    kept_files_init(&files);
    assert_true(kept_files_add(&files, KEPT_FILE, SLICE("a"), (struct kept){.error = -EACCES}));
    assert_int_equal(kept_files_find(&files, KEPT_FILE, SLICE("a"))->error, -EACCES);
    kept_files_clear(&files);
}

static void what_is_taken_replaces_what_was_there(void **state)
{
    (void)state;
    struct kept_files served, loading;
    kept_files_init(&served);
    kept_files_init(&loading);
    keep(&served, KEPT_FILE, "a", "old");
    keep(&served, KEPT_FILE, "b", "old");
    keep(&loading, KEPT_FILE, "a", "new");
    kept_files_take(&served, &loading);
    expect(&served, KEPT_FILE, "a", "new");
    expect(&served, KEPT_FILE, "b", NULL);
    expect(&loading, KEPT_FILE, "a", NULL);
    kept_files_clear(&served);
    kept_files_clear(&loading);
}

static void what_is_no_longer_kept_is_overwritten(void **state)
{
    (void)state;
    struct kept_files files;
    kept_files_init(&files);
    keep(&files, KEPT_FILE, "a", "a key");
    struct slice before = kept_files_find(&files, KEPT_FILE, SLICE("a"))->bytes;
    kept_files_replace(&files, KEPT_FILE, SLICE("a"),
                       (struct kept){.bytes = arena_copy(&files.arena, SLICE("another"))});
    assert_memory_equal(before.data, "\0\0\0\0\0", 5);
    expect(&files, KEPT_FILE, "a", "another");
    kept_files_clear(&files);
}

static void what_there_is_no_memory_to_keep_is_overwritten(void **state)
{
    (void)state;
    struct kept_files files;
    char name[4096], key[] = "a key";
    memset(name, 'a', sizeof(name));
    kept_files_init(&files);
    files.arena.limit = 0;
    assert_false(kept_files_add(&files, KEPT_FILE, slice_of(name, sizeof(name)),
                                (struct kept){.bytes = slice_of(key, 5)}));
    assert_memory_equal(key, "\0\0\0\0\0", 5);
    kept_files_clear(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_found_by_kind_and_name),
        cmocka_unit_test(that_something_cannot_be_read_is_kept_as_well),
        cmocka_unit_test(what_is_taken_replaces_what_was_there),
        cmocka_unit_test(what_is_no_longer_kept_is_overwritten),
        cmocka_unit_test(what_there_is_no_memory_to_keep_is_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
