#include "upstream/standing.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW = 5000 };

struct bench {
    struct server_registry *servers;
    struct arena arena;
    struct server *server;
};

static struct bench bench;

static int set_up(void **state)
{
    struct server_place place;
    const char *wrong, *cure;
    (void)state;
    arena_init(&bench.arena, NULL, SIZE_MAX / 2);
    bench.servers = server_registry_new();
    assert_true(server_place_parse(SLICE("10.0.0.1:80"), &bench.arena, &place, &wrong, &cure));
    bench.server = server_registry_get(bench.servers, &place);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    server_registry_free(bench.servers);
    arena_fini(&bench.arena);
    return 0;
}

static struct standing *get(const char *upstream)
{
    return standing_get(bench.servers, bench.server, slice_from_text(upstream));
}

/* A snapshot that says this weight of it. */
static bool take(struct standing *standing, int32_t weight, uint64_t number)
{
    const struct standing_line line = {.weight = weight};
    return standing_take_line(bench.servers, standing, &line, number, NOW);
}

static void each_upstream_has_its_own(void **state)
{
    (void)state;
    struct standing *shop = get("shop"), *blog = get("blog");
    assert_ptr_not_equal(shop, blog);
    assert_ptr_equal(get("shop"), shop);
    standing_set_down(bench.servers, shop, true, NOW);
    assert_true(standing_is_down(shop) && !standing_is_down(blog));
}

static void a_server_is_set_aside_as_long_as_it_is_somewhere(void **state)
{
    (void)state;
    struct standing *shop = get("shop"), *blog = get("blog");
    standing_set_down(bench.servers, shop, true, NOW);
    standing_set_order(bench.servers, shop, STANDING_DRAINED, NOW);
    standing_set_order(bench.servers, blog, STANDING_DISABLED, NOW);
    standing_set_down(bench.servers, shop, false, NOW);
    assert_true(server_is_set_aside(bench.server));
    standing_set_order(bench.servers, shop, STANDING_ENABLED, NOW);
    assert_true(server_is_set_aside(bench.server));
    standing_set_order(bench.servers, blog, STANDING_ENABLED, NOW);
    assert_false(server_is_set_aside(bench.server));
}

static void every_change_can_be_seen(void **state)
{
    (void)state;
    struct standing *shop = get("shop");
    uint64_t before = server_registry_changes(bench.servers);
    standing_set_down(bench.servers, shop, true, NOW);
    assert_true(server_registry_changes(bench.servers) > before);
    before = server_registry_changes(bench.servers);
    standing_set_weight(bench.servers, shop, 7);
    assert_true(server_registry_changes(bench.servers) > before);
    assert_int_equal(standing_weight(shop, 3), 7);
}

static void it_came_when_it_was_up_or_enabled_again(void **state)
{
    (void)state;
    struct standing *shop = get("shop");
    standing_set_down(bench.servers, shop, false, NOW);
    assert_int_equal(shop->since, 0);
    standing_set_down(bench.servers, shop, true, NOW);
    standing_set_down(bench.servers, shop, false, NOW + 1);
    assert_int_equal(shop->since, NOW + 1);
    standing_set_order(bench.servers, shop, STANDING_DISABLED, NOW + 2);
    standing_set_order(bench.servers, shop, STANDING_ENABLED, NOW + 3);
    assert_int_equal(shop->since, NOW + 3);
}

static void who_is_in_the_first_snapshot_was_there_from_the_beginning(void **state)
{
    (void)state;
    struct standing *first = get("first"), *second = get("second");
    assert_false(take(first, 1, 1));
    assert_false(take(first, 1, 2));
    assert_false(take(second, 1, 2));
    assert_int_equal(first->since, 0);
    assert_int_equal(second->since, NOW);
}

static void what_it_was_told_holds_while_the_file_says_the_same(void **state)
{
    (void)state;
    struct standing *shop = get("shop");
    (void)take(shop, 2, 1);
    standing_set_order(bench.servers, shop, STANDING_DRAINED, NOW);
    standing_set_weight(bench.servers, shop, 9);
    assert_false(take(shop, 2, 2));
    assert_true(standing_is_changed(shop));
    assert_true(take(shop, 3, 3));
    assert_false(standing_is_changed(shop));
    assert_int_equal(standing_weight(shop, 3), 3);
    assert_false(take(shop, 4, 4)); /* nothing is left to be forgotten */
}

static void who_was_out_of_the_file_comes_anew(void **state)
{
    (void)state;
    struct standing *shop = get("shop");
    (void)take(shop, 2, 1);
    standing_set_down(bench.servers, shop, true, NOW);
    standing_set_order(bench.servers, shop, STANDING_DRAINED, NOW);
    shop->score = (struct health_score){.is_known = true, .is_down = true};
    assert_true(take(shop, 2, 3));
    assert_false(standing_is_down(shop) || standing_is_changed(shop) || shop->score.is_known);
    assert_int_equal(shop->since, NOW);
    assert_false(server_is_set_aside(bench.server));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_upstream_has_its_own),
        TEST(a_server_is_set_aside_as_long_as_it_is_somewhere),
        TEST(every_change_can_be_seen),
        TEST(it_came_when_it_was_up_or_enabled_again),
        TEST(who_is_in_the_first_snapshot_was_there_from_the_beginning),
        TEST(what_it_was_told_holds_while_the_file_says_the_same),
        TEST(who_was_out_of_the_file_comes_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
