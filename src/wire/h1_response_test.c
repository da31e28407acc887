#include "wire/h1_testing_rewrite.h"
#include "wire/h1_vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void feed_for(enum method method, struct slice bytes, struct h1_cuts cuts,
                     struct h1_outcome *outcome)
{
    struct h1_trial trial;
    h1_trial_response(&trial, bytes, cuts, &H1_TESTING_LIMITS, method);
    h1_describe_response(outcome, &trial);
    h1_trial_fini(&trial);
}

static void feed_for_get(struct slice bytes, struct h1_cuts cuts, struct h1_outcome *outcome)
{
    feed_for(METHOD_GET, bytes, cuts, outcome);
}

static void feed_for_head(struct slice bytes, struct h1_cuts cuts, struct h1_outcome *outcome)
{
    feed_for(METHOD_HEAD, bytes, cuts, outcome);
}

static void every_response_has_its_outcome_in_every_split(void **state)
{
    (void)state;
    unsigned count = 0;
    assert_int_equal(h1_count_failures("tests/data/h1_responses.txt", feed_for_get, &count), 0);
    assert_true(count > 80);
}

static void every_response_to_head_has_its_outcome_in_every_split(void **state)
{
    (void)state;
    unsigned count = 0;
    assert_int_equal(h1_count_failures("tests/data/h1_responses_head.txt", feed_for_head, &count),
                     0);
    assert_true(count > 5);
}

static void check_rewritten(struct slice bytes)
{
    static struct h1_outcome before, after;
    struct h1_trial first, second;
    char memory[8 * 1024];
    struct text text = text_over(memory, sizeof(memory));
    h1_trial_response(&first, bytes, (struct h1_cuts){&bytes.length, 1}, &H1_TESTING_LIMITS,
                      METHOD_GET);
    if (h1_trial_is_good(&first)) {
        h1_rewrite_response(&first, &text);
        h1_describe_response(&before, &first);
        assert_true(h1_is_clean(text_slice(&text)));
        h1_trial_response(&second, text_slice(&text), (struct h1_cuts){&text.length, 1},
                          &H1_REWRITTEN_LIMITS, METHOD_GET);
        assert_int_equal(second.error, ERROR_NONE);
        h1_forget_wire(&second);
        h1_describe_response(&after, &second);
        assert_int_equal(before.text.length, after.text.length);
        assert_memory_equal(before.text.data, after.text.data, after.text.length);
        h1_trial_fini(&second);
    }
    h1_trial_fini(&first);
}

static void what_was_accepted_and_written_anew_reads_the_same(void **state)
{
    (void)state;
    static struct h1_vector vector;
    FILE *file = fopen("tests/data/h1_responses.txt", "r");
    assert_non_null(file);
    while (h1_vector_read(file, &vector))
        check_rewritten(text_slice(&vector.bytes));
    (void)fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_response_has_its_outcome_in_every_split),
        cmocka_unit_test(every_response_to_head_has_its_outcome_in_every_split),
        cmocka_unit_test(what_was_accepted_and_written_anew_reads_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
