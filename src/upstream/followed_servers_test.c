#include "upstream/followed_servers.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct bench {
    struct arena arena;
    struct dns_record records[DNS_RECORDS_MAX];
    struct roster_answer servers[DNS_RECORDS_MAX];
    uint32_t count;
};

static void add(struct bench *bench, const char *host, unsigned priority, unsigned weight)
{
    struct dns_record *record = &bench->records[bench->count++];
    *record = (struct dns_record){
        .port = 8080, .priority = (uint16_t)priority, .weight = (uint16_t)weight};
    assert_true(ip_parse(SLICE("fd00::7"), &record->ip));
    memcpy(record->host, host, strlen(host) + 1);
}

static struct bench *begin(void)
{
    static struct bench bench;
    bench.count = 0;
    arena_init(&bench.arena, NULL, SIZE_MAX / 2);
    return &bench;
}

static void translate(struct bench *bench, const struct followed_line *line)
{
    assert_true(
        followed_servers(line, bench->records, bench->count, &bench->arena, bench->servers));
}

static void expect(const struct bench *bench, uint32_t index, const char *key, unsigned priority,
                   uint32_t weight)
{
    const struct roster_answer *server = &bench->servers[index];
    assert_true(slice_equal(server->place.key, slice_from_text(key)));
    assert_int_equal(server->priority, priority);
    assert_int_equal(server->weight, weight);
}

static void addresses_leave_weight_and_priority_to_their_line(void **state)
{
    (void)state;
    struct bench *bench = begin();
    add(bench, "", 0, 0);
    translate(bench, &(struct followed_line){.host = SLICE("app.internal"), .is_tls = true});
    expect(bench, 0, "https://app.internal:8080@fd00::7", 0, 0);
    assert_true(bench->servers[0].place.is_tls);
    assert_true(slice_is_empty(bench->servers[0].place.host)); /* there is nothing to look up */
    assert_int_equal(bench->servers[0].place.fixed.port, 8080);
    arena_fini(&bench->arena);
}

static void services_have_priorities_in_their_order_and_weights_that_fit(void **state)
{
    (void)state;
    struct bench *bench = begin();
    add(bench, "a", 0, 0);
    add(bench, "b", 0, 1000);
    add(bench, "c", 500, 7);
    add(bench, "d", 65535, 1);
    translate(bench, &(struct followed_line){.is_service = true, .is_h2 = true});
    expect(bench, 0, "h2c://a:8080@fd00::7", 1, 1);
    expect(bench, 1, "h2c://b:8080@fd00::7", 1, 1000);
    expect(bench, 2, "h2c://c:8080@fd00::7", 2, 7);
    expect(bench, 3, "h2c://d:8080@fd00::7", 3, 1);
    arena_fini(&bench->arena);
}

static void great_weights_shrink_alike(void **state)
{
    (void)state;
    struct bench *bench = begin();
    add(bench, "a", 0, 65535);
    add(bench, "b", 0, 32768);
    add(bench, "c", 0, 1);
    translate(bench, &(struct followed_line){.is_service = true});
    expect(bench, 0, "a:8080@fd00::7", 1, 1000);
    expect(bench, 1, "b:8080@fd00::7", 1, 500);
    expect(bench, 2, "c:8080@fd00::7", 1, 1);
    arena_fini(&bench->arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_leave_weight_and_priority_to_their_line),
        cmocka_unit_test(services_have_priorities_in_their_order_and_weights_that_fit),
        cmocka_unit_test(great_weights_shrink_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
