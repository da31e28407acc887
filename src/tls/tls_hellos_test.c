#include "tls/tls_hellos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { BEGIN = 1800000000 };

static int set_up(void **state)
{
    *state = tls_hellos_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    tls_hellos_free(*state);
    return 0;
}

static enum tls_early_outcome admit(struct tls_hellos *hellos, int64_t now, uint64_t number)
{
    unsigned char random[TLS_HELLO_RANDOM_SIZE] = {0};
    memcpy(random + sizeof(random) - sizeof(number), &number, sizeof(number));
    return tls_hellos_admit(hellos, now, random);
}

static void a_hello_is_admitted_once(void **state)
{
    assert_int_equal(admit(*state, BEGIN, 7), TLS_EARLY_ACCEPTED);
    assert_int_equal(admit(*state, BEGIN, 7), TLS_EARLY_REPLAYED);
    assert_int_equal(admit(*state, BEGIN, 8), TLS_EARLY_ACCEPTED);
    assert_int_equal(admit(*state, BEGIN, 0), TLS_EARLY_ACCEPTED);
    assert_int_equal(admit(*state, BEGIN, 0), TLS_EARLY_REPLAYED);
}

/* Wherever in the life of a table it came, and however often others come meanwhile. */
static void it_is_remembered_for_its_time(void **state)
{
    for (int64_t at = 0; at < 3 * TLS_HELLOS_SECONDS; at++) {
        assert_int_equal(admit(*state, BEGIN + at, (uint64_t)(100 + at)), TLS_EARLY_ACCEPTED);
        for (int64_t before = 0; before < TLS_HELLOS_SECONDS && before <= at; before++)
            assert_int_equal(admit(*state, BEGIN + at, (uint64_t)(100 + at - before)),
                             TLS_EARLY_REPLAYED);
    }
}

static void it_is_forgotten_in_the_end(void **state)
{
    assert_int_equal(admit(*state, BEGIN, 7), TLS_EARLY_ACCEPTED);
    assert_int_equal(admit(*state, BEGIN + TLS_HELLOS_SECONDS, 8), TLS_EARLY_ACCEPTED);
    assert_int_equal(admit(*state, BEGIN + 2 * TLS_HELLOS_SECONDS, 7), TLS_EARLY_ACCEPTED);
}

static void there_is_an_end_to_what_is_remembered(void **state)
{
    uint64_t tried = 0, accepted = 0;
    for (; accepted < TLS_HELLOS_MAX && tried < 2 * TLS_HELLOS_MAX; tried++) {
        enum tls_early_outcome outcome = admit(*state, BEGIN, 1000 + tried);
        assert_true(outcome == TLS_EARLY_ACCEPTED || outcome == TLS_EARLY_FULL);
        accepted += outcome == TLS_EARLY_ACCEPTED;
    }
    assert_int_equal(accepted, TLS_HELLOS_MAX);
    assert_int_equal(admit(*state, BEGIN, 5), TLS_EARLY_FULL);
    assert_int_equal(admit(*state, BEGIN + TLS_HELLOS_SECONDS, 5), TLS_EARLY_ACCEPTED);
}

/* What was fresh an hour ago would be so again. */
static void none_is_admitted_while_the_clock_is_behind(void **state)
{
    assert_int_equal(admit(*state, BEGIN, 7), TLS_EARLY_ACCEPTED);
    assert_int_equal(admit(*state, BEGIN - 1, 8), TLS_EARLY_ACCEPTED);
    assert_int_equal(admit(*state, BEGIN - 3600, 9), TLS_EARLY_CLOCK);
    assert_int_equal(admit(*state, BEGIN, 9), TLS_EARLY_ACCEPTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_hello_is_admitted_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_remembered_for_its_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_forgotten_in_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_is_an_end_to_what_is_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(none_is_admitted_while_the_clock_is_behind, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
