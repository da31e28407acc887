#include "tls/tls_tickets.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { BEGIN = 1800000000 };

static int set_up(void **state)
{
    *state = tls_tickets_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    tls_tickets_free(*state);
    return 0;
}

static struct tls_ticket_key sealing(struct tls_tickets *tickets, int64_t now)
{
    struct tls_ticket_key key;
    assert_true(tls_tickets_sealing(tickets, now, &key));
    return key;
}

static bool same(const struct tls_ticket_key *a, const struct tls_ticket_key *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Whether a ticket under that key is taken at that time. */
static bool is_taken(struct tls_tickets *tickets, int64_t now, const struct tls_ticket_key *key,
                     bool *ret_is_old)
{
    struct tls_ticket_key found;
    if (!tls_tickets_find(tickets, now, key->name, &found, ret_is_old))
        return false;
    assert_true(same(&found, key));
    return true;
}

static void one_key_seals_for_a_period(void **state)
{
    struct tls_ticket_key first = sealing(*state, BEGIN);
    struct tls_ticket_key last = sealing(*state, BEGIN + TLS_TICKET_PERIOD - 1);
    struct tls_ticket_key next = sealing(*state, BEGIN + TLS_TICKET_PERIOD);
    assert_true(same(&first, &last));
    assert_false(same(&first, &next));
    assert_memory_not_equal(first.cipher, next.cipher, sizeof(first.cipher));
    assert_memory_not_equal(first.authentication, next.authentication, sizeof(first.cipher));
}

/* However often somebody comes meanwhile. */
static void a_ticket_is_good_for_its_lifetime(void **state)
{
    static const int steps[] = {60, TLS_TICKET_PERIOD / 7, TLS_TICKET_PERIOD, TLS_TICKET_PERIOD + 1,
                                TLS_TICKET_LIFETIME};
    int64_t now = BEGIN;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct tls_ticket_key key = sealing(*state, now);
        int64_t end = now + TLS_TICKET_LIFETIME;
        bool is_old = false;
        for (; now <= end; now += steps[i])
            assert_true(is_taken(*state, now, &key, &is_old));
        assert_true(is_old);
    }
}

static void a_ticket_is_no_good_for_ever(void **state)
{
    struct tls_ticket_key key = sealing(*state, BEGIN);
    bool is_old;
    for (int64_t now = BEGIN; now < BEGIN + 4 * TLS_TICKET_PERIOD; now += 3600)
        (void)is_taken(*state, now, &key, &is_old);
    assert_false(is_taken(*state, BEGIN + 4 * TLS_TICKET_PERIOD, &key, &is_old));
}

static void a_key_goes_also_where_nobody_came(void **state)
{
    struct tls_ticket_key key = sealing(*state, BEGIN);
    bool is_old;
    assert_false(is_taken(*state, BEGIN + 3 * TLS_TICKET_PERIOD, &key, &is_old));
}

/* It may jump either way, and no key seals for longer because of it. */
static void a_clock_that_is_set_back_loses_no_ticket(void **state)
{
    struct tls_ticket_key before = sealing(*state, BEGIN), after = sealing(*state, BEGIN - 86400);
    bool is_old = false;
    assert_false(same(&before, &after));
    assert_true(is_taken(*state, BEGIN - 86400, &before, &is_old));
    assert_true(is_old);
}

/* Each loop looks at the clock once in a turn, so that of two the one is a little behind. */
static void loops_that_are_seconds_apart_share_their_keys(void **state)
{
    struct tls_ticket_key first = sealing(*state, BEGIN);
    bool is_old = false;
    for (int64_t now = BEGIN; now <= BEGIN + TLS_TICKET_LIFETIME; now += TLS_TICKET_PERIOD) {
        struct tls_ticket_key ahead = sealing(*state, now);
        for (int behind = 1; behind <= TLS_TICKET_SKEW; behind++) {
            struct tls_ticket_key key = sealing(*state, now - behind);
            assert_true(same(&ahead, &key));
        }
    }
    assert_true(is_taken(*state, BEGIN + TLS_TICKET_LIFETIME, &first, &is_old));
}

/* What several threads share: the time goes on by a part of a period whenever one comes. */
struct crowd {
    struct tls_tickets *tickets;
    _Atomic int64_t now;
};

/* Seals and opens, while each key is overwritten some handshakes later. A key that was found is
 * whole. Gives how often it was there still. */
static void *come_again_and_again(void *pointer)
{
    enum { TIMES = 5000, STEP = TLS_TICKET_PERIOD / 8 };
    struct crowd *crowd = pointer;
    uintptr_t found = 0;
    for (int i = 0; i < TIMES; i++) {
        int64_t now = atomic_fetch_add(&crowd->now, STEP);
        struct tls_ticket_key key, again;
        bool is_old;
        if (!tls_tickets_sealing(crowd->tickets, now, &key))
            return NULL;
        if (!tls_tickets_find(crowd->tickets, now, key.name, &again, &is_old))
            continue;
        if (!same(&key, &again))
            return NULL;
        found++;
    }
    return (void *)found;
}

static void threads_turn_keys_over_while_others_use_them(void **state)
{
    enum { THREADS = 4 };
    struct crowd crowd = {.tickets = *state, .now = BEGIN};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_again_and_again, &crowd), 0);
    for (int i = 0; i < THREADS; i++) {
        void *found = NULL;
        assert_int_equal(pthread_join(threads[i], &found), 0);
        assert_non_null(found);
    }
}

static void a_name_that_nobody_gave_is_unknown(void **state)
{
    struct tls_ticket_key key = sealing(*state, BEGIN);
    bool is_old;
    key.name[0] ^= 1;
    assert_false(is_taken(*state, BEGIN, &key, &is_old));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_key_seals_for_a_period, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ticket_is_good_for_its_lifetime, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ticket_is_no_good_for_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_goes_also_where_nobody_came, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_that_is_set_back_loses_no_ticket, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(loops_that_are_seconds_apart_share_their_keys, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(threads_turn_keys_over_while_others_use_them, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_name_that_nobody_gave_is_unknown, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
