/* The code is canonical: among codes of one length those of smaller bytes are smaller, and all of
 * them are smaller than the beginnings of longer ones. So the lengths say everything; the tables
 * are made of them when the program starts. */
#include "wire/hpack_huffman.h"

#include "base/assert.h"

#include <endian.h>
#include <string.h>

enum {
    SYMBOLS = 257, /* bytes, and EOS behind them */
    EOS = 256,
    LONGEST = 30,
    SHORT = 8, /* bits of the codes that one look finds: all of letters, digits and most marks */
};

/* RFC 7541 appendix B: bits of the code of each byte, and of EOS. */
static const uint8_t LENGTHS[SYMBOLS] = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,
    5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8,  15, 6,  12, 10, 13, 6,  7,  7,  7,  7,  7,  7,
    7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8,  13, 19, 13, 14, 6,
    15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,  5,  6,  7,  7,
    7,  7,  7,  15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
};

struct short_code {
    uint8_t symbol, length; /* 0: it is a longer one */
};

struct code {
    uint32_t bits, length;
};

static struct {
    struct code codes[SYMBOLS];
    struct short_code shorts[1 << SHORT]; /* by the bits that come next */
    uint16_t symbols[SYMBOLS];            /* in the order of their codes */
    uint64_t ends[LONGEST + 1];    /* of the codes of that length, which begin at the 32nd bit */
    uint32_t firsts[LONGEST + 1];  /* the smallest of them */
    uint16_t offsets[LONGEST + 1]; /* and its place among `symbols` */
} tables;

static void add_short(unsigned symbol, uint32_t code, unsigned length)
{
    unsigned spare = SHORT - length;
    for (uint32_t i = 0; i < UINT32_C(1) << spare; i++)
        tables.shorts[code << spare | i] = (struct short_code){(uint8_t)symbol, (uint8_t)length};
}

__attribute__((constructor)) static void make_tables(void)
{
    uint32_t code = 0;
    uint16_t place = 0;
    for (unsigned length = 1; length <= LONGEST; length++) {
        code <<= 1;
        tables.firsts[length] = code;
        tables.offsets[length] = place;
        for (unsigned symbol = 0; symbol < SYMBOLS; symbol++) {
            if (LENGTHS[symbol] != length)
                continue;
            if (length <= SHORT)
                add_short(symbol, code, length);
            tables.symbols[place++] = (uint16_t)symbol;
            tables.codes[symbol] = (struct code){code++, length};
        }
        tables.ends[length] = (uint64_t)code << (32 - length);
    }
    ASSERT(place == SYMBOLS);
}

/* ---- unpacking */

struct bits {
    uint64_t next; /* the first one is the highest; behind those of the last byte come zeros */
    unsigned count;
    const char *at, *end;
};

/* Eight bytes at once where there are as many: some of the last one's bits may stand in `next`
 * before they are counted, and are put there once more when they are. */
static inline void refill(struct bits *bits)
{
    if (bits->end - bits->at >= 8) {
        uint64_t bytes;
        memcpy(&bytes, bits->at, sizeof(bytes));
        bits->next |= be64toh(bytes) >> bits->count;
        unsigned whole = (63 - bits->count) / 8;
        bits->at += whole;
        bits->count += 8 * whole;
        return;
    }
    for (; bits->count <= 56 && bits->at < bits->end; bits->count += 8)
        bits->next |= (uint64_t)(unsigned char)*bits->at++ << (56 - bits->count);
}

static inline void drop(struct bits *bits, unsigned count)
{
    bits->next <<= count;
    bits->count -= count;
}

/* The symbol of a code that is longer than SHORT; its length is 0 where the bits end before. */
static unsigned find_long(const struct bits *bits, unsigned *ret_length)
{
    uint32_t window = (uint32_t)(bits->next >> 32);
    unsigned length = SHORT + 1;
    while (window >= tables.ends[length])
        length++;
    *ret_length = length <= bits->count ? length : 0;
    uint32_t code = window >> (32 - length);
    return tables.symbols[tables.offsets[length] + (code - tables.firsts[length])];
}

/* What is left is the beginning of EOS, and less than a byte. */
static bool is_padding(const struct bits *bits)
{
    return bits->count < 8 && bits->next == ~(UINT64_MAX >> bits->count);
}

bool hpack_huffman_unpack(struct slice packed, char *to, size_t *ret_length)
{
    struct bits bits = {.at = packed.data, .end = packed.data + packed.length};
    char *start = to;
    for (;;) {
        if (bits.count < LONGEST)
            refill(&bits);
        struct short_code code = tables.shorts[bits.next >> (64 - SHORT)];
        unsigned symbol = code.symbol, length = code.length;
        if (length == 0)
            symbol = find_long(&bits, &length);
        if (length == 0 || length > bits.count)
            break;
        if (symbol == EOS)
            return false;
        *to++ = (char)symbol;
        drop(&bits, length);
    }
    *ret_length = (size_t)(to - start);
    return is_padding(&bits);
}

/* ---- packing */

size_t hpack_huffman_length(struct slice text)
{
    size_t bits = 0;
    for (size_t i = 0; i < text.length; i++)
        bits += LENGTHS[(unsigned char)text.data[i]];
    return (bits + 7) / 8;
}

static void put_word(char *to, uint32_t word)
{
    word = htobe32(word);
    memcpy(to, &word, sizeof(word));
}

void hpack_huffman_pack(struct slice text, char *to)
{
    uint64_t waiting = 0; /* its lowest `count` bits */
    unsigned count = 0;
    for (size_t i = 0; i < text.length; i++) {
        struct code code = tables.codes[(unsigned char)text.data[i]];
        waiting = waiting << code.length | code.bits;
        count += code.length;
        if (count >= 32) {
            count -= 32;
            put_word(to, (uint32_t)(waiting >> count));
            to += 4;
        }
    }
    for (; count >= 8; count -= 8)
        *to++ = (char)(waiting >> (count - 8));
    if (count > 0)
        *to = (char)(waiting << (8 - count) | 0xff >> count);
}
