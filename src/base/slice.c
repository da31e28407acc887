#include "base/slice.h"

void slice_cleanse(struct slice bytes)
{
    if (bytes.length > 0)
        explicit_bzero((char *)(uintptr_t)bytes.data, bytes.length);
}

bool slice_equal_fold(struct slice a, struct slice b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++) {
        if (a.data[i] != b.data[i] && ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
            return false;
    }
    return true;
}

size_t slice_find(struct slice s, char byte)
{
    const char *at = s.length ? memchr(s.data, byte, s.length) : NULL;
    return at ? (size_t)(at - s.data) : s.length;
}

size_t slice_find_last(struct slice s, char byte)
{
    const char *at = s.length ? memrchr(s.data, byte, s.length) : NULL;
    return at ? (size_t)(at - s.data) : s.length;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
    while (s.length && is_blank(s.data[0]))
        s = slice_from(s, 1);
    while (s.length && is_blank(s.data[s.length - 1]))
        s.length--;
    return s;
}

struct slice slice_cut(struct slice *rest, char separator)
{
    size_t end = slice_find(*rest, separator);
    struct slice head = slice_until(*rest, end);
    *rest = slice_from(*rest, end + 1);
    return head;
}

int slice_compare(struct slice a, struct slice b)
{
    size_t shared = a.length < b.length ? a.length : b.length;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;
    if (order != 0)
        return order < 0 ? -1 : 1;
    return a.length == b.length ? 0 : a.length < b.length ? -1 : 1;
}

bool slice_to_number(struct slice s, uint64_t max, uint64_t *ret_number)
{
    if (slice_is_empty(s))
        return false;
    uint64_t number = 0;
    for (size_t i = 0; i < s.length; i++) {
        if (!ascii_is_digit(s.data[i]))
            return false;
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(s.data[i] - '0'), &number))
            return false;
    }
    if (number > max)
        return false;
    *ret_number = number;
    return true;
}

uint64_t slice_hash(struct slice s, uint64_t seed)
{
    uint64_t hash = 0xcbf29ce484222325u ^ seed;
    for (size_t i = 0; i < s.length; i++)
        hash = (hash ^ (unsigned char)s.data[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    return hash ^ (hash >> 32);
}

/* Eight bytes at once. Above 0x7F nothing is a letter. */
static inline uint64_t lower_word(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u, high = ones << 7;
    uint64_t low_bits = word & ~high;
    uint64_t from_a = low_bits + ones * (0x80 - 'A'), behind_z = low_bits + ones * (0x7F - 'Z');
    return word | (from_a & ~behind_z & ~word & high) >> 2;
}

__attribute__((always_inline)) static inline void lower_copy_word(char *to, const char *from)
{
    uint64_t word = 0;
    memcpy(&word, from, sizeof(word));
    word = lower_word(word);
    memcpy(to, &word, sizeof(word));
}

/* The last word may overlap the one before, where letters are small already. */
void ascii_lower_copy(char *to, struct slice from)
{
    const size_t length = from.length, word = sizeof(uint64_t);
    for (size_t i = 0; length < word && i < length; i++)
        to[i] = ascii_lower(from.data[i]);
    for (size_t i = 0; i + word < length; i += word)
        lower_copy_word(to + i, from.data + i);
    if (length >= word)
        lower_copy_word(to + length - word, from.data + length - word);
}
