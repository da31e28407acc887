#include "upstream/test_balancer.h"

/* ---- what holds for every way */

static void a_server_that_rests_is_passed_over_until_its_rest_ends(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 3, NULL);
        bool seen = false;
        fail_server(bench, 0);
        for (unsigned i = 0; i < 200; i++) {
            bench->question.key = i * 0x123456789abcdefu;
            bench->question.has_key = ways[way] == BALANCE_HASH;
            assert_in_range(ask(bench), 1, 2);
        }
        bench->question.now += SERVER_REST_MS;
        for (unsigned i = 0; i < 200; i++) {
            bench->question.key = i * 0x123456789abcdefu;
            seen |= ask(bench) == 0;
        }
        assert_true(seen);
    }
}

static void whoever_was_tried_is_not_asked_again(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 4, (int32_t[]){1000, 1, 1, 1});
        for (unsigned i = 0; i < 100; i++) {
            bench->question.key = i * 0x123456789abcdefu;
            bench->question.has_key = i % 2;
            try_members(bench, "ac");
            assert_int_equal(ask(bench) % 2, 1);
            try_members(bench, "abd");
            assert_int_equal(ask(bench), 2);
            try_members(bench, "dbac");
            assert_int_equal(ask(bench), BALANCER_NONE);
        }
        try_members(bench, "");
    }
}

static void those_that_rest_are_asked_when_all_others_were(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 3, NULL);
        bench->question.now += SERVER_REST_MS;
        fail_server(bench, 2);
        bench->question.now++;
        fail_server(bench, 0);
        try_members(bench, "b");
        assert_asked(bench, "cc"); /* whose rest ends first */
        try_members(bench, "bc");
        assert_asked(bench, "a");
        try_members(bench, "");
    }
}

static void where_all_rest_all_are_asked(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_ROUND_ROBIN, 3, NULL);
    for (uint32_t i = 0; i < 3; i++)
        fail_server(bench, i);
    assert_asked(bench, "abcabc");
}

static void a_failure_elsewhere_changes_nothing(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_FIRST, 2, NULL);
    assert_asked(bench, "a");
    server_failed(bench->servers, make_server(bench, 100), NOW);
    assert_asked(bench, "a");
}

static void no_way_runs_out_of_many_servers(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        unsigned asked[SERVERS_MAX] = {0}, used = 0;
        lay_out(bench, ways[way], SERVERS_MAX, NULL);
        for (unsigned i = 0; i < 20 * SERVERS_MAX; i++) {
            bench->question.key = i * 0x123456789abcdefu;
            bench->question.has_key = ways[way] == BALANCE_HASH;
            asked[ask(bench)]++;
        }
        for (unsigned i = 0; i < SERVERS_MAX; i++)
            used += asked[i] > 0;
        assert_int_equal(used, ways[way] == BALANCE_FIRST ? 1 : SERVERS_MAX);
    }
}

/* ---- round robin */

static void the_turns_go_on_among_those_that_are_left(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_ROUND_ROBIN, 3, (int32_t[]){5, 1, 1});
    assert_asked(bench, "aabacaa");
    fail_server(bench, 0);
    bench->question.chance = 0;
    int first = ask(bench);
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask(bench), first == 1 ? 2 - i % 2 : 1 + i % 2);
}

static void who_takes_the_place_of_another_keeps_his_own_turn(void **state)
{
    struct bench *bench = *state;
    unsigned counts[3] = {0};
    lay_out(bench, BALANCE_ROUND_ROBIN, 3, NULL);
    for (int i = 0; i < 300; i++) {
        assert_asked(bench, (const char *[]){"a", "b", "c"}[i % 3]);
        try_members(bench, "a");
        counts[ask(bench)]++;
        try_members(bench, "");
    }
    assert_int_equal(counts[0], 0);
    assert_in_range(counts[1], 100, 200); /* the share of the one that fails goes to both */
}

/* ---- by load */

