#include "policy/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void what_the_client_or_we_did_is_no_cause(void **state)
{
    enum retry_cause cause;
    (void)state;
    assert_false(retry_cause_of(ERROR_CLIENT_GONE, &cause));
    assert_false(retry_cause_of(ERROR_BODY_TOO_LARGE, &cause));
    assert_false(retry_cause_of(ERROR_OUT_OF_MEMORY, &cause));
    assert_false(retry_cause_of(ERROR_EXCHANGE_TIMEOUT, &cause));
    assert_false(retry_cause_of(ERROR_SERVERS_FULL, &cause));
    assert_true(retry_cause_of(ERROR_CONNECT_TIMEOUT, &cause));
    assert_int_equal(cause, RETRY_CONNECT);
    assert_true(retry_cause_of(ERROR_FIRST_BYTE_TIMEOUT, &cause));
    assert_int_equal(cause, RETRY_TIMEOUT);
    assert_true(retry_cause_of(ERROR_SERVER_CLOSED, &cause));
    assert_int_equal(cause, RETRY_RESET);
}

static void the_wait_doubles_and_half_of_it_is_chance(void **state)
{
    (void)state;
    const struct retry_settings settings = {.backoff = 100};
    for (uint64_t chance = 0; chance < 1000; chance++) {
        for (unsigned attempts = 1; attempts < RETRY_ATTEMPTS_MAX; attempts++) {
            uint64_t whole = UINT64_C(100) << (attempts - 1);
            uint64_t wait = retry_wait(&settings, attempts, chance);
            assert_in_range(wait, whole / 2, whole);
        }
    }
    assert_int_equal(retry_wait(&(struct retry_settings){.backoff = 0}, 5, 77), 0);
    assert_int_equal(retry_wait(&(struct retry_settings){.backoff = 1}, 1, 77), 1);
}

static unsigned spend_all(uint64_t *budget, const struct retry_settings *settings, uint64_t now)
{
    unsigned count = 0;
    while (retry_budget_spend(*budget, settings, now, budget))
        count++;
    return count;
}

static void what_was_not_repeated_is_given_back(void **state)
{
    (void)state;
    const struct retry_settings settings = {.budget = 100};
    uint64_t budget = retry_budget_earn(0, &settings, 5000);
    assert_true(retry_budget_spend(budget, &settings, 5000, &budget));
    budget = retry_budget_return(budget);
    assert_int_equal(spend_all(&budget, &settings, 5000), 1);
}

static void requests_bring_their_share(void **state)
{
    (void)state;
    const struct retry_settings settings = {.budget = 20};
    uint64_t budget = 0;
    assert_int_equal(spend_all(&budget, &settings, 5000), 0);
    for (int i = 0; i < 1000; i++)
        budget = retry_budget_earn(budget, &settings, 5000);
    assert_int_equal(spend_all(&budget, &settings, 5000), 200);
    assert_int_equal(spend_all(&budget, &settings, 5000), 0);
}

/* Whatever the times are at which requests and failures come. */
static void there_is_never_more_than_the_share(void **state)
{
    (void)state;
    const struct retry_settings settings = {.budget = 20};
    uint64_t budget = 0, now = 1000 * 1000, chance = 4711;
    unsigned requests = 0, retries = 0;
    for (int i = 0; i < 100000; i++) {
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        now += (chance >> 33) % 40;
        if ((chance >> 50) % 3 > 0)
            budget = retry_budget_earn(budget, &settings, now), requests++;
        else
            retries += retry_budget_spend(budget, &settings, now, &budget);
        assert_true(retries * 5 <= requests);
    }
    assert_true(retries * 10 > requests); /* and it is not stingy */
}

static void what_is_not_used_is_forgotten(void **state)
{
    (void)state;
    const struct retry_settings settings = {.budget = 100};
    uint64_t budget = 0;
    for (int i = 0; i < 1000; i++)
        budget = retry_budget_earn(budget, &settings, 5000);
    uint64_t later = budget;
    assert_int_equal(spend_all(&later, &settings, 10000), 500);
    later = budget;
    assert_int_equal(spend_all(&later, &settings, 15000), 0);
}

static void each_second_brings_some(void **state)
{
    (void)state;
    const struct retry_settings settings = {.budget_least = 3};
    uint64_t budget = 0;
    assert_int_equal(spend_all(&budget, &settings, 50000), 30);
    assert_int_equal(spend_all(&budget, &settings, 51000), 3);
    unsigned count = 0;
    for (uint64_t now = 51000; now <= 61000; now += 7)
        count += spend_all(&budget, &settings, now);
    assert_in_range(count, 29, 30);
}

static void a_clock_that_is_behind_changes_nothing(void **state)
{
    (void)state;
    const struct retry_settings settings = {.budget = 100, .budget_least = 10};
    uint64_t budget = retry_budget_earn(0, &settings, 50000);
    uint64_t after = retry_budget_earn(budget, &settings, 49000);
    assert_int_equal(after - budget, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_client_or_we_did_is_no_cause),
        cmocka_unit_test(the_wait_doubles_and_half_of_it_is_chance),
        cmocka_unit_test(requests_bring_their_share),
        cmocka_unit_test(there_is_never_more_than_the_share),
        cmocka_unit_test(what_is_not_used_is_forgotten),
        cmocka_unit_test(each_second_brings_some),
        cmocka_unit_test(what_was_not_repeated_is_given_back),
        cmocka_unit_test(a_clock_that_is_behind_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
