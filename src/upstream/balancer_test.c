#include "upstream/balancer.h"

#include "base/arena.h"
#include "policy/rendezvous.h"
#include "upstream/health_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SERVERS_MAX = 200, TRIED_MAX = 8, NOW = 100 * 1000 };

/* An upstream with real servers that nobody listens at. */
struct bench {
    struct server_registry *servers;
    struct arena arena;
    struct upstream *upstream;
    struct balancer *balancer;
    uint16_t tried[TRIED_MAX];
    struct balancer_question question;
    uint64_t serial;
    uint16_t slots[RENDEZVOUS_SLOTS];
    struct health_settings health;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    arena_init(&bench->arena, NULL, SIZE_MAX / 2);
    bench->servers = server_registry_new();
    bench->question = (struct balancer_question){.tried = bench->tried, .now = NOW};
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    balancer_free(bench->balancer);
    free(bench->upstream);
    server_registry_free(bench->servers);
    arena_fini(&bench->arena);
    free(bench);
    return 0;
}

static struct server *make_server(struct bench *bench, uint32_t number)
{
    struct server_place place;
    const char *wrong, *cure;
    char memory[32];
    struct text text = text_over(memory, sizeof(memory));
    text_print(&text, "10.0.%u.%u:80", number / 250, number % 250 + 1);
    assert_true(server_place_parse(text_slice(&text), &bench->arena, &place, &wrong, &cure));
    return server_registry_get(bench->servers, &place);
}

static void fill_slots(struct bench *bench)
{
    struct rendezvous_server servers[SERVERS_MAX];
    for (uint32_t i = 0; i < bench->upstream->count; i++)
        servers[i] = (struct rendezvous_server){bench->upstream->members[i].server->key,
                                                (uint32_t)bench->upstream->members[i].weight};
    rendezvous_fill(bench->slots, servers, bench->upstream->count);
    bench->upstream->slots = bench->slots;
}

/* All of the same weight where `weights` is NULL. */
static void lay_out(struct bench *bench, enum balance balance, uint32_t count,
                    const int32_t *weights)
{
    balancer_free(bench->balancer);
    free(bench->upstream);
    struct upstream *upstream =
        calloc(1, sizeof(*upstream) + count * sizeof(struct upstream_member));
    bench->upstream = upstream;
    upstream->serial = ++bench->serial;
    upstream->count = count;
    upstream->balance = balance;
    upstream->health = &bench->health;
    bench->health.panic = 10;
    for (uint32_t i = 0; i < count; i++) {
        struct server *server = make_server(bench, i);
        upstream->members[i] =
            (struct upstream_member){.server = server,
                                     .standing = standing_get(bench->servers, server, SLICE("app")),
                                     .weight = weights ? weights[i] : 1};
    }
    fill_slots(bench);
    bench->balancer = balancer_new(upstream, 0);
}

static struct server *server_of(struct bench *bench, uint32_t member)
{
    return bench->upstream->members[member].server;
}

static int ask(struct bench *bench)
{
    bench->question.chance += 0x9e3779b97f4a7c15u;
    return balancer_choose(bench->balancer, bench->upstream, bench->servers, &bench->question);
}

/* As often as `expected` has letters: a is the first server, - is none. */
static void assert_asked(struct bench *bench, const char *expected)
{
    char answers[64] = "";
    for (size_t i = 0; i < strlen(expected); i++) {
        int member = ask(bench);
        answers[i] = member == BALANCER_NONE ? '-' : (char)('a' + member);
    }
    assert_string_equal(answers, expected);
}

static void fail_server(struct bench *bench, uint32_t member)
{
    server_failed(bench->servers, server_of(bench, member), bench->question.now);
}

static struct standing *standing_of(struct bench *bench, uint32_t member)
{
    return bench->upstream->members[member].standing;
}

static void set_down(struct bench *bench, uint32_t member, bool is_down)
{
    standing_set_down(bench->servers, standing_of(bench, member), is_down, bench->question.now);
}

static void give_order(struct bench *bench, uint32_t member, enum standing_order order)
{
    standing_set_order(bench->servers, standing_of(bench, member), order, bench->question.now);
}

/* Of so many questions, how many lead to that one. */
static unsigned count_of(struct bench *bench, int member, unsigned questions)
{
    unsigned count = 0;
    for (unsigned i = 0; i < questions; i++)
        count += ask(bench) == member;
    return count;
}

static void try_members(struct bench *bench, const char *letters)
{
    bench->question.tried_count = (unsigned)strlen(letters);
    for (unsigned i = 0; i < bench->question.tried_count; i++)
        bench->tried[i] = (uint16_t)(letters[i] - 'a');
}

static const enum balance ways[] = {BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONNECTIONS,
                                    BALANCE_LEAST_TIME,  BALANCE_RANDOM,
                                    BALANCE_HASH,        BALANCE_FIRST};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

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

/* ---- backups and servers that are full */

static void a_backup_is_asked_when_all_others_rest(void **state)
{
    struct bench *bench = *state;
    for (size_t way = 0; way < WAYS; way++) {
        lay_out(bench, ways[way], 4, NULL);
        bench->upstream->members[1].backup = bench->upstream->members[3].backup = true;
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
        bench->upstream->members[2].backup = bench->upstream->members[3].backup = true;
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
    bench->upstream->members[2].backup = bench->upstream->members[3].backup = true;
    atomic_store(&server_of(bench, 0)->active, 1);
    assert_asked(bench, "bb");
    atomic_store(&server_of(bench, 1)->active, 1);
    assert_asked(bench, "c");
    atomic_store(&server_of(bench, 2)->active, 1); /* the less busy one */
    assert_asked(bench, "d");
    atomic_store(&server_of(bench, 0)->active, 0);
    assert_asked(bench, "aa");
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
    bench->upstream->members[2].backup = true;
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        TEST(of_very_many_servers_a_sample_is_compared),
        TEST(the_less_loaded_one_of_two_is_chosen),
        TEST(chance_follows_the_weights),
        TEST(a_key_stays_with_its_server_while_others_rest),
        TEST(without_a_key_there_are_turns),
        TEST(no_server_gets_more_than_the_limit),
        TEST(the_limit_follows_the_weights),
        TEST(a_backup_is_asked_when_all_others_rest),
        TEST(a_backup_is_asked_when_all_others_were),
        TEST(who_has_as_much_as_he_may_is_passed_over),
        TEST(a_backup_takes_what_others_may_not_have),
        TEST(a_wish_goes_before_every_way),
        TEST(a_wish_takes_nobodys_turn),
        TEST(who_cannot_be_asked_is_wished_in_vain),
        TEST(where_all_rest_a_wish_is_granted),
        TEST(a_backup_may_be_wished),
        TEST(a_key_leads_in_every_way),
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
        TEST(the_first_is_asked_until_it_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