static void the_least_connections_for_the_weight_win(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_LEAST_CONNECTIONS, 3, (int32_t[]){1, 2, 1});
    atomic_store(&server_of(bench, 0)->active, 2);
    atomic_store(&server_of(bench, 1)->active, 3);
    atomic_store(&server_of(bench, 2)->active, 2);
    assert_asked(bench, "bb");
    atomic_store(&server_of(bench, 1)->active, 5);
    atomic_store(&server_of(bench, 2)->active, 1);
    assert_asked(bench, "cc");
}

static void those_with_equal_loads_take_turns_by_weight(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_LEAST_CONNECTIONS, 3, NULL);
    assert_asked(bench, "abcabc");
    lay_out(bench, BALANCE_LEAST_CONNECTIONS, 3, (int32_t[]){4, 1, 1});
    assert_asked(bench, "abcaaaabcaaa");
}

static void who_comes_back_has_not_saved_up_turns(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_LEAST_CONNECTIONS, 2, NULL);
    fail_server(bench, 1);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(ask(bench), 0);
    bench->question.now += SERVER_REST_MS;
    assert_asked(bench, "babab");
}

static void a_slow_server_gets_less(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_LEAST_TIME, 3, NULL);
    server_answered(server_of(bench, 0), 90 * 1000, NOW);
    server_answered(server_of(bench, 1), 20 * 1000, NOW);
    server_answered(server_of(bench, 2), 30 * 1000, NOW);
    assert_asked(bench, "bb");
    atomic_store(&server_of(bench, 1)->active, 1); /* 2 * 20 against 30 */
    assert_asked(bench, "cc");
    atomic_store(&server_of(bench, 2)->active, 3); /* 4 * 30 against 2 * 20 */
    assert_asked(bench, "bb");
    atomic_store(&server_of(bench, 1)->active, 5); /* 6 * 20 against 90 */
    assert_asked(bench, "aa");
}

static void one_call_finds_out_how_quick_a_server_is(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_LEAST_TIME, 2, NULL);
    server_answered(server_of(bench, 0), 1000, NOW);
    assert_asked(bench, "b");
    atomic_store(&server_of(bench, 1)->active, 1);
    assert_asked(bench, "aa");
}

static void a_slow_server_is_tried_again_after_a_while(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_LEAST_TIME, 2, NULL);
    server_answered(server_of(bench, 0), 1000, NOW);
    server_answered(server_of(bench, 1), 8000, NOW);
    assert_asked(bench, "aa");
    bench->question.now += 20 * 1000;
    server_answered(server_of(bench, 0), 1000, bench->question.now);
    assert_asked(bench, "b");
}

static void up_to_64_servers_all_are_compared(void **state)
{
    enum { ALL = 64 };
    struct bench *bench = *state;
    const enum balance compared[] = {BALANCE_LEAST_CONNECTIONS, BALANCE_LEAST_TIME};
    for (unsigned way = 0; way < 2; way++) {
        lay_out(bench, compared[way], ALL, NULL);
        for (uint32_t i = 0; i < ALL; i++) {
            server_answered(server_of(bench, i), 1000, NOW);
            atomic_store(&server_of(bench, i)->active, 5);
        }
        for (int i = 0; i < ALL; i++) {
            atomic_store(&server_of(bench, (uint32_t)i)->active, 4);
            assert_int_equal(ask(bench), i);
            atomic_store(&server_of(bench, (uint32_t)i)->active, 5);
        }
    }
}

static void of_very_many_servers_a_sample_is_compared(void **state)
{
    struct bench *bench = *state;
    unsigned idle = 0;
    lay_out(bench, BALANCE_LEAST_CONNECTIONS, SERVERS_MAX, NULL);
    for (uint32_t i = 0; i < SERVERS_MAX; i++)
        atomic_store(&server_of(bench, i)->active, i < SERVERS_MAX / 2 ? 5 : 0);
    for (int i = 0; i < 1000; i++)
        idle += ask(bench) >= SERVERS_MAX / 2;
    assert_true(idle > 990); /* 1 of 2^16 samples has none */
}

