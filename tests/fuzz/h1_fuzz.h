/* What the fuzzers of the HTTP/1 codec share. */
#pragma once

#include "wire/h1_testing.h"

/* Longer inputs than the limits know of teach nothing. */
enum { H1_FUZZ_LENGTH_MAX = 4096, H1_FUZZ_CUTS_MAX = 8 };

/* Cuts that follow from the bytes and from `round`: a change of the input moves them, and seeds
 * stay plain messages. Round 0 is byte by byte, the others are up to H1_FUZZ_CUTS_MAX places. */
static inline struct h1_cuts h1_fuzz_cuts(struct slice bytes, uint64_t round, size_t *memory)
{
    struct h1_cuts cuts = {memory, 0};
    size_t at = 0;
    uint64_t chance = slice_hash(bytes, round);
    while (at < bytes.length && (round == 0 || cuts.count < H1_FUZZ_CUTS_MAX)) {
        at += round == 0 ? 1 : 1 + chance % (bytes.length / 2 + 1);
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        memory[cuts.count++] = at < bytes.length ? at : bytes.length;
    }
    if (cuts.count == 0 || memory[cuts.count - 1] != bytes.length)
        memory[cuts.count++] = bytes.length;
    return cuts;
}

static inline void h1_fuzz_assert_equal(const struct h1_outcome *a, const struct h1_outcome *b)
{
    ASSERT(!text_is_cut(&a->text));
    ASSERT(slice_equal(text_slice(&a->text), text_slice(&b->text)));
}
