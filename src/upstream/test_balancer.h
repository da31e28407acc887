/* What the tests of balancers share: an upstream to ask questions of. */
#pragma once

#include "upstream/balancer.h"

#include "base/arena.h"
#include "policy/rendezvous.h"
#include "upstream/health_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SERVERS_MAX = 200, TRIED_MAX = 8, NOW = 100 * 1000 };

/* An upstream with real servers that nobody listens at. */
struct bench {
    struct server_registry *servers;
    struct arena arena;
    struct upstream *upstream;
    struct balancer *balancer;
    uint16_t tried[TRIED_MAX];
    struct balancer_question question;
    uint64_t serial;
    uint16_t slots[RENDEZVOUS_SLOTS];
    struct health_settings health;
};

static inline int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    arena_init(&bench->arena, NULL, SIZE_MAX / 2);
    bench->servers = server_registry_new();
    bench->question = (struct balancer_question){.tried = bench->tried, .now = NOW};
    *state = bench;
    return 0;
}

static inline int tear_down(void **state)
{
    struct bench *bench = *state;
    balancer_free(bench->balancer);
    free(bench->upstream);
    server_registry_free(bench->servers);
    arena_fini(&bench->arena);
    free(bench);
    return 0;
}

static inline struct server *make_server(struct bench *bench, uint32_t number)
{
    struct server_place place;
    const char *wrong, *cure;
    char memory[32];
    struct text text = text_over(memory, sizeof(memory));
    text_print(&text, "10.0.%u.%u:80", number / 250, number % 250 + 1);
    assert_true(server_place_parse(text_slice(&text), &bench->arena, &place, &wrong, &cure));
    return server_registry_get(bench->servers, &place);
}

static inline void fill_slots(struct bench *bench)
{
    struct rendezvous_server servers[SERVERS_MAX];
    for (uint32_t i = 0; i < bench->upstream->count; i++)
        servers[i] = (struct rendezvous_server){bench->upstream->members[i].server->key,
                                                (uint32_t)bench->upstream->members[i].weight};
    rendezvous_fill(bench->slots, servers, bench->upstream->count);
    bench->upstream->slots = bench->slots;
}

/* All of the same weight where `weights` is NULL. */
static inline void lay_out(struct bench *bench, enum balance balance, uint32_t count,
                           const int32_t *weights)
{
    balancer_free(bench->balancer);
    free(bench->upstream);
    struct upstream *upstream =
        calloc(1, sizeof(*upstream) + count * sizeof(struct upstream_member));
    bench->upstream = upstream;
    upstream->serial = ++bench->serial;
    upstream->count = count;
    upstream->balance = balance;
    upstream->health = &bench->health;
    bench->health.panic = 10;
    for (uint32_t i = 0; i < count; i++) {
        struct server *server = make_server(bench, i);
        upstream->members[i] =
            (struct upstream_member){.server = server,
                                     .standing = standing_get(bench->servers, server, SLICE("app")),
                                     .weight = weights ? weights[i] : 1};
    }
    fill_slots(bench);
    bench->balancer = balancer_new(upstream, 0);
}

static inline struct server *server_of(struct bench *bench, uint32_t member)
{
    return bench->upstream->members[member].server;
}

static inline int ask(struct bench *bench)
{
    bench->question.chance += 0x9e3779b97f4a7c15u;
    return balancer_choose(bench->balancer, bench->upstream, bench->servers, &bench->question);
}

/* As often as `expected` has letters: a is the first server, - is none. */
static inline void assert_asked(struct bench *bench, const char *expected)
{
    char answers[64] = "";
    for (size_t i = 0; i < strlen(expected); i++) {
        int member = ask(bench);
        answers[i] = member == BALANCER_NONE ? '-' : (char)('a' + member);
    }
    assert_string_equal(answers, expected);
}

static inline void fail_server(struct bench *bench, uint32_t member)
{
    server_failed(bench->servers, server_of(bench, member), bench->question.now);
}

static inline struct standing *standing_of(struct bench *bench, uint32_t member)
{
    return bench->upstream->members[member].standing;
}

static inline void set_down(struct bench *bench, uint32_t member, bool is_down)
{
    standing_set_down(bench->servers, standing_of(bench, member), is_down, bench->question.now);
}

static inline void give_order(struct bench *bench, uint32_t member, enum standing_order order)
{
    standing_set_order(bench->servers, standing_of(bench, member), order, bench->question.now);
}

/* Of so many questions, how many lead to that one. */
static inline unsigned count_of(struct bench *bench, int member, unsigned questions)
{
    unsigned count = 0;
    for (unsigned i = 0; i < questions; i++)
        count += ask(bench) == member;
    return count;
}

static inline void try_members(struct bench *bench, const char *letters)
{
    bench->question.tried_count = (unsigned)strlen(letters);
    for (unsigned i = 0; i < bench->question.tried_count; i++)
        bench->tried[i] = (uint16_t)(letters[i] - 'a');
}

static const enum balance ways[] = {BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONNECTIONS,
                                    BALANCE_LEAST_TIME,  BALANCE_RANDOM,
                                    BALANCE_HASH,        BALANCE_FIRST};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
