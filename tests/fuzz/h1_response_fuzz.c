/* A response comes out the same however it is split, whatever the method of its request; what is
 * accepted is clean when it is written anew, and reads the same again. */
#include "fuzz/h1_fuzz.h"
#include "wire/h1_testing_rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(struct slice bytes, struct h1_cuts cuts, enum method method,
                 struct h1_outcome *outcome)
{
    struct h1_trial trial;
    h1_trial_response(&trial, bytes, cuts, &H1_TESTING_LIMITS, method);
    h1_describe_response(outcome, &trial);
    h1_trial_fini(&trial);
}

static void check_splits(struct slice bytes, enum method method)
{
    static size_t memory[H1_FUZZ_LENGTH_MAX + 1];
    static struct h1_outcome whole, split;
    feed(bytes, (struct h1_cuts){&bytes.length, 1}, method, &whole);
    for (uint64_t round = 0; round < 2; round++) {
        feed(bytes, h1_fuzz_cuts(bytes, round, memory), method, &split);
        h1_fuzz_assert_equal(&whole, &split);
    }
}

static void check_rewritten(struct h1_trial *first, enum method method)
{
    static struct h1_outcome before, after;
    static char memory[2 * H1_FUZZ_LENGTH_MAX];
    struct h1_trial second;
    struct text text = text_over(memory, sizeof(memory));
    h1_rewrite_response(first, &text);
    h1_describe_response(&before, first);
    ASSERT(!text_is_cut(&text) && h1_is_clean(text_slice(&text)));
    h1_trial_response(&second, text_slice(&text), (struct h1_cuts){&text.length, 1},
                      &H1_REWRITTEN_LIMITS, method);
    ASSERT(h1_trial_is_good(&second) && second.scan.length == text.length);
    h1_forget_wire(&second);
    h1_describe_response(&after, &second);
    h1_fuzz_assert_equal(&before, &after);
    h1_trial_fini(&second);
}

static void check(struct slice bytes, enum method method)
{
    struct h1_trial trial;
    check_splits(bytes, method);
    h1_trial_response(&trial, bytes, (struct h1_cuts){&bytes.length, 1}, &H1_TESTING_LIMITS,
                      method);
    if (h1_trial_is_good(&trial))
        check_rewritten(&trial, method);
    h1_trial_fini(&trial);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of((const char *)data, size);
    if (size > H1_FUZZ_LENGTH_MAX)
        return -1;
    check(bytes, METHOD_GET);
    check(bytes, METHOD_HEAD);
    return 0;
}
