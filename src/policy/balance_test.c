#include "policy/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SERVERS_MAX = 100, QUESTIONS_MAX = 64 };

/* A list with its memory. */
struct bench {
    struct balance_server servers[SERVERS_MAX];
    uint32_t order[SERVERS_MAX];
    struct balance_group groups[SERVERS_MAX];
    struct balance_list list;
    struct balance_turns turns;
};

static void lay_out(struct bench *bench, const uint32_t *weights, uint32_t count)
{
    bench->list = (struct balance_list){.servers = bench->servers};
    bench->turns = (struct balance_turns){.order = bench->order, .groups = bench->groups};
    for (uint32_t i = 0; i < count; i++)
        balance_list_add(&bench->list, i, weights[i]);
    balance_turns_begin(&bench->turns, &bench->list, 0);
}

/* Asks as often as `expected` has letters: a is the first server. */
static void assert_turns(const uint32_t *weights, uint32_t count, const char *expected)
{
    struct bench bench;
    char answers[QUESTIONS_MAX] = "";
    lay_out(&bench, weights, count);
    for (size_t i = 0; i < strlen(expected); i++)
        answers[i] = (char)('a' + balance_turns_next(&bench.turns));
    assert_string_equal(answers, expected);
}

/* ---- in turn */

static void equal_weights_take_turns(void **state)
{
    (void)state;
    assert_turns((uint32_t[]){1, 1, 1}, 3, "abcabcabc");
    assert_turns((uint32_t[]){7}, 1, "aaa");
}

static void a_heavy_server_is_spread_out(void **state)
{
    (void)state;
    assert_turns((uint32_t[]){5, 1, 1}, 3, "aabacaaaabacaa");
    assert_turns((uint32_t[]){1, 5, 1}, 3, "bbabcbbbbabcbb");
}

static void weights_that_share_a_divisor_are_spread_out_as_well(void **state)
{
    (void)state;
    assert_turns((uint32_t[]){4, 2}, 2, "abaaba");
    assert_turns((uint32_t[]){2, 3}, 2, "babab");
}

/* The definition: everybody gets his weight, who has most is asked and pays all of it. */
static uint32_t next_by_definition(const struct balance_list *list, int64_t *has)
{
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        has[i] += list->servers[i].weight;
        if (has[i] > has[chosen])
            chosen = i;
    }
    has[chosen] -= list->weight;
    return chosen;
}

static void the_turns_are_those_of_the_definition(void **state)
{
    (void)state;
    struct bench bench;
    uint32_t weights[SERVERS_MAX];
    srandom(1);
    for (int round = 0; round < 200; round++) {
        int64_t has[SERVERS_MAX] = {0};
        uint32_t count = 1 + (uint32_t)random() % 20, most = round % 2 ? 4 : BALANCE_WEIGHT_MAX;
        for (uint32_t i = 0; i < count; i++)
            weights[i] = 1 + (uint32_t)random() % most;
        lay_out(&bench, weights, count);
        for (int i = 0; i < 2000; i++)
            assert_int_equal(balance_turns_next(&bench.turns),
                             next_by_definition(&bench.list, has));
    }
}

static void each_server_gets_its_share_wherever_it_begins(void **state)
{
    (void)state;
    const uint32_t weights[] = {3, 1, 6, 1, 3};
    struct bench bench;
    lay_out(&bench, weights, 5);
    for (uint64_t phase = 0; phase < 28; phase++) {
        unsigned shares[5] = {0};
        balance_turns_begin(&bench.turns, &bench.list, phase);
        for (int i = 0; i < 14 * 100; i++)
            shares[balance_turns_next(&bench.turns)]++;
        for (size_t i = 0; i < 5; i++)
            assert_in_range(shares[i], weights[i] * 100 - 3, weights[i] * 100 + 3);
    }
}

