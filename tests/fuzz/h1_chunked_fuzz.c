/* A chunked body comes out the same however it is split; what is accepted reads the same again when
 * its data and trailers are written anew. */
#include "fuzz/h1_fuzz.h"
#include "wire/h1_testing_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Data and trailers in one chunk; the trailers are those of the bytes at `section`. */
static void rewrite(const struct h1_body_trial *trial, struct slice section, struct text *text)
{
    struct arena arena;
    struct fields trailers;
    arena_init(&arena, NULL, H1_TESTING_ARENA);
    enum error_code error = h1_parse_trailers(section, &trial->scan, H1_REQUEST, &arena, &trailers);
    ASSERT(error == ERROR_NONE);
    if (trial->data.length > 0) {
        h1_write_chunk_head(text, trial->data.length);
        text_add(text, text_slice(&trial->data));
        text_add(text, SLICE("\r\n"));
    }
    h1_write_last_chunk(text, &trailers);
    arena_fini(&arena);
}

/* `outcome` without the fact `end`, which a body written anew need not share. */
static struct slice without_end(const struct h1_outcome *outcome)
{
    struct slice told = text_slice(&outcome->text);
    ASSERT(slice_starts_with(told, SLICE("ok end=")));
    (void)slice_cut(&told, '=');
    (void)slice_cut(&told, ' ');
    return told;
}

static void check_rewritten(const struct h1_body_trial *first, const struct h1_outcome *before,
                            struct slice bytes)
{
    static struct h1_outcome after;
    static struct h1_body_trial second;
    static char memory[2 * H1_FUZZ_LENGTH_MAX + 64];
    struct text text = text_over(memory, sizeof(memory));
    rewrite(first, slice_from(bytes, first->consumed), &text);
    ASSERT(!text_is_cut(&text));
    struct slice again = text_slice(&text);
    h1_feed_body(&second, again, (struct h1_cuts){&again.length, 1}, H1_REQUEST, &after);
    ASSERT(slice_equal(without_end(before), without_end(&after)));
    ASSERT(second.consumed + second.scan.length == again.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static size_t memory[H1_FUZZ_LENGTH_MAX + 1];
    static struct h1_outcome whole, split;
    static struct h1_body_trial trial, other;
    struct slice bytes = slice_of((const char *)data, size);
    if (size > H1_FUZZ_LENGTH_MAX)
        return -1;
    h1_feed_body(&trial, bytes, (struct h1_cuts){&bytes.length, 1}, H1_REQUEST, &whole);
    for (uint64_t round = 0; round < 3; round++) {
        h1_feed_body(&other, bytes, h1_fuzz_cuts(bytes, round, memory), H1_REQUEST, &split);
        h1_fuzz_assert_equal(&whole, &split);
    }
    /* Where a line has no space behind its colon it has one when it is written anew. */
    bool may_grow_too_large = trial.scan.length + trial.scan.lines > H1_TESTING_LIMITS.header_size;
    if (slice_starts_with(text_slice(&whole.text), SLICE("ok")) && !may_grow_too_large)
        check_rewritten(&trial, &whole, bytes);
    return 0;
}
