#include "upstream/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW = 5 * 1000 * 1000, TIME = 10 * 1000 };

static const struct breaker_settings by_rate = {
    .failure_rate = 50, .window = 10 * 1000, .calls = 4, .time = TIME};
static const struct breaker_settings by_count = {
    .max_calls = 2, .window = 10 * 1000, .calls = 4, .time = TIME};

static enum error_code enter(struct breaker *breaker, uint64_t now, enum breaker_pass *ret_pass)
{
    enum error_code seen = breaker_look(breaker, &by_rate, now);
    enum error_code error = breaker_enter(breaker, &by_rate, now, ret_pass);
    assert_int_equal(seen, error);
    return error;
}

/* A whole call. */
static enum breaker_news call(struct breaker *breaker, bool fails, uint64_t now)
{
    enum breaker_pass pass;
    uint64_t counts;
    assert_int_equal(enter(breaker, now, &pass), ERROR_NONE);
    enum breaker_news news = breaker_note(
        breaker, &by_rate, &pass, fails ? FAILURE_RATE_FAILED : FAILURE_RATE_WELL, now, &counts);
    breaker_leave(breaker, pass);
    return news;
}

static void open_it(struct breaker *breaker, uint64_t now)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(call(breaker, true, now), BREAKER_NO_NEWS);
    assert_int_equal(call(breaker, true, now), BREAKER_OPENS);
}

static void it_opens_with_the_share_of_failures(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    enum breaker_pass pass;
    for (int i = 0; i < 3; i++)
        assert_int_equal(call(&breaker, false, NOW), BREAKER_NO_NEWS);
    for (int i = 0; i < 2; i++)
        assert_int_equal(call(&breaker, true, NOW), BREAKER_NO_NEWS);
    assert_int_equal(call(&breaker, true, NOW), BREAKER_OPENS);
    assert_int_equal(enter(&breaker, NOW, &pass), ERROR_CIRCUIT_OPEN);
    assert_int_equal(pass, BREAKER_NO_PASS);
    assert_int_equal(enter(&breaker, NOW + TIME - 1, &pass), ERROR_CIRCUIT_OPEN);
    assert_int_equal(breaker_seconds_left(&breaker, NOW), TIME / 1000);
    assert_int_equal(breaker_seconds_left(&breaker, NOW + TIME), 1);
    assert_int_equal(atomic_load(&breaker.refused), 2);
    assert_int_equal(atomic_load(&breaker.active), 0);
}

static void one_trial_at_a_time_goes_through(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    enum breaker_pass pass, other;
    open_it(&breaker, NOW);
    assert_int_equal(enter(&breaker, NOW + TIME, &pass), ERROR_NONE);
    assert_int_equal(pass, BREAKER_TRIAL);
    assert_int_equal(enter(&breaker, NOW + TIME, &other), ERROR_CIRCUIT_OPEN);
    breaker_leave(&breaker, pass); /* its client has left */
    assert_int_equal(enter(&breaker, NOW + TIME, &pass), ERROR_NONE);
    assert_int_equal(pass, BREAKER_TRIAL);
    breaker_leave(&breaker, pass);
}

static void a_good_trial_closes_it(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    open_it(&breaker, NOW);
    assert_int_equal(call(&breaker, false, NOW + TIME), BREAKER_CLOSES);
    assert_false(breaker_is_open(&breaker, &by_rate));
    open_it(&breaker, NOW + TIME); /* what was counted before is forgotten */
}

static void each_trial_that_fails_opens_it_for_twice_as_long(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    uint64_t now = NOW + TIME, time = TIME;
    enum breaker_pass pass;
    open_it(&breaker, NOW);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(call(&breaker, true, now), BREAKER_STAYS_OPEN);
        time *= 2;
        assert_int_equal(enter(&breaker, now + time - 1, &pass), ERROR_CIRCUIT_OPEN);
        now += time;
    }
    assert_int_equal(call(&breaker, false, now), BREAKER_CLOSES);
    open_it(&breaker, now);
    assert_int_equal(call(&breaker, false, now + TIME), BREAKER_CLOSES);
}

static void who_was_under_way_changes_nothing(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    enum breaker_pass early;
    uint64_t counts;
    assert_int_equal(enter(&breaker, NOW, &early), ERROR_NONE);
    open_it(&breaker, NOW);
    assert_int_equal(
        breaker_note(&breaker, &by_rate, &early, FAILURE_RATE_WELL, NOW + TIME, &counts),
        BREAKER_NO_NEWS);
    assert_true(breaker_is_open(&breaker, &by_rate));
    breaker_leave(&breaker, early);
}

static void no_more_calls_than_it_may_have(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    enum breaker_pass passes[2], other;
    for (int i = 0; i < 2; i++)
        assert_int_equal(breaker_enter(&breaker, &by_count, NOW, &passes[i]), ERROR_NONE);
    assert_int_equal(breaker_look(&breaker, &by_count, NOW), ERROR_UPSTREAM_FULL);
    assert_int_equal(breaker_enter(&breaker, &by_count, NOW, &other), ERROR_UPSTREAM_FULL);
    breaker_leave(&breaker, passes[0]);
    assert_int_equal(breaker_enter(&breaker, &by_count, NOW, &other), ERROR_NONE);
    breaker_leave(&breaker, passes[1]);
    breaker_leave(&breaker, other);
    assert_int_equal(atomic_load(&breaker.active), 0);
}

static void a_trial_that_finds_no_place_is_none(void **state)
{
    (void)state;
    struct breaker_settings both = by_rate;
    both.max_calls = 1;
    struct breaker breaker = {0};
    enum breaker_pass early, pass;
    open_it(&breaker, NOW);
    atomic_store(&breaker.open_until, 0);
    assert_int_equal(breaker_enter(&breaker, &both, NOW, &early), ERROR_NONE);
    atomic_store(&breaker.open_until, NOW);
    assert_int_equal(breaker_enter(&breaker, &both, NOW, &pass), ERROR_UPSTREAM_FULL);
    assert_false(atomic_load(&breaker.on_trial));
    breaker_leave(&breaker, early);
}

static void connections_are_counted_up_to_the_limit(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    assert_true(breaker_connect(&breaker, 2));
    assert_true(breaker_connect(&breaker, 2));
    assert_false(breaker_connect(&breaker, 2));
    assert_true(breaker_connect(&breaker, 0));
    assert_int_equal(atomic_load(&breaker.connections), 3);
    breaker_disconnect(&breaker);
    assert_false(breaker_connect(&breaker, 2));
    breaker_disconnect(&breaker);
    assert_true(breaker_connect(&breaker, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_with_the_share_of_failures),
        cmocka_unit_test(one_trial_at_a_time_goes_through),
        cmocka_unit_test(a_good_trial_closes_it),
        cmocka_unit_test(each_trial_that_fails_opens_it_for_twice_as_long),
        cmocka_unit_test(who_was_under_way_changes_nothing),
        cmocka_unit_test(no_more_calls_than_it_may_have),
        cmocka_unit_test(connections_are_counted_up_to_the_limit),
        cmocka_unit_test(a_trial_that_finds_no_place_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
