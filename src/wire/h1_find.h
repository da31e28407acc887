/* Searches through the lines of a head, in which what is looked for is near: sixteen bytes at a
 * time where the processor can, eight where it cannot. */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>

static inline __m128i h1_load_block(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* A bit for each of sixteen bytes that is below 0x20 or equal to 0x7F. */
static inline unsigned h1_control_mask(const char *at)
{
    __m128i bytes = h1_load_block(at);
    __m128i below_space = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
    __m128i delete = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(below_space, delete));
}

static inline unsigned h1_equal_mask(const char *at, char byte)
{
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(h1_load_block(at), _mm_set1_epi8(byte)));
}
#endif

/* The highest bit of each byte below 0x20 or equal to 0x7F; all other bits clear. */
static inline uint64_t h1_control_bits(const char *at)
{
    const uint64_t ones = 0x0101010101010101u, high = ones << 7;
    uint64_t word = 0;
    memcpy(&word, at, sizeof(word));
    word = le64toh(word);
    uint64_t low_bits = word & ~high;
    uint64_t above_space = low_bits + ones * 0x60, delete = low_bits + ones;
    return (~above_space | delete) & ~word & high;
}

/* The first control byte, or `end`: for what is too short for larger steps, or of which the
 * processor knows none. Never inlined, so that the constants that it needs are not made for others.
 */
__attribute__((noinline)) static const char *h1_find_control_short(const char *at, const char *end)
{
    for (; end - at >= 8; at += 8) {
        uint64_t found = h1_control_bits(at);
        if (found)
            return at + __builtin_ctzll(found) / 8;
    }
    while (at < end && (unsigned char)*at >= 0x20 && *at != 0x7F)
        at++;
    return at;
}

/* The first control byte from `at` on, or `end`, or `at` where that lies behind it; from `begin`
 * on, bytes may be looked at. The last step overlaps what was seen before, which is shifted out. */
static inline const char *h1_find_control(const char *begin, const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        unsigned found = h1_control_mask(at);
        if (found)
            return at + __builtin_ctz(found);
    }
    if (at < end && end - begin >= 16) {
        unsigned found = h1_control_mask(end - 16) >> (16 - (end - at));
        return found ? at + __builtin_ctz(found) : end;
    }
#else
    (void)begin;
#endif
    return h1_find_control_short(at, end);
}

/* The first of the two bytes, or `end`. */
static inline const char *h1_find_either(const char *at, const char *end, char one, char other)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i bytes = h1_load_block(at);
        __m128i equal = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(one)),
                                     _mm_cmpeq_epi8(bytes, _mm_set1_epi8(other)));
        unsigned found = (unsigned)_mm_movemask_epi8(equal);
        if (found)
            return at + __builtin_ctz(found);
    }
#endif
    while (at < end && *at != one && *at != other)
        at++;
    return at;
}

/* The first `byte` from `at` on, or NULL, in the same manner. */
static inline const char *h1_find_byte(const char *begin, const char *at, const char *end,
                                       char byte)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        unsigned found = h1_equal_mask(at, byte);
        if (found)
            return at + __builtin_ctz(found);
    }
    if (end - begin >= 16) {
        unsigned found = h1_equal_mask(end - 16, byte) >> (16 - (end - at));
        return found ? at + __builtin_ctz(found) : NULL;
    }
#else
    (void)begin;
#endif
    return memchr(at, byte, (size_t)(end - at));
}
