/* Backups, groups of priority, and servers that are full. */
#include "upstream/test_balancer.h"

/* ---- backups and servers that are full */

static void a_backup_is_asked_when_all_others_rest(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 4, NULL);
        bench->upstream->members[1].priority = bench->upstream->members[3].priority =
            PRIORITY_BACKUP;
        bench->question.now += SERVER_REST_MS;
        for (int i = 0; i < 50; i++)
            assert_int_equal(ask(bench) % 2, 0);
        fail_server(bench, 0);
        assert_asked(bench, "ccc");
        fail_server(bench, 2);
        for (int i = 0; i < 50; i++)
            assert_int_equal(ask(bench) % 2, 1);
        fail_server(bench, 1);
        assert_asked(bench, "ddd");
        bench->question.now += SERVER_REST_MS;
        for (int i = 0; i < 50; i++)
            assert_int_equal(ask(bench) % 2, 0);
    }
}

static void a_backup_is_asked_when_all_others_were(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 4, NULL);
        bench->upstream->members[2].priority = bench->upstream->members[3].priority =
            PRIORITY_BACKUP;
        bench->question.now += SERVER_REST_MS;
        fail_server(bench, 1);
        try_members(bench, "a");
        assert_asked(bench, "c"); /* sooner than the one that rests */
        try_members(bench, "ac");
        assert_asked(bench, "d");
        try_members(bench, "acd");
        assert_asked(bench, "b");
        try_members(bench, "");
    }
}

static void who_has_as_much_as_he_may_is_passed_over(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 3, NULL);
        bench->upstream->is_limited = true;
        bench->upstream->members[0].max_connections = 2;
        bench->upstream->members[1].max_connections = 1;
        bench->upstream->members[2].max_connections = 3;
        for (unsigned i = 0; i < 6; i++) {
            bench->question.key = i;
            bench->question.has_key = ways[way] == BALANCE_HASH;
            int chosen = ask(bench);
            assert_in_range(chosen, 0, 2);
            atomic_fetch_add(&server_of(bench, (uint32_t)chosen)->active, 1);
        }
        assert_asked(bench, "--");
        for (uint32_t i = 0; i < 3; i++)
            assert_int_equal(atomic_exchange(&server_of(bench, i)->active, 0),
                             bench->upstream->members[i].max_connections);
    }
}

static void a_backup_takes_what_others_may_not_have(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_ROUND_ROBIN, 4, NULL);
    bench->upstream->is_limited = true;
    bench->upstream->members[0].max_connections = bench->upstream->members[1].max_connections = 1;
    bench->upstream->members[2].priority = bench->upstream->members[3].priority = PRIORITY_BACKUP;
    atomic_store(&server_of(bench, 0)->active, 1);
    assert_asked(bench, "bb");
    atomic_store(&server_of(bench, 1)->active, 1);
    assert_asked(bench, "c");
    atomic_store(&server_of(bench, 2)->active, 1); /* the less busy one */
    assert_asked(bench, "d");
    atomic_store(&server_of(bench, 0)->active, 0);
    assert_asked(bench, "aa");
}

/* ---- groups of priority */

static void set_priorities(struct bench *bench, const char *digits)
{
    for (uint32_t i = 0; i < bench->upstream->count; i++)
        bench->upstream->members[i].priority = (uint8_t)(digits[i] - '0');
    bench->upstream->first_priority = 1;
}

static void the_best_group_that_has_somebody_is_asked(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 4, NULL);
        set_priorities(bench, "3127");
        bench->question.now += SERVER_REST_MS;
        assert_asked(bench, "bbb");
        fail_server(bench, 1);
        assert_asked(bench, "ccc");
        set_down(bench, 2, true);
        assert_asked(bench, "aaa");
        fail_server(bench, 0);
        assert_asked(bench, "ddd");
        set_down(bench, 2, false);
        assert_asked(bench, "ccc");
    }
}

static void who_was_tried_or_is_full_leads_to_the_next_group(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 4, NULL);
        set_priorities(bench, "3122");
        bench->question.now += SERVER_REST_MS;
        atomic_store(&server_of(bench, 2)->active, 5);
        try_members(bench, "b");
        assert_asked(bench, "d");
        try_members(bench, "bd");
        assert_asked(bench, "c"); /* busy, but better than one of the third group */
        try_members(bench, "bcd");
        assert_asked(bench, "a");
        try_members(bench, "");
        bench->upstream->is_limited = true;
        bench->upstream->members[1].max_connections = 1;
        atomic_store(&server_of(bench, 1)->active, 1);
        assert_asked(bench, "d");
        atomic_store(&server_of(bench, 1)->active, 0);
        atomic_store(&server_of(bench, 2)->active, 0);
    }
}

static void with_too_few_of_a_group_the_next_one_helps(void **state)
{
    struct bench *bench = *state;
    lay_out(bench, BALANCE_ROUND_ROBIN, 6, NULL);
    set_priorities(bench, "111223");
    bench->upstream->fallback_below = 60;
    assert_int_equal(count_of(bench, 3, 30), 0);
    fail_server(bench, 0);
    assert_int_equal(count_of(bench, 1, 30), 15); /* two of three are enough */
    set_down(bench, 1, true);
    assert_int_equal(count_of(bench, 2, 30), 10); /* one is not */
    assert_int_equal(count_of(bench, 3, 30), 10);
    assert_int_equal(count_of(bench, 5, 30), 0);
    set_down(bench, 3, true); /* nor is one of two */
    assert_int_equal(count_of(bench, 5, 30), 10);
    give_order(bench, 3, STANDING_DISABLED); /* who is not meant to serve is not missed */
    assert_int_equal(count_of(bench, 5, 30), 0);
    set_down(bench, 1, false);
    assert_int_equal(count_of(bench, 1, 30), 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_backup_is_asked_when_all_others_rest),
        TEST(a_backup_is_asked_when_all_others_were),
        TEST(who_has_as_much_as_he_may_is_passed_over),
        TEST(a_backup_takes_what_others_may_not_have),
        TEST(the_best_group_that_has_somebody_is_asked),
        TEST(who_was_tried_or_is_full_leads_to_the_next_group),
        TEST(with_too_few_of_a_group_the_next_one_helps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
