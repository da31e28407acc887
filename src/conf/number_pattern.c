#include "conf/number_pattern.h"

#include "base/assert.h"

#define UNLIMITED (INT64_MAX / 100) /* so that ten times a unit is still a number */

/* Numbers that differ in one digit and have anything behind it: 1300 to 1799 is `1`, `[3-7]` and
 * two digits more. */
struct block {
    int64_t first;
    int64_t unit;    /* of the digit that differs: 100 */
    unsigned behind; /* how many digits stand behind it: 2 */
    unsigned least, most;
};

/* The largest block that begins with `least` and does not go beyond `most`. */
static struct block find_block(int64_t least, int64_t most)
{
    struct block block = {.first = least, .unit = 1};
    while (least % (block.unit * 10) == 0 && most - least >= block.unit * 10 - 1) {
        block.unit *= 10;
        block.behind++;
    }
    int64_t steps = (most - least + 1) / block.unit - 1;
    block.least = (unsigned)(least / block.unit % 10);
    block.most = steps > 9 - block.least ? 9 : block.least + (unsigned)steps;
    return block;
}

static void print_block(struct text *text, const struct block *block)
{
    int64_t before = block->first / block->unit / 10;
    if (before > 0)
        text_print(text, "%lld", (long long)before);
    if (block->least == block->most)
        text_print(text, "%u", block->least);
    else
        text_print(text, "[%u-%u]", block->least, block->most);
    if (block->behind > 0)
        text_add(text, SLICE("[0-9]"));
    if (block->behind > 1)
        text_print(text, "{%u}", block->behind);
}

void number_pattern_print(struct text *text, int64_t least, int64_t most)
{
    ASSERT(least >= 0 && least <= most);
    if (most >= UNLIMITED) {
        text_add(text, least == 0 ? SLICE("[0-9]+") : SLICE("0*[1-9][0-9]*"));
        return;
    }
    text_add(text, SLICE("0*(?:"));
    if (least == 0)
        text_add(text, SLICE("0"));
    for (int64_t at = least ? least : 1; at <= most;) {
        struct block block = find_block(at, most);
        if (at > least)
            text_add_byte(text, '|');
        print_block(text, &block);
        at += (block.most - block.least + 1) * block.unit;
    }
    text_add_byte(text, ')');
}