/* ---- by chance */

static void the_less_loaded_one_of_two_is_chosen(void **state)
{
    struct bench *bench = *state;
    unsigned counts[3] = {0};
    lay_out(bench, BALANCE_RANDOM, 3, NULL);
    for (int i = 0; i < 3000; i++)
        counts[ask(bench)]++;
    for (int i = 0; i < 3; i++)
        assert_in_range(counts[i], 850, 1150);
    atomic_store(&server_of(bench, 1)->active, 1);
    for (int i = 0; i < 1000; i++)
        assert_int_not_equal(ask(bench), 1);
}

static void chance_follows_the_weights(void **state)
{
    struct bench *bench = *state;
    unsigned counts[2] = {0};
    lay_out(bench, BALANCE_RANDOM, 2, (int32_t[]){3, 1});
    for (int i = 0; i < 4000; i++)
        counts[ask(bench)]++;
    assert_in_range(counts[0], 2850, 3150);
}

/* ---- by hash */

static int ask_key(struct bench *bench, unsigned number)
{
    bench->question.has_key = true;
    bench->question.key = slice_hash(slice_of((const char *)&number, sizeof(number)), 0);
    return ask(bench);
}

static void a_key_stays_with_its_server_while_others_rest(void **state)
{
    struct bench *bench = *state;
    int before[1000];
    unsigned gained[10] = {0}, moved = 0;
    lay_out(bench, BALANCE_HASH, 10, NULL);
    for (unsigned i = 0; i < 1000; i++)
        before[i] = ask_key(bench, i);
    fail_server(bench, 4);
    for (unsigned i = 0; i < 1000; i++) {
        int after = ask_key(bench, i);
        assert_int_equal(after, ask_key(bench, i));
        assert_true(before[i] == 4 ? after != 4 : after == before[i]);
        moved += before[i] == 4;
        gained[after] += before[i] == 4;
    }
    for (unsigned i = 0; i < 10; i++)
        assert_true(i == 4 ? gained[i] == 0 : gained[i] > 0 && gained[i] < moved / 2);
    bench->question.now += SERVER_REST_MS;
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(ask_key(bench, i), before[i]);
}

static void without_a_key_there_are_turns(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_HASH, 3, NULL);
    assert_asked(bench, "abcabc");
}

/* Ten keys that all lead to one server, a call that never ends for each. */
static void no_server_gets_more_than_the_limit(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_HASH, 4, NULL);
    bench->upstream->hash_load_limit = 150;
    int home = ask_key(bench, 7);
    for (unsigned i = 1; i <= 100; i++) {
        int chosen = ask_key(bench, 7);
        unsigned calls = atomic_fetch_add(&server_of(bench, (uint32_t)chosen)->active, 1) + 1;
        assert_true(calls <= (150 * i + 399) / 400); /* rounded up */
    }
    assert_in_range(atomic_load(&server_of(bench, (uint32_t)home)->active), 37, 38);
}

static void the_limit_follows_the_weights(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_HASH, 2, (int32_t[]){3, 1});
    bench->upstream->hash_load_limit = 110;
    for (unsigned i = 0; i < 200; i++)
        atomic_fetch_add(&server_of(bench, (uint32_t)ask_key(bench, 7))->active, 1);
    assert_in_range(atomic_load(&server_of(bench, 0)->active), 200 * 3 / 4 - 7,
                    200 * 3 / 4 * 11 / 10 + 1);
}

/* ---- a wish */

static void wish(struct bench *bench, uint16_t member)
{
    bench->question.has_wish = true;
    bench->question.wished = member;
}

static void a_wish_goes_before_every_way(void **state)
{
    struct bench *bench = *state;
    bench->question.has_key = true;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 3, NULL);
        wish(bench, 2);
        assert_asked(bench, "ccc");
        wish(bench, 1);
        assert_asked(bench, "bbb");
    }
}

