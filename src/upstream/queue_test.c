#include "upstream/queue.h"

#include "base/arena.h"
#include "upstream/commons.h"
#include "upstream/health_settings.h"
#include "upstream/standing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LOOPS = 2, CALLS = 8 };

/* An upstream of one server with one place, which two loops share; both turn on this thread. */
struct bench {
    struct server_registry *servers;
    struct arena arena;
    struct loop *loops[LOOPS];
    struct upstreams *upstreams[LOOPS];
    struct server *server;
    struct upstream *upstream, *reloaded; /* the same one in a later snapshot */
    struct queue_settings settings;
    struct waiter *waiters[CALLS];
    unsigned turns[CALLS]; /* how often each was called */
    char order[CALLS * 2];
};

static struct bench *bench;

static void on_turn(struct waiter *waiter)
{
    unsigned number = (unsigned)(uintptr_t)waiter->owner - 1;
    bench->turns[number]++;
    bench->order[strlen(bench->order)] = (char)('a' + number);
}

static struct upstream *make_upstream(struct commons *commons, uint64_t serial)
{
    struct upstream *upstream = calloc(1, sizeof(*upstream) + sizeof(struct upstream_member));
    upstream->serial = serial;
    upstream->commons = commons;
    upstream->queue = &bench->settings;
    upstream->is_limited = true;
    upstream->count = 1;
    upstream->members[0] = (struct upstream_member){
        .server = bench->server,
        .standing = standing_get(bench->servers, bench->server, SLICE("app")),
        .weight = 1,
        .max_connections = 1};
    return upstream;
}

static int set_up(void **state)
{
    (void)state;
    struct server_place place;
    const char *wrong, *cure;
    bench = calloc(1, sizeof(*bench));
    arena_init(&bench->arena, NULL, SIZE_MAX / 2);
    bench->servers = server_registry_new();
    bench->settings = (struct queue_settings){.size = 4, .timeout = 3600 * 1000};
    assert_true(server_place_parse(SLICE("10.0.0.1:80"), &bench->arena, &place, &wrong, &cure));
    bench->server = server_registry_get(bench->servers, &place);
    struct commons *commons =
        commons_get(server_registry_commons(bench->servers), SLICE("upstream"));
    assert_true(queue_watch(commons, bench->server) && queue_watch(commons, bench->server));
    bench->upstream = make_upstream(commons, 1);
    bench->reloaded = make_upstream(commons, 2);
    for (int i = 0; i < LOOPS; i++) {
        bench->loops[i] = loop_new();
        bench->upstreams[i] = upstreams_new(bench->loops[i], bench->servers);
    }
    atomic_store(&bench->server->active, 1);
    return 0;
}

static void turn(void)
{
    for (int i = 0; i < LOOPS; i++)
        loop_turn(bench->loops[i], 0);
}

static int tear_down(void **state)
{
    (void)state;
    turn();
    for (int i = 0; i < LOOPS; i++) {
        assert_true(upstreams_is_quiet(bench->upstreams[i]));
        upstreams_free(bench->upstreams[i]);
        loop_free(bench->loops[i]);
    }
    server_registry_free(bench->servers);
    free(bench->upstream);
    free(bench->reloaded);
    arena_fini(&bench->arena);
    free(bench);
    return 0;
}

/* Each second one on the other loop. */
static enum queue_join join_with(unsigned number, const struct upstream *upstream,
                                 unsigned priority, bool again)
{
    return queue_join(bench->upstreams[number % LOOPS], upstream, priority, again, 0,
                      (void *)(uintptr_t)(number + 1), on_turn, &bench->waiters[number]);
}

static enum queue_join join_at(unsigned number, const struct upstream *upstream, bool again)
{
    return join_with(number, upstream, QUEUE_PRIORITY_NORMAL, again);
}

static enum queue_join join(unsigned number)
{
    return join_at(number, bench->upstream, false);
}

static void free_place(void)
{
    atomic_store(&bench->server->active, 0);
    queue_place_free(bench->server);
    turn();
}

static void leave(unsigned number, bool has_place)
{
    if (has_place)
        atomic_store(&bench->server->active, 1);
    queue_leave(bench->waiters[number], has_place);
    turn();
}

