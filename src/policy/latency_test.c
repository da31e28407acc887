#include "policy/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { HALF = LATENCY_HALF_LIFE_MS };

static void nothing_is_known_before_the_first_answer(void **state)
{
    (void)state;
    assert_int_equal(latency_expected(0, 12345), 0);
    assert_int_equal(latency_expected(latency_add(0, 700, 12345), 12345), 700);
    assert_int_equal(latency_expected(latency_add(0, 0, 12345), 12345), 1);
}

static void what_is_known_halves(void **state)
{
    (void)state;
    uint64_t remembered = latency_add(0, 8000, 1000);
    assert_int_equal(latency_expected(remembered, 1000 + HALF), 4000);
    assert_int_equal(latency_expected(remembered, 1000 + HALF + HALF / 2), 3000);
    assert_int_equal(latency_expected(remembered, 1000 + 2 * HALF), 2000);
    assert_int_equal(latency_expected(remembered, 1000 + 100 * HALF), 1);
}

static void a_longer_time_is_believed_at_once(void **state)
{
    (void)state;
    uint64_t remembered = latency_add(0, 1000, 0);
    assert_int_equal(latency_expected(latency_add(remembered, 90000, 1), 1), 90000);
    /* Also one that is longer only than what has faded. */
    assert_int_equal(latency_expected(latency_add(remembered, 600, HALF), HALF), 600);
}

static void a_shorter_time_is_believed_little_by_little(void **state)
{
    (void)state;
    uint64_t remembered = latency_add(0, 9000, 0);
    uint32_t before = 9000;
    for (uint32_t now = 10; now <= 20 * HALF; now += 10) {
        remembered = latency_add(remembered, 1000, now);
        uint32_t expected = latency_expected(remembered, now);
        assert_true(expected <= before + 50); /* what is known fades a little more than that */
        if (now == HALF) /* by answers that come often it comes down a little later than by none */
            assert_in_range(expected, 5000, 6200);
        before = expected;
    }
    assert_in_range(before, 1000, 1100);
}

/* As many answers as there may be in one millisecond change nothing that time does not. */
static void it_comes_down_however_many_answers_there_are(void **state)
{
    (void)state;
    uint64_t remembered = latency_add(0, 300, 0);
    for (uint32_t now = 0; now <= 20 * HALF; now++) {
        for (int i = 0; i < 5; i++)
            remembered = latency_add(remembered, 200, now);
    }
    assert_in_range(latency_expected(remembered, 20 * HALF), 195, 215);
}

static void a_clock_that_is_behind_changes_nothing(void **state)
{
    (void)state;
    uint64_t remembered = latency_add(0, 5000, 1000);
    assert_int_equal(latency_expected(remembered, 990), 5000);
    assert_int_equal(latency_expected(latency_add(remembered, 10, 990), 1000), 5000);
}

static void a_clock_that_wraps_is_no_matter(void **state)
{
    (void)state;
    uint64_t remembered = latency_add(0, 8000, UINT32_MAX - 99);
    assert_int_equal(latency_expected(remembered, HALF - 100), 4000);
}

static void the_longest_time_fits(void **state)
{
    (void)state;
    assert_int_equal(latency_expected(latency_add(0, UINT64_MAX, 5), 5), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_the_first_answer),
        cmocka_unit_test(what_is_known_halves),
        cmocka_unit_test(a_longer_time_is_believed_at_once),
        cmocka_unit_test(a_shorter_time_is_believed_little_by_little),
        cmocka_unit_test(it_comes_down_however_many_answers_there_are),
        cmocka_unit_test(a_clock_that_is_behind_changes_nothing),
        cmocka_unit_test(a_clock_that_wraps_is_no_matter),
        cmocka_unit_test(the_longest_time_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
