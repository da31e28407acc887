#include "policy/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* With rise 2 and fall 3: what it counts as after each outcome; + passed, - failed; u up, d down.
 */
static void assert_counts_as(const char *outcomes, const char *expected)
{
    struct health_score score = {0};
    char counts[32] = "";
    for (size_t i = 0; i < strlen(outcomes); i++) {
        bool before = score.is_down;
        bool changed = health_note(&score, outcomes[i] == '+', 2, 3);
        assert_int_equal(changed, before != score.is_down);
        counts[i] = score.is_down ? 'd' : 'u';
    }
    assert_string_equal(counts, expected);
}

static void the_first_outcome_decides(void **state)
{
    (void)state;
    assert_counts_as("-", "d");
    assert_counts_as("+", "u");
}

static void three_failures_in_a_row_take_it_down(void **state)
{
    (void)state;
    assert_counts_as("+---", "uuud");
    assert_counts_as("+--+--+--+", "uuuuuuuuuu");
}

static void two_successes_in_a_row_bring_it_back(void **state)
{
    (void)state;
    assert_counts_as("-++", "ddu");
    assert_counts_as("-+-+-+-", "ddddddd");
    assert_counts_as("-++---++", "dduuuddu");
}

static void a_pause_is_the_interval_and_a_tenth_more_or_less(void **state)
{
    (void)state;
    struct health_score score = {.is_known = true};
    uint64_t least = UINT64_MAX, most = 0;
    for (uint64_t chance = 0; chance < 5000; chance++) {
        uint64_t pause = health_pause(&score, 5000, 1000, chance);
        least = pause < least ? pause : least;
        most = pause > most ? pause : most;
    }
    assert_int_equal(least, 4500);
    assert_int_equal(most, 5500);
}

static void in_between_it_is_asked_faster_but_never_slower(void **state)
{
    (void)state;
    struct health_score score = {.is_known = true, .against = 1};
    assert_in_range(health_pause(&score, 5000, 1000, 77), 900, 1100);
    assert_in_range(health_pause(&score, 500, 1000, 77), 450, 550);
}

static void the_shortest_pause_is_one(void **state)
{
    (void)state;
    struct health_score score = {0};
    assert_int_equal(health_pause(&score, 1, 1, UINT64_MAX), 1);
}

static void there_is_panic_below_the_share(void **state)
{
    (void)state;
    assert_true(health_is_panic(0, 1, 10));
    assert_true(health_is_panic(0, 10, 10));
    assert_false(health_is_panic(1, 10, 10));
    assert_true(health_is_panic(9, 100, 10));
    assert_false(health_is_panic(10, 100, 10));
    assert_true(health_is_panic(1, 3, 50));
    assert_false(health_is_panic(1, 2, 50));
}

static void without_a_share_or_servers_there_is_none(void **state)
{
    (void)state;
    assert_false(health_is_panic(0, 10, 0));
    assert_false(health_is_panic(0, 0, 50));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_outcome_decides),
        cmocka_unit_test(three_failures_in_a_row_take_it_down),
        cmocka_unit_test(two_successes_in_a_row_bring_it_back),
        cmocka_unit_test(a_pause_is_the_interval_and_a_tenth_more_or_less),
        cmocka_unit_test(in_between_it_is_asked_faster_but_never_slower),
        cmocka_unit_test(the_shortest_pause_is_one),
        cmocka_unit_test(there_is_panic_below_the_share),
        cmocka_unit_test(without_a_share_or_servers_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
