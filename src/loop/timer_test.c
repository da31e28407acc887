#include "loop/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* The loop does not turn in these tests, so that its time stands; the wheel is advanced by hand. */
struct fixture {
    struct loop *loop;
    struct timer_wheel *wheel;
    uint64_t start;
};

struct counted {
    struct timer timer;
    unsigned fired;
};

static void count(struct timer *timer)
{
    CONTAINER_OF(timer, struct counted, timer)->fired++;
}

static void counted_init(struct counted *counted)
{
    timer_init(&counted->timer, count);
    counted->fired = 0;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->loop = loop_new();
    assert_non_null(fixture->loop);
    fixture->wheel = loop_wheel(fixture->loop);
    fixture->start = loop_now(fixture->loop);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static void advance_to(struct fixture *fixture, uint64_t after_ms)
{
    timer_wheel_advance(fixture->wheel, fixture->start + after_ms);
}

static void a_timer_fires_once_and_never_early(void **state)
{
    struct fixture *fixture = *state;
    struct counted first;
    counted_init(&first);
    timer_set(fixture->loop, &first.timer, 100);
    assert_true(timer_is_set(&first.timer));
    for (uint64_t ms = 0; ms < 100; ms++) {
        advance_to(fixture, ms);
        assert_int_equal(first.fired, 0);
    }
    advance_to(fixture, 100 + TIMER_TICK_MS);
    assert_int_equal(first.fired, 1);
    assert_false(timer_is_set(&first.timer));
    advance_to(fixture, 100000);
    assert_int_equal(first.fired, 1);
    timer_fini(&first.timer);
}

static void a_timer_is_at_most_a_tick_late(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t after = 1; after < 100; after++) {
        struct counted timer;
        counted_init(&timer);
        uint64_t passed = fixture->wheel->now_tick * TIMER_TICK_MS - fixture->start;
        timer_set(fixture->loop, &timer.timer, passed + after + TIMER_TICK_MS);
        advance_to(fixture, passed + after + 2 * TIMER_TICK_MS);
        assert_int_equal(timer.fired, 1);
        timer_fini(&timer.timer);
    }
}

static void what_is_moved_later_fires_later(void **state)
{
    struct fixture *fixture = *state;
    struct counted timer;
    counted_init(&timer);
    timer_set(fixture->loop, &timer.timer, 100);
    timer_set(fixture->loop, &timer.timer, 1000);
    advance_to(fixture, 500);
    assert_int_equal(timer.fired, 0);
    advance_to(fixture, 1000 + TIMER_TICK_MS);
    assert_int_equal(timer.fired, 1);
    timer_fini(&timer.timer);
}

static void what_is_moved_earlier_fires_earlier(void **state)
{
    struct fixture *fixture = *state;
    struct counted timer;
    counted_init(&timer);
    timer_set(fixture->loop, &timer.timer, 10000);
    timer_set(fixture->loop, &timer.timer, 50);
    advance_to(fixture, 50 + TIMER_TICK_MS);
    assert_int_equal(timer.fired, 1);
    timer_fini(&timer.timer);
}

static void what_is_unset_does_not_fire_and_may_be_set_again(void **state)
{
    struct fixture *fixture = *state;
    struct counted timer;
    counted_init(&timer);
    timer_set(fixture->loop, &timer.timer, 100);
    timer_unset(&timer.timer);
    advance_to(fixture, 300);
    assert_int_equal(timer.fired, 0);
    timer_set(fixture->loop, &timer.timer, 1000);
    advance_to(fixture, 1000 + TIMER_TICK_MS);
    assert_int_equal(timer.fired, 1);
    timer_set(fixture->loop, &timer.timer, 2000);
    timer_set(fixture->loop, &timer.timer, 0);
    assert_false(timer_is_set(&timer.timer));
    timer_fini(&timer.timer);
}

