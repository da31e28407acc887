#include "policy/rendezvous.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { SERVERS_MAX = 16, KEYS = 100000 };

struct bench {
    char names[SERVERS_MAX][32];
    struct rendezvous_server servers[SERVERS_MAX];
    uint16_t slots[RENDEZVOUS_SLOTS];
};

static struct bench one, two;

static void lay_out(struct bench *bench, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(bench->names[i], sizeof(bench->names[i]), "10.0.0.%u:8080", i + 1);
        bench->servers[i] = (struct rendezvous_server){slice_from_text(bench->names[i]), 1};
    }
    rendezvous_fill(bench->slots, bench->servers, count);
}

static uint64_t key_of(unsigned number)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "session-%u", number);
    return slice_hash(slice_from_text(text), 0);
}

static struct slice server_of(const struct bench *bench, uint64_t key, unsigned attempt)
{
    return bench->servers[bench->slots[rendezvous_slot(key, attempt)]].name;
}

static void count_slots(const struct bench *bench, unsigned *counts)
{
    for (unsigned i = 0; i < RENDEZVOUS_SLOTS; i++)
        counts[bench->slots[i]]++;
}

static void equal_servers_get_equal_parts(void **state)
{
    (void)state;
    unsigned counts[10] = {0}, of_keys[10] = {0};
    lay_out(&one, 10);
    count_slots(&one, counts);
    for (unsigned i = 0; i < KEYS; i++)
        of_keys[one.slots[rendezvous_slot(key_of(i), 0)]]++;
    for (int i = 0; i < 10; i++) {
        assert_in_range(counts[i], RENDEZVOUS_SLOTS / 10 * 93 / 100,
                        RENDEZVOUS_SLOTS / 10 * 107 / 100);
        assert_in_range(of_keys[i], KEYS / 10 * 93 / 100, KEYS / 10 * 107 / 100);
    }
}

static void weights_are_shares(void **state)
{
    (void)state;
    unsigned counts[3] = {0};
    lay_out(&one, 3);
    one.servers[0].weight = 1000;
    one.servers[1].weight = 300;
    one.servers[2].weight = 700;
    rendezvous_fill(one.slots, one.servers, 3);
    count_slots(&one, counts);
    assert_in_range(counts[0], RENDEZVOUS_SLOTS * 49 / 100, RENDEZVOUS_SLOTS * 51 / 100);
    assert_in_range(counts[1], RENDEZVOUS_SLOTS * 14 / 100, RENDEZVOUS_SLOTS * 16 / 100);
}

static void when_one_of_ten_leaves_only_its_keys_move(void **state)
{
    (void)state;
    unsigned moved = 0, gained[10] = {0};
    lay_out(&one, 10);
    lay_out(&two, 9); /* the tenth has left */
    for (unsigned i = 0; i < KEYS; i++) {
        struct slice before = server_of(&one, key_of(i), 0), after = server_of(&two, key_of(i), 0);
        if (slice_equal(before, after))
            continue;
        assert_true(slice_equal(before, one.servers[9].name));
        gained[two.slots[rendezvous_slot(key_of(i), 0)]]++;
        moved++;
    }
    assert_in_range(moved, KEYS / 10 * 93 / 100, KEYS / 10 * 107 / 100);
    for (int i = 0; i < 9; i++) /* and each of the others takes its part of them */
        assert_in_range(gained[i], moved / 9 * 70 / 100, moved / 9 * 130 / 100);
}

static void a_weight_that_grows_only_takes(void **state)
{
    (void)state;
    lay_out(&one, 5);
    lay_out(&two, 5);
    two.servers[3].weight = 2;
    rendezvous_fill(two.slots, two.servers, 5);
    for (unsigned i = 0; i < RENDEZVOUS_SLOTS; i++)
        assert_true(two.slots[i] == one.slots[i] || two.slots[i] == 3);
}

static void the_order_of_servers_means_nothing(void **state)
{
    (void)state;
    lay_out(&one, 4);
    lay_out(&two, 4);
    struct rendezvous_server first = two.servers[0];
    two.servers[0] = two.servers[3];
    two.servers[3] = first;
    rendezvous_fill(two.slots, two.servers, 4);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(slice_equal(server_of(&one, key_of(i), 0), server_of(&two, key_of(i), 0)));
}

/* The keys of a server that cannot be asked go to all others, not to one of them. */
static void further_attempts_lead_everywhere(void **state)
{
    (void)state;
    unsigned counts[10] = {0}, keys = 0;
    lay_out(&one, 10);
    for (unsigned i = 0; i < KEYS; i++) {
        if (one.slots[rendezvous_slot(key_of(i), 0)] != 4)
            continue;
        keys++;
        counts[one.slots[rendezvous_slot(key_of(i), 1)]]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(counts[i], keys / 10 * 80 / 100, keys / 10 * 120 / 100);
}

static void one_server_has_all(void **state)
{
    (void)state;
    lay_out(&one, 1);
    for (unsigned i = 0; i < RENDEZVOUS_SLOTS; i++)
        assert_int_equal(one.slots[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_servers_get_equal_parts),
        cmocka_unit_test(weights_are_shares),
        cmocka_unit_test(when_one_of_ten_leaves_only_its_keys_move),
        cmocka_unit_test(a_weight_that_grows_only_takes),
        cmocka_unit_test(the_order_of_servers_means_nothing),
        cmocka_unit_test(further_attempts_lead_everywhere),
        cmocka_unit_test(one_server_has_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
