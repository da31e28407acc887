#include "base/buffer.h"

#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int set_up(void **state)
{
    static struct buffer_pools pools;
    *state = &pools;
    return buffer_pools_init(&pools) ? 0 : -1;
}

/* A pool ends only when everything came back: each test proves that nothing leaks. */
static int tear_down(void **state)
{
    buffer_pools_fini(*state);
    return 0;
}

static struct span span_with(struct buffer_pools *pools, const char *text)
{
    struct buffer *buffer = buffer_new(pools, strlen(text));
    assert_non_null(buffer);
    memcpy(buffer->data, text, strlen(text));
    return span_take_buffer(buffer, strlen(text));
}

static void assert_span(const struct span *span, const char *text)
{
    assert_true(slice_equal(span_slice(span), slice_from_text(text)));
}

static void a_buffer_has_the_smallest_size_that_fits(void **state)
{
    static const uint32_t SIZES[][2] = {
        {0, BUFFER_SMALL},
        {BUFFER_SMALL, BUFFER_SMALL},
        {BUFFER_SMALL + 1, BUFFER_MEDIUM},
        {BUFFER_MEDIUM + 1, BUFFER_LARGE},
        {BUFFER_LARGE, BUFFER_LARGE},
        {BUFFER_LARGE + 1, BUFFER_LARGE + 1},
    };
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        struct buffer *buffer = buffer_new(*state, SIZES[i][0]);
        assert_int_equal(buffer->capacity, SIZES[i][1]);
        assert_int_equal(buffer->references, 1);
        buffer_unref(buffer);
    }
}

static void a_buffer_goes_back_with_its_last_reference(void **state)
{
    struct buffer_pools *pools = *state;
    struct buffer *buffer = buffer_new(pools, 1);
    buffer_ref(buffer);
    buffer_unref(buffer);
    assert_int_equal(pool_in_use(pools->sizes[0]), 1);
    buffer_unref(buffer);
    assert_int_equal(pool_in_use(pools->sizes[0]), 0);
}

static void parts_share_the_buffer(void **state)
{
    struct buffer_pools *pools = *state;
    struct span whole = span_with(pools, "hello world");
    struct span part = span_part(&whole, 6, 5);
    struct span nothing = span_part(&whole, 3, 0);
    assert_ptr_equal(part.buffer, whole.buffer);
    assert_null(nothing.buffer);
    assert_int_equal(whole.buffer->references, 2);
    span_clear(&whole);
    assert_span(&part, "world");
    span_clear(&part);
    assert_span(&part, "");
}

static void skipping_all_gives_the_buffer_back(void **state)
{
    struct buffer_pools *pools = *state;
    struct span span = span_with(pools, "hello");
    span_skip(&span, 2);
    assert_span(&span, "llo");
    span_skip(&span, 3);
    assert_null(span.buffer);
    assert_int_equal(pool_in_use(pools->sizes[0]), 0);
}

static void cutting_shares_the_buffer_until_all_is_cut(void **state)
{
    struct span rest = span_with(*state, "hello world");
    struct span first = span_cut(&rest, 6), nothing = span_cut(&rest, 0);
    assert_span(&first, "hello ");
    assert_span(&rest, "world");
    assert_null(nothing.buffer);
    assert_int_equal(rest.buffer->references, 2);
    struct span last = span_cut(&rest, 5);
    assert_span(&last, "world");
    assert_null(rest.buffer);
    assert_int_equal(last.buffer->references, 2);
    span_clear(&first);
    span_clear(&last);
}

static void taking_moves(void **state)
{
    struct span first = span_with(*state, "hello");
    struct span second = span_take(&first);
    assert_null(first.buffer);
    assert_span(&second, "hello");
    assert_int_equal(second.buffer->references, 1);
    span_clear(&second);
    span_clear(&first);
}

static void a_span_of_nothing_holds_nothing(void **state)
{
    struct buffer_pools *pools = *state;
    struct span span = span_take_buffer(buffer_new(pools, 10), 0);
    assert_null(span.buffer);
    assert_int_equal(pool_in_use(pools->sizes[0]), 0);
}

static void appending_uses_the_room_behind(void **state)
{
    struct span first = span_with(*state, "hello");
    const struct buffer *buffer = first.buffer;
    assert_true(span_append(&first, span_with(*state, " world"), *state));
    assert_ptr_equal(first.buffer, buffer);
    assert_span(&first, "hello world");
    span_clear(&first);
}

static void appending_to_a_shared_buffer_leaves_the_others_alone(void **state)
{
    struct span whole = span_with(*state, "hello world");
    struct span first = span_part(&whole, 0, 5);
    assert_true(span_append(&first, span_with(*state, "!"), *state));
    assert_span(&first, "hello!");
    assert_span(&whole, "hello world");
    span_clear(&first);
    span_clear(&whole);
}

static void appending_what_does_not_fit_moves(void **state)
{
    struct buffer_pools *pools = *state;
    struct span first = span_with(pools, "hello");
    struct buffer *large = buffer_new(pools, BUFFER_SMALL);
    memset(large->data, 'x', BUFFER_SMALL);
    assert_true(span_append(&first, span_take_buffer(large, BUFFER_SMALL), pools));
    assert_int_equal(first.length, BUFFER_SMALL + 5);
    assert_memory_equal(span_slice(&first).data, "helloxxx", 8);
    assert_int_equal(pool_in_use(pools->sizes[0]), 0);
    span_clear(&first);
}

static void appending_to_nothing_is_taking(void **state)
{
    struct span first = {0};
    struct span second = span_with(*state, "hello");
    const struct buffer *buffer = second.buffer;
    assert_true(span_append(&first, second, *state));
    assert_ptr_equal(first.buffer, buffer);
    span_clear(&first);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_buffer_has_the_smallest_size_that_fits),
        TEST(a_buffer_goes_back_with_its_last_reference),
        TEST(parts_share_the_buffer),
        TEST(skipping_all_gives_the_buffer_back),
        TEST(cutting_shares_the_buffer_until_all_is_cut),
        TEST(taking_moves),
        TEST(a_span_of_nothing_holds_nothing),
        TEST(appending_uses_the_room_behind),
        TEST(appending_to_a_shared_buffer_leaves_the_others_alone),
        TEST(appending_what_does_not_fit_moves),
        TEST(appending_to_nothing_is_taking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
