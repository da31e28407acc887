#include "policy/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { VISITORS = 100 * 1000, STABLE = 0, CANARY = 1, OTHER = 2 };

static uint64_t visitor(unsigned number)
{
    return number * 0x9e3779b97f4a7c15u;
}

static void lay_out(struct split_share shares[3], unsigned stable, unsigned canary, unsigned other)
{
    shares[STABLE] = (struct split_share){split_seed(SLICE("stable")), stable};
    shares[CANARY] = (struct split_share){split_seed(SLICE("canary")), canary};
    shares[OTHER] = (struct split_share){split_seed(SLICE("other")), other};
}

/* The visitors are the same at each run: nothing here is left to chance. */
static void each_gets_its_share(void **state)
{
    struct split_share shares[3];
    unsigned counts[3] = {0};
    (void)state;
    lay_out(shares, 7000, 2500, 500);
    for (unsigned i = 0; i < VISITORS; i++)
        counts[split_choose(shares, 3, visitor(i))]++;
    assert_in_range(counts[STABLE], 69500, 70500);
    assert_in_range(counts[CANARY], 24500, 25500);
    assert_in_range(counts[OTHER], 4700, 5300);
}

static void small_shares_are_exact_as_well(void **state)
{
    struct split_share shares[3];
    unsigned counts[3] = {0};
    (void)state;
    lay_out(shares, 9990, 10, 0);
    for (unsigned i = 0; i < VISITORS; i++)
        counts[split_choose(shares, 3, visitor(i))]++;
    assert_in_range(counts[CANARY], 60, 140);
    assert_int_equal(counts[OTHER], 0);
}

static void nobody_leaves_a_variant_that_grows(void **state)
{
    static const unsigned steps[] = {0, 1, 100, 1000, 2000, 5000, 9999, 10000};
    (void)state;
    for (size_t step = 1; step < sizeof(steps) / sizeof(steps[0]); step++) {
        struct split_share before[3], after[3];
        unsigned came = 0;
        lay_out(before, 10000 - steps[step - 1], steps[step - 1], 0);
        lay_out(after, 10000 - steps[step], steps[step], 0);
        for (unsigned i = 0; i < VISITORS; i++) {
            uint32_t was = split_choose(before, 3, visitor(i));
            uint32_t is = split_choose(after, 3, visitor(i));
            if (was == CANARY)
                assert_int_equal(is, CANARY);
            came += was != is;
        }
        unsigned gained = (steps[step] - steps[step - 1]) * 10;
        assert_in_range(came, gained * 9 / 10, gained * 11 / 10 + 20);
    }
}

static void a_third_variant_takes_from_those_that_shrink_alone(void **state)
{
    struct split_share before[3], after[3];
    (void)state;
    lay_out(before, 8000, 2000, 0);
    lay_out(after, 6000, 2000, 2000);
    for (unsigned i = 0; i < VISITORS; i++) {
        uint32_t was = split_choose(before, 3, visitor(i));
        uint32_t is = split_choose(after, 3, visitor(i));
        if (is == STABLE)
            assert_int_equal(was, STABLE);
    }
}

static void the_order_means_nothing(void **state)
{
    struct split_share shares[3], turned[3];
    (void)state;
    lay_out(shares, 5000, 3000, 2000);
    turned[0] = shares[2], turned[1] = shares[1], turned[2] = shares[0];
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(split_choose(turned, 3, visitor(i)),
                         2 - split_choose(shares, 3, visitor(i)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gets_its_share),
        cmocka_unit_test(small_shares_are_exact_as_well),
        cmocka_unit_test(nobody_leaves_a_variant_that_grows),
        cmocka_unit_test(a_third_variant_takes_from_those_that_shrink_alone),
        cmocka_unit_test(the_order_means_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