static void a_wish_takes_nobodys_turn(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_ROUND_ROBIN, 3, NULL);
    assert_asked(bench, "a");
    wish(bench, 0);
    assert_asked(bench, "aa");
    bench->question.has_wish = false;
    assert_asked(bench, "bc");
}

static void who_cannot_be_asked_is_wished_in_vain(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 3, NULL);
        wish(bench, 0);
        try_members(bench, "a");
        assert_in_range(ask(bench), 1, 2);
        try_members(bench, "");
        bench->upstream->is_limited = true;
        bench->upstream->members[0].max_connections = 1;
        atomic_store(&server_of(bench, 0)->active, 1);
        assert_in_range(ask(bench), 1, 2);
        atomic_store(&server_of(bench, 0)->active, 0);
        assert_asked(bench, "a");
        fail_server(bench, 0);
        assert_in_range(ask(bench), 1, 2);
        bench->question.now += SERVER_REST_MS;
        assert_asked(bench, "a");
    }
}

static void where_all_rest_a_wish_is_granted(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_ROUND_ROBIN, 3, NULL);
    for (uint32_t i = 0; i < 3; i++)
        fail_server(bench, i);
    wish(bench, 1);
    assert_asked(bench, "bbb");
}

static void a_backup_may_be_wished(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_ROUND_ROBIN, 3, NULL);
    bench->upstream->members[2].priority = PRIORITY_BACKUP;
    wish(bench, 2);
    assert_asked(bench, "ccc");
    fail_server(bench, 2);
    assert_asked(bench, "ab");
}

static void a_key_leads_in_every_way(void **state)
{
    struct bench *bench = *state;
    bench->question.has_key = true;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 5, NULL);
        for (unsigned i = 0; i < 50; i++) {
            bench->question.key = i * 0x123456789abcdefu;
            int first = ask(bench);
            assert_int_equal(first, bench->slots[rendezvous_slot(bench->question.key, 0)]);
            assert_int_equal(ask(bench), first);
        }
    }
}

/* ---- the first */

static void the_first_is_asked_until_it_fails(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_FIRST, 3, NULL);
    assert_asked(bench, "aaa");
    fail_server(bench, 0);
    assert_asked(bench, "bbb");
    bench->question.now += SERVER_REST_MS;
    assert_asked(bench, "aaa");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_that_rests_is_passed_over_until_its_rest_ends),
        TEST(whoever_was_tried_is_not_asked_again),
        TEST(those_that_rest_are_asked_when_all_others_were),
        TEST(where_all_rest_all_are_asked),
        TEST(a_failure_elsewhere_changes_nothing),
        TEST(no_way_runs_out_of_many_servers),
        TEST(the_turns_go_on_among_those_that_are_left),
        TEST(who_takes_the_place_of_another_keeps_his_own_turn),
        TEST(the_least_connections_for_the_weight_win),
        TEST(those_with_equal_loads_take_turns_by_weight),
        TEST(who_comes_back_has_not_saved_up_turns),
        TEST(a_slow_server_gets_less),
        TEST(one_call_finds_out_how_quick_a_server_is),
        TEST(a_slow_server_is_tried_again_after_a_while),
        TEST(up_to_64_servers_all_are_compared),
        TEST(of_very_many_servers_a_sample_is_compared),
        TEST(the_less_loaded_one_of_two_is_chosen),
        TEST(chance_follows_the_weights),
        TEST(a_key_stays_with_its_server_while_others_rest),
        TEST(without_a_key_there_are_turns),
        TEST(no_server_gets_more_than_the_limit),
        TEST(the_limit_follows_the_weights),
        TEST(a_wish_goes_before_every_way),
        TEST(a_wish_takes_nobodys_turn),
        TEST(who_cannot_be_asked_is_wished_in_vain),
        TEST(where_all_rest_a_wish_is_granted),
        TEST(a_backup_may_be_wished),
        TEST(a_key_leads_in_every_way),
        TEST(the_first_is_asked_until_it_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
