#include "upstream/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SECOND = 1000, NOW = 1000 * SECOND };

static int set_up(void **state)
{
    *state = session_table_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    session_table_free(*state);
    return 0;
}

static uint64_t key_of(unsigned number)
{
    char memory[4];
    memcpy(memory, &number, sizeof(memory));
    return slice_hash(slice_of(memory, sizeof(memory)), 7);
}

/* Keys of one bucket. */
static uint64_t neighbour(unsigned number)
{
    return (uint64_t)1 << 40 | number;
}

static void what_was_learnt_is_found(void **state)
{
    assert_int_equal(session_find(*state, key_of(1), NOW), SESSION_UNKNOWN);
    session_learn(*state, key_of(1), 0, NOW);
    session_learn(*state, key_of(2), 7, NOW);
    assert_int_equal(session_find(*state, key_of(1), NOW), 0);
    assert_int_equal(session_find(*state, key_of(2), NOW), 7);
    assert_int_equal(session_find(*state, key_of(3), NOW), SESSION_UNKNOWN);
}

static void what_is_learnt_anew_takes_the_place_of_what_was(void **state)
{
    session_learn(*state, neighbour(1), 1, NOW);
    for (unsigned i = 0; i < 10; i++)
        session_learn(*state, neighbour(2), i, NOW);
    assert_int_equal(session_find(*state, neighbour(2), NOW), 9);
    assert_int_equal(session_find(*state, neighbour(1), NOW), 1);
}

static void half_of_the_table_is_remembered(void **state)
{
    unsigned found = 0;
    for (unsigned i = 0; i < SESSIONS_MAX / 2; i++)
        session_learn(*state, key_of(i), i, NOW);
    for (unsigned i = 0; i < SESSIONS_MAX / 2; i++) {
        uint32_t server = session_find(*state, key_of(i), NOW);
        assert_true(server == i || server == SESSION_UNKNOWN);
        found += server == i;
    }
    assert_true(found > SESSIONS_MAX / 2 * 9 / 10);
}

static void who_was_asked_for_least_recently_is_forgotten(void **state)
{
    for (unsigned i = 0; i < SESSION_ENTRIES; i++)
        session_learn(*state, neighbour(i), i, NOW + i * SECOND);
    /* The oldest one is asked for again, when that is worth a note. */
    assert_int_equal(session_find(*state, neighbour(0), NOW + 100 * SECOND), 0);
    session_learn(*state, neighbour(100), 100, NOW + 101 * SECOND);
    assert_int_equal(session_find(*state, neighbour(1), NOW + 101 * SECOND), SESSION_UNKNOWN);
    for (unsigned i = 0; i < SESSION_ENTRIES; i++) {
        if (i != 1)
            assert_int_equal(session_find(*state, neighbour(i), NOW + 101 * SECOND), i);
    }
    assert_int_equal(session_find(*state, neighbour(100), NOW + 101 * SECOND), 100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_was_learnt_is_found),
        TEST(what_is_learnt_anew_takes_the_place_of_what_was),
        TEST(half_of_the_table_is_remembered),
        TEST(who_was_asked_for_least_recently_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