static void a_timer_beyond_a_turn_of_the_wheel_fires_in_its_turn(void **state)
{
    struct fixture *fixture = *state;
    enum { FAR_MS = 5 * TIMER_SLOTS * TIMER_TICK_MS + 123 };
    struct counted timer;
    counted_init(&timer);
    timer_set(fixture->loop, &timer.timer, FAR_MS);
    for (uint64_t ms = 0; ms < FAR_MS; ms += 1000) {
        advance_to(fixture, ms);
        assert_int_equal(timer.fired, 0);
    }
    advance_to(fixture, FAR_MS + TIMER_TICK_MS);
    assert_int_equal(timer.fired, 1);
    timer_fini(&timer.timer);
}

static void after_a_long_sleep_everything_due_fires(void **state)
{
    struct fixture *fixture = *state;
    enum { COUNT = 200 };
    struct counted timers[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        counted_init(&timers[i]);
        timer_set(fixture->loop, &timers[i].timer, 1 + i * 977);
    }
    advance_to(fixture, 30 * TIMER_SLOTS * TIMER_TICK_MS);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(timers[i].fired, 1);
        timer_fini(&timers[i].timer);
    }
}

static void the_wheel_says_how_long_may_be_waited(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(timer_wheel_wait(fixture->wheel, fixture->start), -1);
    struct counted timer;
    counted_init(&timer);
    timer_set(fixture->loop, &timer.timer, 5000);
    for (uint64_t ms = 0; timer.fired == 0;) {
        int wait = timer_wheel_wait(fixture->wheel, fixture->start + ms);
        assert_in_range(wait, 0, 5000 + TIMER_TICK_MS);
        ms += (uint64_t)wait;
        assert_in_range(ms, 0, 5000 + TIMER_TICK_MS);
        advance_to(fixture, ms);
    }
    timer_fini(&timer.timer);
    assert_int_equal(timer_wheel_wait(fixture->wheel, fixture->start + 6000), -1);
}

/* A timer that ends another one that is due in the same slot. */
struct killer {
    struct timer timer;
    struct counted *victim;
};

static void kill_victim(struct timer *timer)
{
    timer_fini(&CONTAINER_OF(timer, struct killer, timer)->victim->timer);
}

static void a_firing_timer_may_end_its_neighbour(void **state)
{
    struct fixture *fixture = *state;
    struct counted victim;
    counted_init(&victim);
    struct killer killer = {.victim = &victim};
    timer_init(&killer.timer, kill_victim);
    timer_set(fixture->loop, &killer.timer, 100);
    timer_set(fixture->loop, &victim.timer, 100);
    advance_to(fixture, 200);
    assert_int_equal(victim.fired, 0);
    timer_fini(&killer.timer);
}

/* A timer that sets itself again, a little later each time. */
struct metronome {
    struct timer timer;
    struct loop *loop;
    unsigned fired;
};

static void beat(struct timer *timer)
{
    struct metronome *metronome = CONTAINER_OF(timer, struct metronome, timer);
    metronome->fired++;
    timer_set(metronome->loop, timer, 100 + 100 * metronome->fired);
}

static void a_firing_timer_may_set_itself_again(void **state)
{
    struct fixture *fixture = *state;
    struct metronome metronome = {.loop = fixture->loop};
    timer_init(&metronome.timer, beat);
    timer_set(fixture->loop, &metronome.timer, 100);
    for (uint64_t ms = 0; ms <= 1000 + TIMER_TICK_MS; ms++)
        advance_to(fixture, ms);
    assert_int_equal(metronome.fired, 10);
    timer_fini(&metronome.timer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_timer_fires_once_and_never_early),
        TEST(a_timer_is_at_most_a_tick_late),
        TEST(what_is_moved_later_fires_later),
        TEST(what_is_moved_earlier_fires_earlier),
        TEST(what_is_unset_does_not_fire_and_may_be_set_again),
        TEST(a_timer_beyond_a_turn_of_the_wheel_fires_in_its_turn),
        TEST(after_a_long_sleep_everything_due_fires),
        TEST(the_wheel_says_how_long_may_be_waited),
        TEST(a_firing_timer_may_end_its_neighbour),
        TEST(a_firing_timer_may_set_itself_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