static void another_beginning_begins_with_another_server(void **state)
{
    (void)state;
    const uint32_t weights[] = {1, 1, 1, 1};
    struct bench bench;
    lay_out(&bench, weights, 4);
    for (uint32_t phase = 0; phase < 4; phase++) {
        balance_turns_begin(&bench.turns, &bench.list, phase);
        assert_int_equal(balance_turns_next(&bench.turns), phase);
    }
}

/* Wherever one begins and looks: who asks four times in a row meets the first twice. */
static void a_beginning_in_the_middle_goes_on_as_the_period_does(void **state)
{
    (void)state;
    const uint32_t weights[] = {2, 1, 1};
    const char *expected = "abcaabcaabcaabca";
    struct bench bench;
    char answers[13] = "";
    lay_out(&bench, weights, 3);
    for (uint64_t phase = 0; phase < 8; phase++) {
        balance_turns_begin(&bench.turns, &bench.list, phase);
        for (size_t i = 0; i < 12; i++)
            answers[i] = (char)('a' + balance_turns_next(&bench.turns));
        assert_memory_equal(answers, &expected[phase % 4], 12);
    }
}

/* However it is cut: what one beginning leaves is what is missing to the whole period. */
static void the_rest_of_a_period_gives_nobody_more_than_his_part(void **state)
{
    (void)state;
    const uint32_t weights[] = {3, 1, 6, 1, 3};
    struct bench bench;
    lay_out(&bench, weights, 5);
    for (uint64_t phase = 0; phase < 14; phase++) {
        unsigned shares[5] = {0};
        balance_turns_begin(&bench.turns, &bench.list, phase);
        for (uint64_t i = phase; i < 14; i++)
            shares[balance_turns_next(&bench.turns)]++;
        for (size_t i = 0; i < 5; i++) {
            assert_true(shares[i] <= weights[i]);
            assert_in_range(shares[i] + 1, weights[i] * (14 - phase) / 14, weights[i] + 1);
        }
    }
}

static void the_most_servers_of_the_most_weight_do_not_overflow(void **state)
{
    enum { MANY = 65535 };
    (void)state;
    struct balance_list list = {.servers = calloc(MANY, sizeof(*list.servers))};
    struct balance_turns turns = {
        .order = calloc(MANY, sizeof(*turns.order)),
        .groups = calloc(balance_turns_groups(MANY), sizeof(*turns.groups)),
    };
    for (uint32_t i = 0; i < MANY; i++)
        balance_list_add(&list, i, BALANCE_WEIGHT_MAX - i % BALANCE_WEIGHT_MAX);
    assert_int_equal(balance_draw(&list, UINT64_MAX), MANY - 1);
    for (uint64_t phase = 0; phase < 2; phase++) {
        balance_turns_begin(&turns, &list, phase * (list.weight - 1));
        for (int i = 0; i < 100; i++)
            assert_in_range(balance_turns_next(&turns), 0, MANY - 1);
    }
    free(list.servers);
    free(turns.order);
    free(turns.groups);
}

/* ---- by load */

static void the_least_load_for_its_weight_goes_first(void **state)
{
    (void)state;
    struct balance_candidate candidates[] = {{.place = 7, .weight = 1, .load = 2, .turn = 0},
                                             {.place = 8, .weight = 3, .load = 5, .turn = 9},
                                             {.place = 9, .weight = 2, .load = 4, .turn = 0}};
    assert_int_equal(balance_least(candidates, 3), 8);
    candidates[1].load = 6; /* all have two for each weight */
    candidates[0].turn = 3;
    candidates[2].turn = 2;
    assert_int_equal(balance_least(candidates, 3), 9);
    assert_int_equal(balance_least(candidates, 1), 7);
}

static void the_highest_load_does_not_overflow(void **state)
{
    (void)state;
    const struct balance_candidate candidates[] = {
        {.place = 1, .weight = 999, .load = BALANCE_LOAD_MAX},
        {.place = 2, .weight = 1000, .load = BALANCE_LOAD_MAX}};
    assert_int_equal(balance_least(candidates, 2), 2);
}

/* ---- by chance */

