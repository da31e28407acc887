#include "main/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void keep(struct kept_files *files, enum kept_kind kind, const char *name, bool is_watched)
{
    struct kept kept = {.is_watched = is_watched, .stamp = watch_stamp(kind, name)};
    assert_true(kept_files_add(files, kind, slice_from_text(name), kept));
}

/* A directory with two files, and a look at all of it. */
struct bench {
    char directory[32], watched[64], other[64], pattern[64];
    struct kept_files served;
    struct watch watch;
};

static void begin(struct bench *bench)
{
    *bench = (struct bench){.directory = "/tmp/weir-watch-XXXXXX"};
    assert_non_null(mkdtemp(bench->directory));
    (void)snprintf(bench->watched, sizeof(bench->watched), "%s/a.pem", bench->directory);
    (void)snprintf(bench->other, sizeof(bench->other), "%s/other", bench->directory);
    (void)snprintf(bench->pattern, sizeof(bench->pattern), "%s/*.pem", bench->directory);
    write_file(bench->watched, "one");
    write_file(bench->other, "one");
    kept_files_init(&bench->served);
    keep(&bench->served, KEPT_FILE, bench->watched, true);
    keep(&bench->served, KEPT_NAMES, bench->pattern, true);
    keep(&bench->served, KEPT_FILE, bench->other, false);
    assert_false(watch_look(&bench->watch, &bench->served));
    assert_false(watch_look(&bench->watch, &bench->served));
}

static void end(struct bench *bench)
{
    kept_files_clear(&bench->served);
    (void)unlink(bench->watched);
    (void)unlink(bench->other);
    assert_int_equal(rmdir(bench->directory), 0);
}

static void a_change_is_told_once_when_it_has_settled(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    write_file(bench.watched, "two and");
    assert_false(watch_look(&bench.watch, &bench.served));
    write_file(bench.watched, "two and a half");
    assert_false(watch_look(&bench.watch, &bench.served));
    assert_true(watch_look(&bench.watch, &bench.served));
    assert_false(watch_look(&bench.watch, &bench.served));
    (void)unlink(bench.watched);
    assert_false(watch_look(&bench.watch, &bench.served));
    assert_true(watch_look(&bench.watch, &bench.served));
    assert_false(watch_look(&bench.watch, &bench.served));
    end(&bench);
}

static void a_file_that_comes_into_a_directory_is_a_change(void **state)
{
    (void)state;
    struct bench bench;
    char path[64];
    begin(&bench);
    (void)snprintf(path, sizeof(path), "%s/b.pem", bench.directory);
    write_file(path, "new");
    assert_false(watch_look(&bench.watch, &bench.served));
    assert_true(watch_look(&bench.watch, &bench.served));
    (void)unlink(path);
    end(&bench);
}

static void what_is_not_watched_may_change(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    write_file(bench.other, "another text");
    assert_false(watch_look(&bench.watch, &bench.served));
    assert_false(watch_look(&bench.watch, &bench.served));
    end(&bench);
}

static void looks_are_paced_but_a_change_settles_at_once(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    write_file(bench.watched, "two");
    bench.watch.due = UINT64_MAX;
    assert_false(watch_look_paced(&bench.watch, &bench.served));
    assert_int_equal(bench.watch.due, UINT64_MAX);
    bench.watch.due = 0;
    assert_false(watch_look_paced(&bench.watch, &bench.served));
    assert_true(bench.watch.due > 0);
    bench.watch.due = UINT64_MAX;
    assert_true(watch_look_paced(&bench.watch, &bench.served));
    bench.watch.due = UINT64_MAX;
    assert_false(watch_look_paced(&bench.watch, &bench.served));
    assert_int_equal(bench.watch.due, UINT64_MAX);
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_told_once_when_it_has_settled),
        cmocka_unit_test(a_file_that_comes_into_a_directory_is_a_change),
        cmocka_unit_test(what_is_not_watched_may_change),
        cmocka_unit_test(looks_are_paced_but_a_change_settles_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
