/* Who is set aside, and who comes back slowly. */
#include "upstream/test_balancer.h"

/* ---- who is set aside */

static void who_is_down_is_not_asked_even_when_all_others_were(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 3, NULL);
        set_down(bench, 1, true);
        for (unsigned i = 0; i < 50; i++) {
            bench->question.key = i * 0x123456789abcdefu;
            bench->question.has_key = true;
            assert_int_not_equal(ask(bench), 1);
        }
        try_members(bench, "ac");
        assert_asked(bench, "-");
        try_members(bench, "");
        set_down(bench, 1, false);
        try_members(bench, "ac");
        assert_asked(bench, "b");
        try_members(bench, "");
    }
}

static void where_all_are_down_all_are_asked(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_ROUND_ROBIN, 3, NULL);
    for (uint32_t i = 0; i < 3; i++)
        set_down(bench, i, true);
    unsigned counts[3] = {count_of(bench, 0, 3), count_of(bench, 1, 3), count_of(bench, 2, 3)};
    assert_true(counts[0] == 1 && counts[1] == 1 && counts[2] == 1);
    set_down(bench, 2, false);
    assert_asked(bench, "ccc");
}

static void without_panic_nobody_is_asked(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 2, NULL);
        bench->health.panic = 0;
        bench->question.has_key = way % 2;
        set_down(bench, 0, true);
        set_down(bench, 1, true);
        assert_asked(bench, "---");
        set_down(bench, 1, false);
        assert_asked(bench, "bbb");
        set_down(bench, 0, false);
    }
}

static void who_is_drained_is_not_asked_even_in_panic(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 3, NULL);
        give_order(bench, 0, STANDING_DRAINED);
        set_down(bench, 1, true);
        set_down(bench, 2, true);
        for (int i = 0; i < 20; i++)
            assert_int_not_equal(ask(bench), 0);
        give_order(bench, 1, STANDING_DISABLED);
        assert_asked(bench, "ccc");
        give_order(bench, 2, STANDING_DISABLED);
        assert_asked(bench, "---");
        for (uint32_t i = 0; i < 3; i++) {
            give_order(bench, i, STANDING_ENABLED);
            set_down(bench, i, false);
        }
    }
}

static void the_only_one_may_be_set_aside_too(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_ROUND_ROBIN, 2, NULL);
    bench->upstream->count = 1;
    assert_false(server_is_set_aside(server_of(bench, 0)));
    set_down(bench, 0, true);
    assert_true(server_is_set_aside(server_of(bench, 0)) &&
                balancer_serves(bench->upstream, &bench->question));
    bench->health.panic = 0;
    assert_false(balancer_serves(bench->upstream, &bench->question));
    set_down(bench, 0, false);
    give_order(bench, 0, STANDING_DRAINED);
    assert_true(server_is_set_aside(server_of(bench, 0)) &&
                !balancer_serves(bench->upstream, &bench->question));
    bench->question.has_wish = true; /* of a client that belongs there */
    assert_true(balancer_serves(bench->upstream, &bench->question));
    give_order(bench, 0, STANDING_ENABLED);
    assert_false(server_is_set_aside(server_of(bench, 0)));
}

static void who_belongs_to_one_that_is_drained_stays(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 3, NULL);
        bench->question.has_wish = true;
        bench->question.wished = 1;
        give_order(bench, 1, STANDING_DRAINED);
        assert_asked(bench, "bbb");
        give_order(bench, 1, STANDING_DISABLED);
        assert_int_not_equal(ask(bench), 1);
        give_order(bench, 1, STANDING_ENABLED);
        set_down(bench, 1, true);
        assert_int_not_equal(ask(bench), 1);
        set_down(bench, 1, false);
        bench->question.has_wish = false;
    }
}

