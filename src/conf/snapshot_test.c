#include "conf/snapshot.h"

#include "conf/test_vocabulary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The order of what happens, as letters. */
static char story[16];

static void tell(char letter)
{
    size_t length = strlen(story);
    assert_true(length + 1 < sizeof(story));
    story[length] = letter;
}

static int first_part, second_part;

static void *build_first(struct snapshot *snapshot, struct diagnostics *diagnostics)
{
    (void)snapshot;
    (void)diagnostics;
    tell('a');
    return &first_part;
}

static void free_first(void *part)
{
    assert_ptr_equal(part, &first_part);
    tell('A');
}

static const struct snapshot_part first = {"first", build_first, free_first};

static void *build_second(struct snapshot *snapshot, struct diagnostics *diagnostics)
{
    (void)diagnostics;
    assert_ptr_equal(snapshot_get(snapshot, &first), &first_part);
    tell('b');
    return &second_part;
}

static void free_second(void *part)
{
    assert_ptr_equal(part, &second_part);
    tell('B');
}

static void *build_wrong(struct snapshot *snapshot, struct diagnostics *diagnostics)
{
    (void)snapshot;
    tell('w');
    diagnostics_error(diagnostics, (struct position){0}, NULL, "wrong");
    return NULL;
}

static const struct snapshot_part second = {"second", build_second, free_second};
static const struct snapshot_part wrong = {"wrong", build_wrong, NULL};

static struct configuration *load(struct diagnostics *diagnostics)
{
    static const struct configuration_reader reader = {0};
    memset(story, 0, sizeof(story));
    return configuration_load(SLICE("weir.yaml"), SLICE("threads: 2\n"), &test_vocabulary, &reader,
                              diagnostics);
}

static void parts_are_built_in_order_and_freed_backwards(void **state)
{
    (void)state;
    static const struct snapshot_part *const parts[] = {&first, &second};
    struct diagnostics *diagnostics = diagnostics_new(4);
    int live = 0;
    struct snapshot *snapshot = snapshot_new(load(diagnostics), parts, 2, &live, diagnostics);
    assert_non_null(snapshot);
    assert_ptr_equal(snapshot->live, &live);
    assert_ptr_equal(snapshot_get(snapshot, &second), &second_part);
    snapshot_ref(snapshot);
    snapshot_unref(snapshot);
    assert_string_equal(story, "ab");
    snapshot_unref(snapshot);
    assert_string_equal(story, "abBA");
    diagnostics_free(diagnostics);
}

static void a_part_that_fails_leaves_the_configuration_to_the_caller(void **state)
{
    (void)state;
    static const struct snapshot_part *const parts[] = {&first, &wrong, &second};
    struct diagnostics *diagnostics = diagnostics_new(4);
    struct configuration *configuration = load(diagnostics);
    assert_null(snapshot_new(configuration, parts, 3, NULL, diagnostics));
    assert_string_equal(story, "awA");
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    assert_int_equal(configuration->source_count, 1);
    configuration_free(configuration);
    diagnostics_free(diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_built_in_order_and_freed_backwards),
        cmocka_unit_test(a_part_that_fails_leaves_the_configuration_to_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
