/* A request comes out the same however it is split; what is accepted is clean when it is written
 * anew, and reads the same again. */
#include "fuzz/h1_fuzz.h"
#include "wire/h1_testing_rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(struct slice bytes, struct h1_cuts cuts, struct h1_outcome *outcome)
{
    struct h1_trial trial;
    h1_trial_request(&trial, bytes, cuts, &H1_TESTING_LIMITS);
    h1_describe_request(outcome, &trial);
    h1_trial_fini(&trial);
}

static void check_splits(struct slice bytes)
{
    static size_t memory[H1_FUZZ_LENGTH_MAX + 1];
    static struct h1_outcome whole, split;
    feed(bytes, (struct h1_cuts){&bytes.length, 1}, &whole);
    for (uint64_t round = 0; round < 3; round++) {
        feed(bytes, h1_fuzz_cuts(bytes, round, memory), &split);
        h1_fuzz_assert_equal(&whole, &split);
    }
}

static void check_rewritten(struct h1_trial *first)
{
    static struct h1_outcome before, after;
    static char memory[2 * H1_FUZZ_LENGTH_MAX];
    struct h1_trial second;
    struct text text = text_over(memory, sizeof(memory));
    h1_rewrite_request(first, &text);
    h1_describe_request(&before, first);
    ASSERT(!text_is_cut(&text) && h1_is_clean(text_slice(&text)));
    h1_trial_request(&second, text_slice(&text), (struct h1_cuts){&text.length, 1},
                     &H1_REWRITTEN_LIMITS);
    ASSERT(h1_trial_is_good(&second) && second.scan.length == text.length);
    h1_forget_wire(&second);
    h1_describe_request(&after, &second);
    h1_fuzz_assert_equal(&before, &after);
    h1_trial_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of((const char *)data, size);
    struct h1_trial trial;
    if (size > H1_FUZZ_LENGTH_MAX)
        return -1;
    check_splits(bytes);
    h1_trial_request(&trial, bytes, (struct h1_cuts){&bytes.length, 1}, &H1_TESTING_LIMITS);
    /* HTTP/1.0 without Host has no form in HTTP/1.1; the exchange gives it one. */
    if (h1_trial_is_good(&trial) && trial.request.authority.length > 0)
        check_rewritten(&trial);
    h1_trial_fini(&trial);
    return 0;
}