static void each_place_calls_who_waits_longest(void **state)
{
    (void)state;
    assert_int_equal(join(0), QUEUE_FIRST);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(join(i), QUEUE_JOINED);
    for (unsigned i = 0; i < 4; i++) {
        free_place();
        assert_true(queue_is_called(bench->waiters[i]));
        leave(i, true);
    }
    assert_string_equal(bench->order, "abcd");
    assert_false(queue_is_used(bench->upstream->commons));
}

static void two_places_call_two(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        join(i);
    free_place();
    free_place();
    assert_string_equal(bench->order, "ab");
    for (unsigned i = 0; i < 3; i++)
        leave(i, i < 2);
}

static void nobody_more_than_there_is_room_for(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        join(i);
    assert_int_equal(join(4), QUEUE_IS_FULL);
    leave(1, false);
    assert_int_equal(join(4), QUEUE_JOINED);
    for (unsigned i = 0; i < 5; i++) {
        if (i != 1)
            leave(i, false);
    }
    assert_int_equal(counter_read(&bench->upstream->commons->queue_overflows), 1);
}

static void who_leaves_when_called_passes_the_place_on(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        join(i);
    free_place();
    leave(0, false);
    assert_string_equal(bench->order, "ab");
    leave(1, true);
    leave(2, false);
    assert_string_equal(bench->order, "ab");
}

/* Its memory goes when its message arrives. */
static void who_leaves_while_its_call_is_under_way_is_not_called(void **state)
{
    (void)state;
    join(1);
    atomic_store(&bench->server->active, 0);
    queue_place_free(bench->server);
    queue_leave(bench->waiters[1], false);
    assert_false(upstreams_is_quiet(bench->upstreams[1]));
    turn();
    assert_string_equal(bench->order, "");
}

static void who_found_none_keeps_its_place_in_the_queue(void **state)
{
    (void)state;
    join(0);
    join(1);
    free_place();
    atomic_store(&bench->server->active, 1); /* a call of another upstream was quicker */
    assert_true(queue_found_none(bench->waiters[0], false));  /* look again, */
    assert_false(queue_found_none(bench->waiters[0], false)); /* and wait */
    free_place();
    assert_string_equal(bench->order, "aa");
    leave(0, true);
    leave(1, false);
}

static void a_call_before_the_message_has_come_is_not_lost(void **state)
{
    (void)state;
    join(1);
    atomic_store(&bench->server->active, 0);
    queue_place_free(bench->server);
    assert_true(queue_found_none(bench->waiters[1], false));
    assert_false(queue_found_none(bench->waiters[1], false));
    queue_place_free(bench->server); /* the message is under way all the time */
    turn();
    assert_string_equal(bench->order, "b");
    leave(1, true);
}

static void who_lost_its_place_goes_to_the_front(void **state)
{
    (void)state;
    join(0);
    join(1);
    free_place();
    leave(0, true);
    join_at(0, bench->upstream, true);
    free_place();
    assert_string_equal(bench->order, "aa");
    leave(0, true);
    leave(1, false);
}

/* Of one snapshot only the first looks by itself; who is of another one may know other servers. */
static void a_newer_snapshot_does_not_wait_for_an_older_one(void **state)
{
    (void)state;
    assert_int_equal(join(0), QUEUE_FIRST);
    assert_int_equal(join_at(1, bench->reloaded, false), QUEUE_FIRST);
    assert_int_equal(join_at(2, bench->reloaded, false), QUEUE_JOINED);
    free_place();
    assert_true(queue_found_none(bench->waiters[0], false));
    turn();
    assert_string_equal(bench->order, "ab");
    for (unsigned i = 0; i < 3; i++)
        leave(i, i == 1);
}

static void a_place_that_is_none_for_them_calls_nobody(void **state)
{
    (void)state;
    join(0);
    atomic_store(&bench->server->active, 3); /* calls of an upstream without limit */
    queue_place_free(bench->server);
    turn();
    assert_string_equal(bench->order, "");
    leave(0, false);
}

