#include "policy/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SERVERS_MAX = 8, QUESTIONS_MAX = 64 };

struct upstream {
    struct balance_server servers[SERVERS_MAX];
    size_t count;
};

static struct upstream upstream_of(const int *weights, size_t count)
{
    struct upstream upstream = {.count = count};
    for (size_t i = 0; i < count; i++)
        upstream.servers[i] = (struct balance_server){.weight = weights[i], .available = true};
    return upstream;
}

/* Asks as often as `expected` has letters: a is the first server, - is none. */
static void assert_sequence(struct upstream *upstream, const char *expected)
{
    char answers[QUESTIONS_MAX] = "";
    size_t questions = strlen(expected);
    for (size_t i = 0; i < questions; i++) {
        int index = balance_round_robin(upstream->servers, upstream->count);
        answers[i] = index == BALANCE_NONE ? '-' : (char)('a' + index);
    }
    assert_string_equal(answers, expected);
}

static int sum_of_currents(const struct upstream *upstream)
{
    int sum = 0;
    for (size_t i = 0; i < upstream->count; i++)
        sum += upstream->servers[i].current;
    return sum;
}

static void equal_weights_take_turns(void **state)
{
    (void)state;
    struct upstream upstream = upstream_of((int[]){1, 1, 1}, 3);
    assert_sequence(&upstream, "abcabcabc");
}

static void a_heavy_server_is_spread_out(void **state)
{
    (void)state;
    struct upstream upstream = upstream_of((int[]){5, 1, 1}, 3);
    assert_sequence(&upstream, "aabacaaaabacaa");
}

static void weights_that_share_a_divisor_are_spread_out_as_well(void **state)
{
    (void)state;
    struct upstream upstream = upstream_of((int[]){4, 2}, 2);
    assert_sequence(&upstream, "abaaba");
    upstream = upstream_of((int[]){2, 3}, 2);
    assert_sequence(&upstream, "babab");
}

static void one_server_is_always_chosen(void **state)
{
    (void)state;
    struct upstream upstream = upstream_of((int[]){7}, 1);
    assert_sequence(&upstream, "aaa");
    assert_int_equal(upstream.servers[0].current, 0);
}

static void without_servers_none_is_chosen(void **state)
{
    (void)state;
    struct upstream upstream = upstream_of(NULL, 0);
    assert_sequence(&upstream, "-");
}

static void unavailable_and_tried_servers_are_passed_over(void **state)
{
    (void)state;
    struct upstream upstream = upstream_of((int[]){5, 1, 1}, 3);
    upstream.servers[0].available = false;
    assert_sequence(&upstream, "bcbc");
    upstream.servers[1].tried = true;
    assert_sequence(&upstream, "ccc");
    upstream.servers[2].available = false;
    assert_sequence(&upstream, "--");
}

static void a_server_that_comes_back_gets_no_burst(void **state)
{
    (void)state;
    struct upstream upstream = upstream_of((int[]){1, 1}, 2);
    upstream.servers[1].available = false;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(balance_round_robin(upstream.servers, 2), 0);
    assert_int_equal(upstream.servers[1].current, 0);
    upstream.servers[1].available = true;
    assert_sequence(&upstream, "abab");
}

static void running_weights_always_sum_to_nothing(void **state)
{
    (void)state;
    struct upstream upstream = upstream_of((int[]){1000, 1, 17, 400}, 4);
    srandom(1);
    for (int i = 0; i < 10000; i++) {
        for (size_t s = 0; s < upstream.count; s++)
            upstream.servers[s].available = random() % 4 != 0;
        balance_round_robin(upstream.servers, upstream.count);
        assert_int_equal(sum_of_currents(&upstream), 0);
    }
}

static void each_server_gets_its_share(void **state)
{
    (void)state;
    const int weights[] = {3, 1, 6};
    struct upstream upstream = upstream_of(weights, 3);
    int shares[3] = {0};
    for (int i = 0; i < 10 * 100; i++)
        shares[balance_round_robin(upstream.servers, 3)]++;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(shares[i], weights[i] * 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_weights_take_turns),
        cmocka_unit_test(a_heavy_server_is_spread_out),
        cmocka_unit_test(weights_that_share_a_divisor_are_spread_out_as_well),
        cmocka_unit_test(one_server_is_always_chosen),
        cmocka_unit_test(without_servers_none_is_chosen),
        cmocka_unit_test(unavailable_and_tried_servers_are_passed_over),
        cmocka_unit_test(a_server_that_comes_back_gets_no_burst),
        cmocka_unit_test(running_weights_always_sum_to_nothing),
        cmocka_unit_test(each_server_gets_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
