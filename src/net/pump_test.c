#include "net/pump.h"

#include "net/test_pair.h"
#include "sys/signal.h"

#include <dirent.h>

struct fixture {
    struct loop *loop;
    struct pipe_pool *pool;
    struct test_pair source, sink;
    struct pump pump;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->loop = loop_new();
    fixture->pool = pipe_pool_new();
    assert_non_null(fixture->loop);
    assert_non_null(fixture->pool);
    test_pair_open(&fixture->source, fixture->loop);
    test_pair_open(&fixture->sink, fixture->loop);
    pump_none(&fixture->pump);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    pump_fini(&fixture->pump);
    test_pair_close(&fixture->source);
    test_pair_close(&fixture->sink);
    pipe_pool_free(fixture->pool);
    loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static void begin(struct fixture *fixture, uint64_t count)
{
    assert_true(pump_init(&fixture->pump, fixture->pool, count));
    assert_true(pump_is_in_use(&fixture->pump));
}

static enum pump_event run(struct fixture *fixture, uint64_t *ret_moved)
{
    return pump_run(&fixture->pump, &fixture->source.transport, &fixture->sink.transport,
                    ret_moved);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    assert_int_equal(closedir(directory), 0);
    return count;
}

static void all_bytes_and_no_more_are_moved(void **state)
{
    struct fixture *fixture = *state;
    uint64_t moved = 0;
    char memory[32];
    begin(fixture, 5);
    assert_int_equal(run(fixture, &moved), PUMP_WAIT_SOURCE);
    assert_int_equal(test_pair_write(&fixture->source, SLICE("hello and more")), 14);
    test_pair_await(&fixture->source, fixture->loop);
    assert_int_equal(run(fixture, &moved), PUMP_END);
    assert_int_equal(moved, 5);
    assert_int_equal(fixture->pump.remaining, 0);
    assert_int_equal(test_pair_read(&fixture->sink, memory, sizeof(memory)), 5);
    assert_memory_equal(memory, "hello", 5);
    struct span rest = {0};
    assert_int_equal(transport_receive(&fixture->source.transport, 100, &rest), IO_DONE);
    assert_int_equal(rest.length, 9);
    span_clear(&rest);
}

static void a_source_that_ends_too_soon_is_a_cut(void **state)
{
    struct fixture *fixture = *state;
    uint64_t moved = 0;
    begin(fixture, 100);
    assert_int_equal(test_pair_write(&fixture->source, SLICE("short")), 5);
    test_pair_close_peer(&fixture->source);
    assert_int_equal(run(fixture, &moved), PUMP_CUT);
    assert_int_equal(moved, 5);
    assert_int_equal(fixture->pump.remaining, 95);
}

static void a_sink_that_is_gone_is_told(void **state)
{
    struct fixture *fixture = *state;
    uint64_t moved = 0;
    begin(fixture, 100);
    assert_int_equal(test_pair_write(&fixture->source, SLICE("lost")), 4);
    test_pair_close_peer(&fixture->sink);
    assert_int_equal(run(fixture, &moved), PUMP_SINK_FAILED);
    assert_int_equal(moved, 0);
    assert_int_equal(fixture->pump.held, 4);
}

static void count_right(const char *bytes, size_t count, uint64_t offset)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(bytes[i], (char)((offset + i) % 253));
}

/* Fills the source and empties the sink at different times: each waits for the other. */
static void a_long_body_waits_on_both_sides_and_stays_the_same(void **state)
{
    struct fixture *fixture = *state;
    enum { TOTAL = 6 * 1024 * 1024, PIECE = 50 * 1000 };
    static char memory[PIECE];
    uint64_t written = 0, got = 0, moved = 0, all_moved = 0;
    bool waited_for_source = false, waited_for_sink = false;
    begin(fixture, TOTAL);
    while (got < TOTAL) {
        size_t length = TOTAL - written < PIECE ? TOTAL - written : PIECE;
        for (size_t i = 0; i < length; i++)
            memory[i] = (char)((written + i) % 253);
        written += test_pair_write(&fixture->source, slice_of(memory, length));
        loop_turn(fixture->loop, 0);
        enum pump_event event = PUMP_END;
        if (pump_is_in_use(&fixture->pump) && all_moved < TOTAL)
            event = run(fixture, &moved);
        all_moved += moved;
        moved = 0;
        waited_for_source |= event == PUMP_WAIT_SOURCE;
        waited_for_sink |= event == PUMP_WAIT_SINK;
        if (event == PUMP_WAIT_SINK || all_moved == TOTAL) {
            size_t part = test_pair_read(&fixture->sink, memory, PIECE);
            count_right(memory, part, got);
            got += part;
        }
    }
    assert_int_equal(all_moved, TOTAL);
    assert_true(waited_for_source && waited_for_sink);
}

static void an_empty_pipe_is_used_again(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 5);
    int first = fixture->pump.ends[0];
    unsigned before = open_descriptors();
    pump_fini(&fixture->pump);
    assert_false(pump_is_in_use(&fixture->pump));
    assert_int_equal(open_descriptors(), before);
    begin(fixture, 5);
    assert_int_equal(fixture->pump.ends[0], first);
}

static void a_pipe_with_bytes_in_it_is_closed(void **state)
{
    struct fixture *fixture = *state;
    uint64_t moved = 0;
    begin(fixture, 100);
    unsigned before = open_descriptors();
    assert_int_equal(test_pair_write(&fixture->source, SLICE("left")), 4);
    test_pair_close_peer(&fixture->sink);
    assert_int_equal(run(fixture, &moved), PUMP_SINK_FAILED);
    pump_fini(&fixture->pump);
    assert_int_equal(open_descriptors(), before - 1 - 2); /* the peer's, and the pipe's two */
    pump_fini(&fixture->pump);                            /* harmless */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(all_bytes_and_no_more_are_moved),
        TEST(a_source_that_ends_too_soon_is_a_cut),
        TEST(a_sink_that_is_gone_is_told),
        TEST(a_long_body_waits_on_both_sides_and_stays_the_same),
        TEST(an_empty_pipe_is_used_again),
        TEST(a_pipe_with_bytes_in_it_is_closed),
    };
    sys_signals_prepare(); /* splice(2) knows no way to be spared SIGPIPE */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