/* It has tried the server, and waits for another one. */
static void who_is_picky_keeps_nobody_from_a_place(void **state)
{
    (void)state;
    join(0);
    assert_false(queue_found_none(bench->waiters[0], true));
    assert_int_equal(join(1), QUEUE_FIRST);
    assert_false(queue_found_none(bench->waiters[1], false));
    assert_int_equal(join(2), QUEUE_JOINED);
    free_place();
    assert_true(queue_found_none(bench->waiters[0], true));
    turn();
    assert_string_equal(bench->order, "ab");
    leave(1, true);
    leave(0, false);
    leave(2, false);
}

static void who_comes_does_not_take_what_another_was_called_for(void **state)
{
    (void)state;
    join(0);
    free_place();
    assert_int_equal(join(1), QUEUE_JOINED);
    leave(0, true);
    assert_string_equal(bench->order, "a");
    leave(1, false);
}

static void a_place_too_many_is_remembered(void **state)
{
    (void)state;
    join(0);
    free_place();
    free_place(); /* nobody is left to be called */
    assert_int_equal(join(1), QUEUE_FIRST);
    leave(1, true);
    leave(0, true);
    join(0);
    free_place();
    free_place();
    assert_int_equal(join(1), QUEUE_FIRST);
    assert_int_equal(join(2), QUEUE_JOINED);
    for (unsigned i = 0; i < 3; i++)
        leave(i, i < 2);
}

/* A second server of the upstream, which rests and has one place. */
static struct upstream *add_resting_server(struct server **ret_server)
{
    struct server_place place;
    const char *wrong, *cure;
    struct upstream *upstream = calloc(1, sizeof(*upstream) + 2 * sizeof(struct upstream_member));
    *upstream = *bench->upstream;
    upstream->count = 2;
    upstream->members[0] = bench->upstream->members[0];
    assert_true(server_place_parse(SLICE("10.0.0.2:80"), &bench->arena, &place, &wrong, &cure));
    *ret_server = server_registry_get(bench->servers, &place);
    upstream->members[1] =
        (struct upstream_member){.server = *ret_server, .weight = 1, .max_connections = 1};
    atomic_store(&(*ret_server)->rests_until, UINT64_MAX);
    return upstream;
}

/* Nobody who waits there gives a place back. */
static void who_comes_tells_of_a_server_that_is_back(void **state)
{
    (void)state;
    struct server *other;
    struct upstream *upstream = add_resting_server(&other);
    assert_int_equal(join_at(0, upstream, false), QUEUE_FIRST);
    assert_int_equal(join_at(1, upstream, false), QUEUE_JOINED);
    turn();
    assert_string_equal(bench->order, "");
    atomic_store(&other->rests_until, 0);
    assert_int_equal(join_at(2, upstream, false), QUEUE_JOINED);
    assert_int_equal(join_at(3, upstream, false), QUEUE_JOINED);
    turn();
    assert_string_equal(bench->order, "a"); /* there is one place */
    atomic_store(&other->active, 1);
    for (unsigned i = 0; i < 4; i++)
        leave(i, i == 0);
    assert_string_equal(bench->order, "a");
    free(upstream);
}

static void nobody_is_called_to_a_server_that_is_set_aside(void **state)
{
    (void)state;
    struct server *other;
    struct upstream *upstream = add_resting_server(&other);
    static const struct health_settings health;
    struct standing standings[2] = {0};
    upstream->health = &health;
    for (unsigned i = 0; i < 2; i++)
        upstream->members[i].standing = &standings[i];
    atomic_store(&other->rests_until, 0);
    atomic_store(&other->set_aside, 1);
    atomic_store(&standings[1].order, STANDING_DISABLED);
    for (unsigned i = 0; i < 3; i++)
        join_at(i, upstream, false);
    turn();
    assert_string_equal(bench->order, "");
    atomic_store(&other->set_aside, 0);
    atomic_store(&standings[1].order, STANDING_ENABLED);
    join_at(3, upstream, false);
    turn();
    assert_string_equal(bench->order, "a");
    atomic_store(&other->active, 1);
    for (unsigned i = 0; i < 4; i++)
        leave(i, i == 0);
    free(upstream);
}

