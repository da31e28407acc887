#pragma once
/* SHA-1 of one short text (RFC 3174), for the answer to a WebSocket handshake (RFC 6455 4.2.2);
 * nothing here is secret, and nothing else uses it. */
#include <stdint.h>
#include <string.h>

enum { SHA1_SIZE = 20, SHA1_BLOCK = 64, SHA1_ROUNDS = 80 };

static inline uint32_t sha1_rotate(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

static inline uint32_t sha1_mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
    switch (round / 20) {
    case 0:
        return ((b & c) | (~b & d)) + 0x5A827999;
    case 1:
        return (b ^ c ^ d) + 0x6ED9EBA1;
    case 2:
        return ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC;
    default:
        return (b ^ c ^ d) + 0xCA62C1D6;
    }
}

static inline void sha1_block(uint32_t hash[5], const uint8_t block[SHA1_BLOCK])
{
    uint32_t word[SHA1_ROUNDS];
    for (unsigned i = 0; i < SHA1_ROUNDS; i++) {
        const uint8_t *byte = block + 4 * (i & 15);
        word[i] = i < 16 ? (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 |
                               (uint32_t)byte[2] << 8 | byte[3]
                         : sha1_rotate(word[i - 3] ^ word[i - 8] ^ word[i - 14] ^ word[i - 16], 1);
    }
    uint32_t state[5];
    memcpy(state, hash, sizeof state);
    for (unsigned i = 0; i < SHA1_ROUNDS; i++) {
        uint32_t next = sha1_rotate(state[0], 5) + sha1_mix(i, state[1], state[2], state[3]) +
                        state[4] + word[i];
        state[4] = state[3];
        state[3] = state[2];
        state[2] = sha1_rotate(state[1], 30);
        state[1] = state[0];
        state[0] = next;
    }
    for (unsigned i = 0; i < 5; i++) {
        hash[i] += state[i];
    }
}

/* `length` at most 64 KiB. */
static inline void sha1(const char *text, size_t length, uint8_t digest[SHA1_SIZE])
{
    uint32_t hash[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    uint8_t block[SHA1_BLOCK];
    size_t offset = 0;
    for (; length - offset >= SHA1_BLOCK; offset += SHA1_BLOCK) {
        memcpy(block, text + offset, SHA1_BLOCK);
        sha1_block(hash, block);
    }
    size_t rest = length - offset;
    memset(block, 0, sizeof block);
    memcpy(block, text + offset, rest);
    block[rest] = 0x80;
    if (rest + 9 > SHA1_BLOCK) { /* no room for the length: it goes into a block of its own */
        sha1_block(hash, block);
        memset(block, 0, sizeof block);
    }
    for (unsigned i = 0; i < 4; i++) {
        block[SHA1_BLOCK - 1 - i] = (uint8_t)((length * 8) >> (8 * i));
    }
    sha1_block(hash, block);
    for (unsigned i = 0; i < SHA1_SIZE; i++) {
        digest[i] = (uint8_t)(hash[i / 4] >> (24 - 8 * (i % 4)));
    }
}