static void a_weight_by_command_holds_at_once(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_ROUND_ROBIN, 2, NULL);
    assert_int_equal(count_of(bench, 0, 10), 5);
    standing_set_weight(bench->servers, standing_of(bench, 0), 4);
    assert_int_equal(count_of(bench, 0, 10), 8);
    standing_set_weight(bench->servers, standing_of(bench, 0), 0);
    assert_int_equal(count_of(bench, 0, 10), 5);
}

/* ---- slow start */

/* Its part of ten rounds of turns, which may begin anywhere: so once more or less. */
static void assert_part(struct bench *bench, unsigned step)
{
    assert_in_range(count_of(bench, 0, 10 * (20 + step)), 10 * step - 1, 10 * step + 1);
}

static void a_share_grows_step_by_step(void **state)
{
    struct bench *bench = *state;
    enum { SLOW = 19 * 1000 };
    lay_out(bench, BALANCE_ROUND_ROBIN, 2, NULL);
    bench->upstream->slow_start = SLOW;
    assert_int_equal(count_of(bench, 0, 40), 20); /* from the beginning */
    set_down(bench, 0, true);
    set_down(bench, 0, false);
    bench->question.now--; /* this loop's clock is a moment behind */
    assert_part(bench, 1);
    bench->question.now++;
    for (unsigned step = 1; step <= 20; step++) {
        assert_part(bench, step);
        bench->question.now += 999;
        assert_part(bench, step);
        bench->question.now++;
    }
    assert_int_equal(count_of(bench, 0, 40), 20);
}

static void after_a_rest_a_share_grows_as_well(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_ROUND_ROBIN, 2, NULL);
    bench->upstream->slow_start = 1000;
    fail_server(bench, 0);
    assert_asked(bench, "bbb");
    bench->question.now += SERVER_REST_MS;
    assert_part(bench, 1);
    bench->question.now += 1000;
    assert_int_equal(count_of(bench, 0, 42), 21);
}

static void weights_keep_their_share_while_another_grows(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_ROUND_ROBIN, 3, (int32_t[]){2, 1, 1});
    bench->upstream->slow_start = 1000;
    set_down(bench, 2, true);
    set_down(bench, 2, false);
    assert_int_equal(count_of(bench, 0, 61), 40);
    assert_int_equal(count_of(bench, 1, 61), 20);
    assert_int_equal(count_of(bench, 2, 61), 1);
}

static void loads_and_chance_follow_the_growing_share(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_LEAST_CONNECTIONS, 2, NULL);
    bench->upstream->slow_start = 1000;
    set_down(bench, 0, true);
    set_down(bench, 0, false);
    atomic_store(&server_of(bench, 0)->active, 1);
    atomic_store(&server_of(bench, 1)->active,
                 19); /* less for its weight than one of a twentieth */
    assert_asked(bench, "bbb");
    atomic_store(&server_of(bench, 1)->active, 21);
    assert_asked(bench, "aaa");
}

static void keys_and_the_first_do_not_wait(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_FIRST, 2, NULL);
    bench->upstream->slow_start = 1000;
    set_down(bench, 0, true);
    set_down(bench, 0, false);
    assert_asked(bench, "aaa");
    lay_out(bench, BALANCE_HASH, 2, NULL);
    bench->upstream->slow_start = 1000;
    bench->question.has_key = false;
    assert_int_equal(count_of(bench, 0, 40), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_down_is_not_asked_even_when_all_others_were),
        TEST(where_all_are_down_all_are_asked),
        TEST(without_panic_nobody_is_asked),
        TEST(who_is_drained_is_not_asked_even_in_panic),
        TEST(the_only_one_may_be_set_aside_too),
        TEST(who_belongs_to_one_that_is_drained_stays),
        TEST(a_weight_by_command_holds_at_once),
        TEST(a_share_grows_step_by_step),
        TEST(after_a_rest_a_share_grows_as_well),
        TEST(weights_keep_their_share_while_another_grows),
        TEST(loads_and_chance_follow_the_growing_share),
        TEST(keys_and_the_first_do_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
