/* The distance of Damerau and Levenshtein, with neighbours swapped counting as one slip: what
 * fingers do to words. */
#include "conf/diagnostics.h"

#include "base/assert.h"

enum { WORD_MAX = 63 };

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static bool is_swapped(struct slice a, struct slice b, size_t i, size_t j)
{
    return i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1];
}

/* How many slips make `a` into `b`; neither is longer than WORD_MAX. */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned rows[3][WORD_MAX + 1];
    ASSERT(a.length <= WORD_MAX && b.length <= WORD_MAX);
    for (size_t j = 0; j <= b.length; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.length; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.length; j++) {
            bool differs = ascii_lower(a.data[i - 1]) != ascii_lower(b.data[j - 1]);
            row[j] = smaller(smaller(above[j], row[j - 1]) + 1, above[j - 1] + differs);
            if (is_swapped(a, b, i, j))
                row[j] = smaller(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a.length % 3][b.length];
}

/* One slip in three letters, at most three. */
static unsigned allowed_slips(size_t length)
{
    return length < 3 ? 0 : length < 6 ? 1 : length < 9 ? 2 : 3;
}

const char *did_you_mean(struct slice word, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    unsigned best_distance = allowed_slips(word.length) + 1;
    for (size_t i = 0; word.length <= WORD_MAX && i < count; i++) {
        struct slice candidate = slice_from_text(candidates[i]);
        if (candidate.length > WORD_MAX)
            continue;
        unsigned slips = distance(word, candidate);
        if (slips < best_distance) {
            best = candidates[i];
            best_distance = slips;
        }
    }
    return best;
}
