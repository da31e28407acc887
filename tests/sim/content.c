#include "sim/content.h"

static uint64_t word(uint64_t seed, uint64_t index)
{
    uint64_t z = (seed + index) * 0x9e3779b97f4a7c15u;
    z ^= z >> 29;
    z *= 0xbf58476d1ce4e5b9u;
    return z ^ (z >> 32);
}

void content_fill(uint64_t seed, uint64_t offset, char *memory, size_t size)
{
    for (size_t i = 0; i < size;) {
        uint64_t bytes = word(seed, (offset + i) / 8) >> ((offset + i) % 8 * 8);
        do {
            memory[i++] = (char)bytes;
            bytes >>= 8;
        } while (i < size && (offset + i) % 8 != 0);
    }
}

size_t content_check(uint64_t seed, uint64_t offset, struct slice bytes)
{
    char expected[512];
    size_t good = 0;
    while (good < bytes.length) {
        size_t part =
            bytes.length - good < sizeof(expected) ? bytes.length - good : sizeof(expected);
        content_fill(seed, offset + good, expected, part);
        if (memcmp(expected, bytes.data + good, part) == 0) {
            good += part;
            continue;
        }
        for (size_t i = 0; i < part; i++, good++) {
            if (bytes.data[good] != expected[i])
                return good;
        }
    }
    return good;
}