static void who_takes_another_place_leaves_his_to_the_next(void **state)
{
    (void)state;
    struct server *other;
    struct upstream *upstream = add_resting_server(&other);
    for (unsigned i = 0; i < 3; i++)
        join_at(i, upstream, false);
    atomic_store(&other->rests_until, 0);
    free_place();
    assert_string_equal(bench->order, "a");
    atomic_store(&other->active, 1);
    queue_leave(bench->waiters[0], true);
    turn();
    assert_string_equal(bench->order, "ab");
    leave(1, true);
    leave(2, false);
    assert_string_equal(bench->order, "ab");
    free(upstream);
}

static void who_leaves_when_called_passes_the_place_on_to_another_upstream(void **state)
{
    (void)state;
    struct commons *commons = commons_get(server_registry_commons(bench->servers), SLICE("other"));
    struct upstream *upstream = make_upstream(commons, 3);
    assert_true(queue_watch(commons, bench->server));
    join(0);
    join_at(1, upstream, false);
    free_place();
    assert_string_equal(bench->order, "a");
    leave(0, false);
    assert_string_equal(bench->order, "ab");
    leave(1, true);
    free(upstream);
}

/* However many have waited there before. */
static void of_two_upstreams_goes_first_who_waits_longest(void **state)
{
    (void)state;
    struct commons *commons = commons_get(server_registry_commons(bench->servers), SLICE("other"));
    struct upstream *upstream = make_upstream(commons, 3);
    assert_true(queue_watch(commons, bench->server));
    for (unsigned i = 0; i < 4; i++) {
        join(i);
        leave(i, false);
    }
    join(0);
    join_at(1, upstream, false);
    free_place();
    assert_string_equal(bench->order, "a");
    leave(0, true);
    leave(1, false);
    free(upstream);
}

/* And among equals who came first; also where one of them has left, and where somebody comes back.
 */
static void who_has_priority_goes_first(void **state)
{
    (void)state;
    static const unsigned priorities[] = {5, 9, 1, 5, 1, 9, 3};
    bench->settings.size = CALLS;
    for (unsigned i = 0; i < 7; i++)
        join_with(i, bench->upstream, priorities[i], false);
    leave(4, false);
    leave(5, false);
    leave(6, false);
    join_with(4, bench->upstream, 1, false);
    join_with(5, bench->upstream, 5, true);
    for (unsigned i = 0; i < 6; i++) {
        free_place();
        unsigned number = (unsigned)(bench->order[i] - 'a');
        atomic_store(&bench->server->active, 1);
        leave(number, true);
    }
    assert_string_equal(bench->order, "cefadb");
}

int main(void)
{
#define IN_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_BENCH(each_place_calls_who_waits_longest),
        IN_BENCH(two_places_call_two),
        IN_BENCH(nobody_more_than_there_is_room_for),
        IN_BENCH(who_leaves_when_called_passes_the_place_on),
        IN_BENCH(who_leaves_while_its_call_is_under_way_is_not_called),
        IN_BENCH(who_found_none_keeps_its_place_in_the_queue),
        IN_BENCH(a_call_before_the_message_has_come_is_not_lost),
        IN_BENCH(who_lost_its_place_goes_to_the_front),
        IN_BENCH(a_newer_snapshot_does_not_wait_for_an_older_one),
        IN_BENCH(a_place_that_is_none_for_them_calls_nobody),
        IN_BENCH(who_is_picky_keeps_nobody_from_a_place),
        IN_BENCH(who_comes_does_not_take_what_another_was_called_for),
        IN_BENCH(a_place_too_many_is_remembered),
        IN_BENCH(who_comes_tells_of_a_server_that_is_back),
        IN_BENCH(nobody_is_called_to_a_server_that_is_set_aside),
        IN_BENCH(who_takes_another_place_leaves_his_to_the_next),
        IN_BENCH(who_leaves_when_called_passes_the_place_on_to_another_upstream),
        IN_BENCH(of_two_upstreams_goes_first_who_waits_longest),
        IN_BENCH(who_has_priority_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