/* Numbers that fill 64 bits evenly. */
static uint64_t spread_out(uint64_t i, uint64_t count)
{
    return UINT64_MAX / count * i;
}

static void a_draw_takes_each_as_often_as_its_weight_says(void **state)
{
    enum { DRAWS = 10000 };
    (void)state;
    struct bench bench;
    unsigned drawn[3] = {0}, others[3] = {0};
    lay_out(&bench, (uint32_t[]){1, 6, 3}, 3);
    for (uint64_t i = 0; i < DRAWS; i++) {
        drawn[balance_draw(&bench.list, spread_out(i, DRAWS))]++;
        others[balance_draw_other(&bench.list, 1, spread_out(i, DRAWS))]++;
    }
    assert_in_range(drawn[0], 999, 1001);
    assert_in_range(drawn[1], 5999, 6001);
    assert_in_range(drawn[2], 2999, 3001);
    assert_in_range(others[0], 2499, 2501);
    assert_int_equal(others[1], 0);
    assert_in_range(others[2], 7499, 7501);
}

static void the_other_one_is_never_the_same(void **state)
{
    (void)state;
    struct bench bench;
    lay_out(&bench, (uint32_t[]){1, 6, 3, 2}, 4);
    for (uint32_t place = 0; place < 4; place++) {
        for (uint64_t i = 0; i < 1000; i++)
            assert_int_not_equal(balance_draw_other(&bench.list, place, spread_out(i, 1000)),
                                 place);
    }
}

/* A thousand calls that never end: by one draw the fullest has far more than its part, by the
 * better one of two it hardly has (Mitzenmacher: log n / log log n against log log n above). */
static void two_choices_spread_better_than_one(void **state)
{
    enum { SERVERS = 100, CALLS = 100 * SERVERS };
    (void)state;
    uint32_t weights[SERVERS];
    unsigned one[SERVERS] = {0}, two[SERVERS] = {0}, most_of_one = 0, most_of_two = 0;
    struct bench bench;
    for (int i = 0; i < SERVERS; i++)
        weights[i] = 1;
    lay_out(&bench, weights, SERVERS);
    srandom(1);
    for (int i = 0; i < CALLS; i++) {
        uint32_t first = balance_draw(&bench.list, (uint64_t)random() << 33);
        uint32_t second = balance_draw_other(&bench.list, first, (uint64_t)random() << 33);
        const struct balance_candidate pair[] = {
            {.place = first, .weight = 1, .load = two[first], .turn = 0},
            {.place = second, .weight = 1, .load = two[second], .turn = 1}};
        one[first]++;
        two[balance_least(pair, 2)]++;
    }
    for (int i = 0; i < SERVERS; i++) {
        most_of_one = one[i] > most_of_one ? one[i] : most_of_one;
        most_of_two = two[i] > most_of_two ? two[i] : most_of_two;
    }
    assert_true(most_of_one > 115);
    assert_true(most_of_two < 105);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_weights_take_turns),
        cmocka_unit_test(a_heavy_server_is_spread_out),
        cmocka_unit_test(weights_that_share_a_divisor_are_spread_out_as_well),
        cmocka_unit_test(the_turns_are_those_of_the_definition),
        cmocka_unit_test(each_server_gets_its_share_wherever_it_begins),
        cmocka_unit_test(another_beginning_begins_with_another_server),
        cmocka_unit_test(a_beginning_in_the_middle_goes_on_as_the_period_does),
        cmocka_unit_test(the_rest_of_a_period_gives_nobody_more_than_his_part),
        cmocka_unit_test(the_most_servers_of_the_most_weight_do_not_overflow),
        cmocka_unit_test(the_least_load_for_its_weight_goes_first),
        cmocka_unit_test(the_highest_load_does_not_overflow),
        cmocka_unit_test(a_draw_takes_each_as_often_as_its_weight_says),
        cmocka_unit_test(the_other_one_is_never_the_same),
        cmocka_unit_test(two_choices_spread_better_than_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
