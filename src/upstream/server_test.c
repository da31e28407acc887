#include "upstream/server_int.h"

#include "base/arena.h"
#include "sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LOOKED_UP = 1000 * 1000, AGAIN_MS = 5000, PATIENCE_MS = 60 * 1000 };

struct bench {
    struct server_registry *servers;
    struct arena arena;
    struct server *server;
};

static struct bench bench;

static struct server *get(struct slice text)
{
    struct server_place place;
    const char *wrong, *cure;
    assert_true(server_place_parse(text, &bench.arena, &place, &wrong, &cure));
    struct server *server = server_registry_get(bench.servers, &place);
    assert_non_null(server);
    return server;
}

/* Nobody looks names up until the registry is started. */
static int set_up(void **state)
{
    (void)state;
    arena_init(&bench.arena, NULL, SIZE_MAX / 2);
    bench.servers = server_registry_new();
    bench.server = get(SLICE("localhost:80"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    server_registry_free(bench.servers);
    arena_fini(&bench.arena);
    return 0;
}

/* When its name is looked up, if it was so last at LOOKED_UP and the server fails at `now`. */
static uint64_t look_up_after_failure(uint64_t now)
{
    bench.server->looked_up_at = LOOKED_UP;
    bench.server->look_up_at = 0;
    server_failed(bench.servers, bench.server, now);
    return bench.server->look_up_at;
}

static void a_server_that_fails_is_looked_up_at_once(void **state)
{
    (void)state;
    assert_int_equal(look_up_after_failure(LOOKED_UP + 3600 * 1000), LOOKED_UP + 3600 * 1000);
    assert_int_equal(look_up_after_failure(LOOKED_UP + AGAIN_MS), LOOKED_UP + AGAIN_MS);
}

static void a_server_that_fails_on_and_on_is_looked_up_every_few_seconds(void **state)
{
    (void)state;
    assert_int_equal(look_up_after_failure(LOOKED_UP), LOOKED_UP + AGAIN_MS);
    assert_int_equal(look_up_after_failure(LOOKED_UP + AGAIN_MS - 1), LOOKED_UP + AGAIN_MS);
}

static void a_look_up_that_is_due_is_not_put_off(void **state)
{
    (void)state;
    bench.server->look_up_at = LOOKED_UP;
    server_failed(bench.servers, bench.server, LOOKED_UP + 10);
    assert_int_equal(bench.server->look_up_at, LOOKED_UP);
}

static void a_server_that_fails_is_looked_up_before_its_time(void **state)
{
    (void)state;
    bench.server->looked_up_at = LOOKED_UP;
    bench.server->look_up_at = LOOKED_UP + 30 * 1000;
    server_failed(bench.servers, bench.server, LOOKED_UP + 10);
    assert_int_equal(bench.server->look_up_at, LOOKED_UP + AGAIN_MS);
}

static void a_name_that_cannot_be_found_keeps_its_pace(void **state)
{
    (void)state;
    bench.server->looked_up_at = LOOKED_UP;
    bench.server->look_up_at = LOOKED_UP + 32 * 1000;
    bench.server->failures = 6;
    server_failed(bench.servers, bench.server, LOOKED_UP + 10);
    assert_int_equal(bench.server->look_up_at, LOOKED_UP + 32 * 1000);
}

static void who_is_due_longest_is_looked_up_first(void **state)
{
    (void)state;
    int wait;
    struct server *later = get(SLICE("localhost:81"));
    bench.server->look_up_at = LOOKED_UP + 1;
    later->look_up_at = LOOKED_UP;
    assert_ptr_equal(server_next_due(bench.servers, LOOKED_UP + 10, &wait), later);
    later->looking = true;
    assert_ptr_equal(server_next_due(bench.servers, LOOKED_UP + 10, &wait), bench.server);
}

static void it_is_known_how_long_until_a_look_up_is_due(void **state)
{
    (void)state;
    int wait;
    struct server *later = get(SLICE("localhost:81"));
    bench.server->look_up_at = LOOKED_UP + 7;
    later->look_up_at = LOOKED_UP + 3;
    assert_null(server_next_due(bench.servers, LOOKED_UP, &wait));
    assert_int_equal(wait, 3);
    bench.server->look_up_at = later->look_up_at = 0;
    assert_null(server_next_due(bench.servers, LOOKED_UP, &wait));
    assert_int_equal(wait, -1);
}

static void it_is_known_when_a_name_was_looked_up(void **state)
{
    (void)state;
    uint64_t before = sys_monotonic_ms();
    assert_true(server_registry_start(bench.servers, NULL, NULL));
    assert_true(server_registry_wait(bench.servers, PATIENCE_MS));
    assert_true(bench.server->looked_up_at >= before);
    assert_true(bench.server->looked_up_at <= sys_monotonic_ms());
}

static void what_the_system_has_found_holds_half_a_minute(void **state)
{
    (void)state;
    assert_true(server_registry_start(bench.servers, NULL, NULL));
    assert_true(server_registry_wait(bench.servers, PATIENCE_MS));
    assert_int_equal(bench.server->look_up_at, bench.server->looked_up_at + 30 * 1000);
    assert_int_equal(server_moves(bench.server), 0);
    assert_true(server_is_at(bench.servers, bench.server, &bench.server->addresses[0]));
}

static void other_name_servers_are_asked_at_once(void **state)
{
    (void)state;
    const struct dns_settings system = {.timeout_ms = 2000};
    struct dns_settings others = system;
    server_registry_ask(bench.servers, &system);
    bench.server->look_up_at = LOOKED_UP;
    server_registry_ask(bench.servers, &system);
    assert_int_equal(bench.server->look_up_at, LOOKED_UP);
    others.name_servers[others.name_server_count++] =
        (struct address){.ip = {.kind = ADDRESS_IPV4, .bytes = {127, 0, 0, 1}}, .port = 53};
    server_registry_ask(bench.servers, &others);
    assert_int_equal(bench.server->look_up_at, 1);
}

static struct server *get_any(const char *text)
{
    struct server_place place;
    const char *wrong, *cure;
    assert_true(server_place_parse_any(slice_from_text(text), &bench.arena, &place, &wrong, &cure));
    assert_true(slice_equal(place.key, slice_from_text(text)));
    return server_registry_get(bench.servers, &place);
}

static void expect_names(const char *key, const char *authority, const char *name)
{
    struct server *server = get_any(key);
    assert_true(slice_equal(server_authority(server), slice_from_text(authority)));
    assert_true(slice_equal(server_name(server), slice_from_text(name)));
}

static void a_server_that_a_name_led_to_is_called_by_the_name(void **state)
{
    (void)state;
    expect_names("app.internal:3000@10.0.0.7", "app.internal:3000", "app.internal");
    expect_names("https://app.internal:443@fd00::7", "app.internal", "app.internal");
    expect_names("h2c://app.internal:81@10.0.0.7", "app.internal:81", "app.internal");
    expect_names("https://10.0.0.7:8443", "10.0.0.7:8443", "");
    expect_names("unix:/run/a@10.0.0.7", "unix:/run/a@10.0.0.7", "");
    struct address addresses[SERVER_ADDRESSES_MAX];
    struct server *server = get_any("app.internal:3000@10.0.0.7");
    assert_int_equal(server_addresses(bench.servers, server, addresses), 1);
    assert_int_equal(addresses[0].port, 3000);
}

static void what_loops_count_of_a_server_is_told_as_a_sum(void **state)
{
    (void)state;
    const char first_loop = 0, second_loop = 0;
    assert_int_equal(server_idle(bench.server), 0);
    struct server_tally *first = server_tally_of(bench.server, &first_loop);
    struct server_tally *second = server_tally_of(bench.server, &second_loop);
    assert_true(first && second && first != second);
    assert_ptr_equal(server_tally_of(bench.server, &first_loop), first);
    gauge_set(&first->idle, 2);
    gauge_set(&second->idle, 3);
    counter_add(&first->lent, 10);
    counter_add(&second->lent, 7);
    assert_int_equal(server_idle(bench.server), 5);
    assert_int_equal(server_lent(bench.server), 17);
}

static void an_address_behind_another_one_is_no_server(void **state)
{
    (void)state;
    struct server_place place;
    const char *wrong = NULL, *cure = NULL;
    assert_false(
        server_place_parse_any(SLICE("10.0.0.1:80@10.0.0.7"), &bench.arena, &place, &wrong, &cure));
    assert_string_equal(wrong, "in front of the @ stands no name");
    assert_false(server_place_parse(SLICE("a.b:80@10.0.0.7"), &bench.arena, &place, &wrong, &cure));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_server_that_fails_is_looked_up_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_server_that_fails_on_and_on_is_looked_up_every_few_seconds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_look_up_that_is_due_is_not_put_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_due_longest_is_looked_up_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_known_how_long_until_a_look_up_is_due, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(it_is_known_when_a_name_was_looked_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_fails_is_looked_up_before_its_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_name_that_cannot_be_found_keeps_its_pace, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_the_system_has_found_holds_half_a_minute, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(other_name_servers_are_asked_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_a_name_led_to_is_called_by_the_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_address_behind_another_one_is_no_server, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_loops_count_of_a_server_is_told_as_a_sum, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
